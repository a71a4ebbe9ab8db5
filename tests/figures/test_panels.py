"""Panels of runs."""

import pytest

from permset.figures.panels import panels_of


@pytest.mark.parametrize(("runs", "columns"), [(1, 1), (2, 2), (3, 3), (4, 2), (5, 3), (9, 3)])
def test_every_run_has_a_panel_and_the_lowest_of_a_column_says_what_is_on_its_axis(runs: int, columns: int) -> None:
    figure, panels = panels_of({f"run_{i}": f"name {i}" for i in range(runs)}, "over", "up")
    assert list(panels.values()) == figure.axes
    assert [axes.get_title(loc="left") or axes.get_title() for axes in panels.values()] == [
        f"name {i}" for i in range(runs)
    ]
    lowest = [i for i, axes in enumerate(panels.values()) if axes.get_xlabel() == "over"]
    assert lowest == list(range(max(0, runs - columns), runs))
    assert figure.get_supylabel() == "up"
