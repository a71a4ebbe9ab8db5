"""The figure of errors in the statistics of populations."""

from figure_texts import drawn, faults

from permset.figures.population import is_below, last_of, population_figure, title_of


def row(task: str, method: str, bags: str, error: float) -> dict[str, str]:
    numbers = {"error": error, "error_low": 0.9 * error, "error_high": 1.2 * error, "r2": 1 - error}
    return {"task": task, "method": method, "bags": bags} | {name: str(number) for name, number in numbers.items()}


ROWS = [
    row("rotation", "constant", "", 0.9),
    row("rotation", "estimate", "", 0.2),
    *(row("rotation", "deepset", str(bags), 10 / bags) for bags in (128, 1024)),
    *(row("rotation", "svm", str(bags), 20 / bags) for bags in (128, 1024)),
    row("rank_one", "constant", "", 0.5),
    row("rank_one", "estimate", "", 0.01),
    *(row("rank_one", method, str(bags), 0.1) for method in ("deepset", "svm") for bags in (128, 1024)),
    row("random", "constant", "", 0.5),
    row("random", "estimate", "", 0.7),
    *(row("random", method, str(bags), 0.1) for method in ("deepset", "svm") for bags in (128, 1024)),
]


def test_every_point_is_where_its_numbers_are() -> None:
    figure = population_figure(ROWS)
    assert faults(figure) == []
    first, second, third, empty = figure.axes
    titles = [axes.get_title(loc="left") for axes in (first, second, third)]
    assert titles == ["rotation", "rank one", "random"]
    assert not empty.axison
    lines = {line.get_marker(): (line.get_xdata(), line.get_ydata()) for line in first.lines}
    assert [list(values) for values in lines["o"]] == [[128, 1024], [10 / 128, 10 / 1024]]
    assert [list(values) for values in lines["s"]] == [[128, 1024], [20 / 128, 20 / 1024]]
    levels = {line.get_linestyle(): float(line.get_ydata()[0]) for line in second.lines if line.get_marker() == "None"}
    assert levels[":"] == 0.5
    assert levels["-."] == 0.01
    ends = [
        segment[:, 1].round(4).tolist() for collection in second.collections for segment in collection.get_segments()
    ]
    assert ends == [[0.09, 0.12]] * 4
    assert (first.get_xscale(), first.get_yscale()) == ("log", "log")
    assert [label.get_text() for label in third.get_xticklabels()] == ["128", "1,024"]


def test_its_legend_names_each_line_once_and_its_title_says_where_the_network_leads() -> None:
    texts = [text.words for text in drawn(population_figure(ROWS))]
    for label in ("DeepSet", "support-vector machine on covariances", "best unbiased estimate from one bag"):
        assert texts.count(label) == 1
    begin = "With 1,024 bags, the DeepSet’s error is below that of the best unbiased estimate"
    assert title_of(ROWS) == f"{begin} on rotation and random"
    assert title_of(ROWS[6:12]) == f"{begin} on no task"


def test_below_is_without_an_overlap_of_intervals() -> None:
    assert is_below(row("", "", "", 0.1), row("", "", "", 0.2))
    assert not is_below(row("", "", "", 0.1), row("", "", "", 0.12))
    assert not is_below(row("", "", "", 0.2), row("", "", "", 0.1))
    assert last_of(ROWS, "rotation", "svm")["bags"] == "1024"
    assert last_of(ROWS, "rank_one", "constant")["error"] == "0.5"
