"""The figure of methods with the right group, a smaller and a larger one."""

from figure_texts import drawn, faults

from permset.figures.subgroups import subgroups_figure, title_of


def row(task: str, method: str, fit: str, accuracy: float, bayes: float = 1.0) -> dict[str, str]:
    numbers = {"accuracy": accuracy, "accuracy_low": accuracy - 0.01, "accuracy_high": accuracy + 0.02}
    return {"task": task, "method": method, "fit": fit, "group": "C_8"} | {
        name: str(number) for name, number in {**numbers, "bayes_accuracy": bayes}.items()
    }


ROWS = [
    row("rotations", "equivariant", "small", 0.9),
    row("rotations", "equivariant", "right", 0.99),
    row("rotations", "equivariant", "large", 0.5),
    row("rotations", "group_average", "right", 0.6),
    row("blocks", "equivariant", "right", 0.7, 0.709),
    row("blocks", "group_average", "right", 0.705, 0.709),
]


def test_every_point_is_on_its_methods_line_with_its_interval() -> None:
    figure = subgroups_figure(ROWS)
    assert faults(figure) == []
    first, second = figure.axes
    assert (first.get_title(loc="left"), second.get_title(loc="left")) == ("rotations", "blocks")
    points = {
        (round(float(line.get_xdata()[0]), 3), round(float(line.get_ydata()[0]), 2)): line.get_marker()
        for line in first.lines
        if line.get_marker() in "vo^"
    }
    assert points == {(0.9, -0.24): "v", (0.99, 0.0): "o", (0.5, 0.24): "^", (0.6, 1.0): "o"}
    assert [label.get_text() for label in first.get_yticklabels()] == ["equivariant", "group average"]
    ends = [
        segment[:, 0].round(3).tolist() for collection in first.collections for segment in collection.get_segments()
    ]
    assert [0.98, 1.01] in ends
    vertical = [float(line.get_xdata()[0]) for line in second.lines if line.get_linestyle() in ("--", ":")]
    assert vertical == [0.709, 0.5]


def test_its_legend_names_each_group_once_and_its_title_counts_who_is_near() -> None:
    texts = [text.words for text in drawn(subgroups_figure(ROWS))]
    for label in ("too small a group", "the right group", "too large a group", "Bayes accuracy"):
        assert texts.count(label) == 1
    begin = "Methods with the right group within 0.01 of the Bayes accuracy:"
    assert title_of(ROWS) == f"{begin} 1 of 2 on rotations, 2 of 2 on blocks"
    near = [*ROWS, row("rotations", "group_average", "right", 0.991)]
    near.remove(ROWS[3])
    assert title_of(near) == f"{begin} 2 of 2 on rotations, 2 of 2 on blocks"
