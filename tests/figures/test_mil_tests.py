"""The figure of the tests of multiple-instance learning."""

from figure_texts import faults, words
from matplotlib.figure import Figure

from permset.figures.looks import looks
from permset.figures.mil_tests import mil_tests_figure


def row(method: str, test: str, auc: float, result: str) -> dict[str, str]:
    numbers = {"auc": auc, "auc_low": auc - 0.1, "auc_high": auc + 0.2}
    return {"method": method, "test": test, "result": result} | {key: str(value) for key, value in numbers.items()}


ROWS = [
    row("mean", "one_concept", 0.2, "fail"),
    row("mean", "two_concepts", 0.75, "pass"),
    row("concepts", "one_concept", 0.8, "pass"),
    row("concepts", "two_concepts", 0.7, "pass"),
]


def drawn(rows: list[dict[str, str]]) -> Figure:
    entry = {"task": "t", "model": {"kind": "deepset"}, "symmetrizer": None}
    named = {"mean": "DeepSet, mean pooling", "concepts": "Monotone network"}
    return mil_tests_figure(rows, named, looks(dict.fromkeys(named, entry)))


def test_every_method_has_its_interval_in_every_test() -> None:
    figure = drawn(ROWS)
    assert faults(figure) == []
    first, second = figure.axes
    assert (first.get_title(loc="left"), second.get_title(loc="left")) == ("one concept", "two concepts")
    points = [(line.get_xdata()[0], line.get_ydata()[0]) for line in first.lines if line.get_marker() in "os"]
    assert points == [(0.2, 0), (0.8, 1)]
    assert [label.get_text() for label in first.get_yticklabels()] == ["DeepSet, mean pooling", "Monotone network"]
    assert first.get_ylim()[0] > first.get_ylim()[1], "from the top"
    [ends, *_] = [collection.get_segments() for collection in first.collections]
    assert [x for x, _ in ends[0]] == [0.1, 0.4]


def test_its_title_counts_the_methods_that_pass_all_tests() -> None:
    assert "1 of 2 methods passes all tests" in words(drawn(ROWS))
    both = [row | {"result": "pass"} for row in ROWS]
    assert "2 of 2 methods pass all tests" in words(drawn(both))
