"""What methods reach with the right group, with a smaller one and with a larger one."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from permset.figures.names import plain
from permset.figures.styles import LABELS, WIDTH, caption, styled

# Of each fit: its name, colour and marker, and how far below the method's line it is drawn.
FITS = {
    "small": ("too small a group", "#A82513", "v", -0.24),
    "right": ("the right group", "#164887", "o", 0.0),
    "large": ("too large a group", "#EB6300", "^", 0.24),
}


@styled
def subgroups_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """A panel for each task, a line in it for each method, and a point for each group."""
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    places = {method: place for place, method in enumerate(dict.fromkeys(row["method"] for row in rows))}
    figure = Figure(figsize=(WIDTH, 2.2 + 0.55 * len(places)))
    panels = dict(zip(tasks, figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0], strict=True))
    for task, axes in panels.items():
        bayes = next(float(row["bayes_accuracy"]) for row in rows if row["task"] == task)
        axes.set_title(plain(task))
        axes.axvline(bayes, color="black", linestyle="--", linewidth=1, label="Bayes accuracy")
        axes.axvline(0.5, color="black", linestyle=":", linewidth=1, label="best under all permutations")
        axes.set_xlabel(LABELS["accuracy"])
    for row in rows:
        label, colour, marker, below = FITS[row["fit"]]
        mean, low, high = (float(row[f"accuracy{end}"]) for end in ("", "_low", "_high"))
        panels[row["task"]].errorbar(
            mean,
            places[row["method"]] + below,
            xerr=[[max(0.0, mean - low)], [max(0.0, high - mean)]],
            fmt=marker,
            color=colour,
            capsize=3,
            markersize=7,
            clip_on=False,
            label=label,
        )
    first = panels[tasks[0]]
    first.set_yticks(list(places.values()), [plain(method) for method in places])
    first.set_ylim(len(places) - 0.5, -0.5)
    labelled = dict(zip(*reversed(first.get_legend_handles_labels()), strict=True))
    figure.legend(labelled.values(), labelled.keys(), loc="outside lower center", ncols=2, frameon=False)
    caption(figure, title_of(rows))
    return figure


def title_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """How many of the methods with the right group come within 0.01 of the Bayes accuracy of each task."""
    near: dict[str, list[bool]] = {}
    for row in rows:
        if row["fit"] == "right":
            near.setdefault(row["task"], []).append(is_near(row))
    counts = [f"{sum(each)} of {len(each)} on {plain(task)}" for task, each in near.items()]
    return f"Methods with the right group within 0.01 of the Bayes accuracy: {', '.join(counts)}"


def is_near(row: Mapping[str, Any]) -> bool:
    return float(row["accuracy"]) >= float(row["bayes_accuracy"]) - 0.01
