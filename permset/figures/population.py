"""Errors in the statistics of populations, against the number of bags of training."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from permset.figures.names import plain
from permset.figures.sentences import listed
from permset.figures.styles import WIDTH, caption, styled

Rows = Sequence[Mapping[str, str]]
LEARNT = {
    "deepset": ("DeepSet", "#164887", "o", "-"),
    "svm": ("support-vector machine on covariances", "#EB6300", "s", "--"),
}
KNOWN = {"estimate": ("best unbiased estimate from one bag", "-."), "constant": ("mean of the targets", ":")}
"""of what needs no bags of training: label and line"""


@styled
def population_figure(rows: Rows) -> Figure:
    """A panel for each task: the mean squared error of each method and its 95% interval, on logarithmic axes."""
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    deep = -(-len(tasks) // 2)
    figure = Figure(figsize=(WIDTH, 1.6 + 2.9 * deep))
    panels = figure.subplots(deep, 2, sharex=True, squeeze=False).ravel()
    for axes, task in zip(panels, tasks, strict=False):
        _panel(axes, [row for row in rows if row["task"] == task])
        axes.set_title(plain(task))
    for axes in panels[len(tasks) :]:
        axes.set_axis_off()
    for axes in panels[::2]:
        axes.set_ylabel("mean squared error (nats²)")
    for axes in panels[-2:]:
        axes.set_xlabel("bags of training")
    labelled = dict(zip(*reversed(panels[0].get_legend_handles_labels()), strict=True))
    figure.legend(labelled.values(), labelled.keys(), loc="outside lower center", ncols=2, frameon=False)
    caption(figure, title_of(rows))
    return figure


def _panel(axes: Axes, rows: Rows) -> None:
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    for method, (label, line) in KNOWN.items():
        [row] = [row for row in rows if row["method"] == method]
        axes.axhline(float(row["error"]), color="black", linestyle=line, linewidth=1.2, label=label)
    for method, (label, colour, marker, line) in LEARNT.items():
        points = [row for row in rows if row["method"] == method]
        bags = [int(row["bags"]) for row in points]
        mean, low, high = (np.array([float(row[f"error{end}"]) for row in points]) for end in ("", "_low", "_high"))
        bars = np.stack([mean - low, high - mean]).clip(0)
        axes.errorbar(bags, mean, bars, color=colour, marker=marker, linestyle=line, capsize=3, label=label)
        axes.set_xticks(bags, [f"{count:,}" for count in bags])


def is_below(row: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether the error is lower, and the 95% intervals do not overlap."""
    return float(row["error_high"]) < float(other["error_low"])


def last_of(rows: Rows, task: str, method: str) -> Mapping[str, str]:
    """The row of the most bags of training."""
    found = [row for row in rows if (row["task"], row["method"]) == (task, method)]
    return max(found, key=lambda row: int(row["bags"] or 0))


def title_of(rows: Rows) -> str:
    """Where the network, with most bags, has a lower error than the best unbiased estimate."""
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    below = [task for task in tasks if is_below(last_of(rows, task, "deepset"), last_of(rows, task, "estimate"))]
    bags = int(last_of(rows, tasks[0], "deepset")["bags"])
    where = f"on {listed([plain(task) for task in below])}" if below else "on no task"
    return f"With {bags:,} bags, the DeepSet’s error is below that of the best unbiased estimate {where}"
