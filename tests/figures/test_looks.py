"""Every run has a look of its own."""

from permset.figures.looks import COLOURS, looks


def test_every_run_has_a_look_of_its_own_that_later_runs_do_not_change() -> None:
    names = [f"run{i}" for i in range(4 * len(COLOURS))]
    many = looks(names)
    assert len(set(many.values())) == len(names)
    assert list(looks(names[:5]).values()) == list(many.values())[:5]
