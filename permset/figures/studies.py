"""Figures of the studies."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from permset.figures.looks import Look, looks
from permset.figures.styles import LABELS, STYLE, legend_below, save


def study_figure(
    rows: Sequence[Mapping[str, str]],
    columns: Sequence[str],
    against: str,
    slopes: Mapping[str, float],
    known: Mapping[str, Look],
    tasks: Mapping[str, str],
    beside: Sequence[Mapping[str, Any]],
    path: Path,
) -> None:
    """Columns of a study's table against its axis or its numbers of parameters: mean over seeds, band of all seeds.

    `tasks` says of which task a run is; each has its panels. Runs that are known from other figures look as they do
    there, those of the study alone in ways of their own. Runs beside it are lines with their 95% intervals.
    """
    looks_of = _looks_of_study([row["run"] for row in rows] + [row["run"] for row in beside], known)
    groups = {task: [row for row in rows if tasks[row["run"]] == task] for task in dict.fromkeys(tasks.values())}
    panels = [(task, column) for task in groups for column in columns]
    wide = 2 if len(columns) > 3 else len(columns)
    with mpl.rc_context(STYLE):
        grid = -(-len(panels) // wide), wide
        figure = Figure(figsize=(4.5 * grid[1], 3.6 * grid[0] + 0.6))
        grid_of_axes = figure.subplots(*grid, squeeze=False).ravel()
        for axes, (task, column) in zip(grid_of_axes, panels, strict=True):
            _study_panel(axes, groups[task], column, against, looks_of)
            if column in slopes:
                _slope(axes, slopes[column])
            for row in beside:
                _beside(axes, row, column, looks_of[row["run"]])
            if len(groups) > 1:
                axes.set_title(task, fontsize=10)
        figure.suptitle("Mean over seeds, band from the lowest to the highest seed", fontsize=10)
        legend_below(figure, *grid_of_axes[:: len(columns)])
        save(figure, path)


def _study_panel(
    axes: Axes, rows: Sequence[Mapping[str, str]], column: str, against: str, looks_of: Mapping[str, Look]
) -> None:
    for run in dict.fromkeys(row["run"] for row in rows):
        look, points = looks_of[run], _points([row for row in rows if row["run"] == run], column, against)
        style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "markersize": 4}
        axes.plot(points.x, points.mean, look.dashes, **style, label=run)
        axes.fill_between(points.x, points.low, points.high, color=look.colour, alpha=0.15, linewidth=0)
    if column == "accuracy" and rows[0]["bayes_accuracy"]:
        bayes = _points(rows, "bayes_accuracy", against)
        axes.plot(bayes.x, bayes.mean, "--", color="gray", linewidth=1, label="Bayes accuracy")
    _scale(axes, rows, column, against)


def _slope(axes: Axes, power: float) -> None:
    """A power of the axis through the end of each line."""
    for i, line in enumerate(list(axes.lines)):
        x, y = (np.asarray(values, dtype=float) for values in line.get_data())
        label = f"slope {power:g}" if i == 0 else None
        axes.plot(x, y[-1] * (x / x[-1]) ** power, ":", color="black", linewidth=1, label=label)


def _beside(axes: Axes, row: Mapping[str, Any], column: str, look: Look) -> None:
    if column in row:
        axes.axhline(row[column], linestyle="--", color=look.colour, label=row["run"])
        if row[f"{column}_low"] is not None:
            axes.axhspan(row[f"{column}_low"], row[f"{column}_high"], color=look.colour, alpha=0.15)


def study_curves_figure(rows: Sequence[Mapping[str, str]], axis: str, path: Path) -> None:
    """Loss along the training for each value of a study's axis, one panel per run: mean over seeds."""
    runs = list(dict.fromkeys(row["run"] for row in rows))
    values = list(dict.fromkeys(row["value"] for row in rows))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.5 * len(runs), 4.2))
        panels = figure.subplots(1, len(runs), squeeze=False, sharey=True).ravel()
        # Shades of one colour, since these are not runs, whose colours they must not take.
        shades = mpl.colormaps["viridis"](np.linspace(0, 0.85, len(values)))
        for axes, run in zip(panels, runs, strict=True):
            for value, shade in zip(values, shades, strict=True):
                line = [row for row in rows if (row["run"], row["value"]) == (run, value)]
                step = [int(row["step"]) for row in line]
                label = f"{axis} = {json.loads(value)}"
                axes.plot(step, [float(row["validation_loss"]) for row in line], color=shade, label=label)
                axes.plot(step, [float(row["train_loss"]) for row in line], ":", color=shade)
            axes.set(xlabel="training step", yscale="log")
            axes.set_title(run, fontsize=10)
        panels[0].set_ylabel("loss")
        title = "Mean over seeds; solid: bags drawn apart from training; dotted: bags of the last training steps"
        figure.suptitle(title, fontsize=10, wrap=True)
        legend_below(figure, panels[0])
        save(figure, path)


def _looks_of_study(runs: Sequence[str], known: Mapping[str, Look]) -> dict[str, Look]:
    # A look means the same run everywhere, also where the run itself is not in the figure.
    free = (look for look in looks(range(99)).values() if look not in known.values())
    return {run: known.get(run) or next(free) for run in dict.fromkeys(runs)}


class StudyPoints(NamedTuple):
    x: list[Any]
    mean: Float[np.ndarray, " points"]
    low: Float[np.ndarray, " points"]
    high: Float[np.ndarray, " points"]


def _points(rows: Sequence[Mapping[str, str]], column: str, against: str) -> StudyPoints:
    places: dict[Any, list[float]] = {}
    for row in rows:
        places.setdefault(_place(row, against), []).append(float(row[column] or "nan"))
    names = any(isinstance(place, str) for place in places)
    order = list(places) if names else sorted(places)
    x = [str(place) for place in order] if names else order
    mean, low, high = (np.array([summary(places[place]) for place in order]) for summary in (np.mean, np.min, np.max))
    return StudyPoints(x, mean, low, high)


def _place(row: Mapping[str, str], against: str) -> Any:
    """The place of a row on its axis: a number, or a name where the value is not a number."""
    value = int(row["num_params"]) if against == "num_params" else json.loads(row["value"])
    return value if isinstance(value, int | float) else str(value)


def _scale(axes: Axes, rows: Sequence[Mapping[str, str]], column: str, against: str) -> None:
    """Logarithmic where a column or axis spans a power of ten and stays above zero."""
    x = [_place(row, against) for row in rows]
    y = [float(row[column] or "nan") for row in rows]
    if any(isinstance(place, str) for place in x):
        axes.tick_params(axis="x", labelrotation=20 if max(len(str(place)) for place in x) > 5 else 0)
    elif min(x) > 0 and max(x) >= 10 * min(x):
        axes.set_xscale("log")
    if min(y) > 0 and max(y) >= 10 * min(y):
        axes.set_yscale("log")
    elif "accuracy" in column or "saturated" in column:
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    unit = " (nats)" if "loss" in column and rows[0]["accuracy"] else ""
    axes.set(xlabel="parameters" if against == "num_params" else rows[0]["axis"], ylabel=LABELS[column] + unit)
