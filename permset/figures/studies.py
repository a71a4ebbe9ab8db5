"""Figures of the studies."""

import json
import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import MaxNLocator, PercentFormatter

from permset.figures.labels import label_ends
from permset.figures.looks import Look
from permset.figures.names import at_value, axis_name, plain, value_name
from permset.figures.sentences import HIGHER_IS_BETTER, leaders
from permset.figures.styles import LABELS, WIDTH, caption, log_where_it_spans, styled

Rows = Sequence[Mapping[str, str]]
# What says how good a network is, what matters most first.
RANKED = ["regret", "mae", "loss", "accuracy", "invariance", "validation_loss"]
Ends = dict[str, tuple[Look, float | int, float]]
"""of a line: its name, its look and its last point"""


@styled
def study_figure(
    rows: Rows,
    columns: Sequence[str],
    against: str,
    slopes: Mapping[str, float],
    tasks: Mapping[str, str],
    beside: Mapping[str, Mapping[str, Any]],
    named: Mapping[str, str],
    known: Mapping[str, Look],
) -> Figure:
    """Columns of a study's table against its axis or its numbers of parameters: mean over seeds, range of all seeds.

    `tasks` says of which task a run is; each has its panels, without columns that are the same everywhere. Runs beside
    it are lines with their 95% intervals.
    """
    groups = {task: [row for row in rows if tasks[row["run"]] == task] for task in dict.fromkeys(tasks.values())}
    heights = [_height(group, columns) for group in groups.values()]
    figure = Figure(figsize=(WIDTH, sum(heights)))
    parts = figure.subfigures(len(groups), 1, squeeze=False, height_ratios=heights).ravel()
    ends: dict[Axes, Ends] = {}
    for part, (task, group) in zip(parts, groups.items(), strict=True):
        ends |= _study_panels(part, group, columns, against, slopes, beside, named, known)
        caption(part, _headline(group, columns, against, beside, named, plain(task) if len(groups) > 1 else ""))
    limit = "; dashed grey: the Bayes accuracy" if "accuracy" in columns and rows[0]["bayes_accuracy"] else ""
    seeds = len({row["seed"] for row in rows})
    caption(
        parts[-1], parts[-1].get_suptitle(), f"Mean over {seeds} seeds, range from the lowest to the highest{limit}."
    )
    label_ends(figure, ends)
    return figure


def _that_vary(rows: Rows, columns: Sequence[str]) -> list[str]:
    """The columns with more than one value; the first where there is none."""
    return [column for column in columns if len({row[column] for row in rows}) > 1] or list(columns[:1])


def _grid(columns: Sequence[str]) -> tuple[int, int]:
    return (len(columns) // 2, 2) if len(columns) % 2 == 0 else (len(columns), 1)


def _height(rows: Rows, columns: Sequence[str]) -> float:
    deep, _ = _grid(_that_vary(rows, columns))
    return 1.3 + deep * max(2.6, 0.6 + 0.42 * len({row["run"] for row in rows}))


def _headline(
    rows: Rows,
    columns: Sequence[str],
    against: str,
    beside: Mapping[str, Mapping[str, Any]],
    named: Mapping[str, str],
    task: str,
) -> str:
    """What is best by the first of the columns that say how good a network is."""
    column = next((column for column in RANKED if column in _that_vary(rows, columns)), columns[0])
    label, most, least = LABELS[column], *((max, min) if column in HIGHER_IS_BETTER else (min, max))
    means = {named[run]: float(row[column]) for run, row in beside.items() if column in row}
    for run in dict.fromkeys(row["run"] for row in rows):
        points = _points(_of(run, rows), column, against)
        if _path(rows, against).startswith("test.task."):  # A network has to cope with all bags.
            means[named[run]], label = float(least(points.mean)), f"{LABELS[column]} at worst"
        else:
            value = float(most(points.mean))
            at = [x for x, mean in zip(points.x, points.mean, strict=True) if mean == value]
            where = f", {at_value(_path(rows, against), at[0])}," if len(at) == 1 else ""
            means[f"{named[run]}{where}"] = value
    found = leaders({name: mean for name, mean in means.items() if math.isfinite(mean)}, column, label)
    fixed = [name for name in columns if name not in _that_vary(rows, columns)]
    found += "".join(f"; {LABELS[name]} is {float(rows[0][name] or 'nan'):.3g} everywhere" for name in fixed)
    return f"{task[:1].upper()}{task[1:]}: {found}" if task else found


def _study_panels(
    part: FigureBase,
    rows: Rows,
    columns: Sequence[str],
    against: str,
    slopes: Mapping[str, float],
    beside: Mapping[str, Mapping[str, Any]],
    named: Mapping[str, str],
    known: Mapping[str, Look],
) -> dict[Axes, Ends]:
    """A panel for each column, and the ends of the lines in those to be labelled, which are the last of their rows."""
    shown, ends = _that_vary(rows, columns), {}
    deep, wide = _grid(shown)
    for i, (axes, column) in enumerate(zip(part.subplots(deep, wide, squeeze=False).ravel(), shown, strict=True)):
        labels = _study_panel(axes, rows, column, against, named, known, letters=52 // wide)
        if column in slopes:
            _slope(axes, slopes[column])
        for run, row in beside.items():
            labels |= _beside(axes, row, column, named[run], known[run])
        if i % wide == wide - 1:
            ends[axes] = labels
    return ends


def _study_panel(
    axes: Axes,
    rows: Rows,
    column: str,
    against: str,
    named: Mapping[str, str],
    known: Mapping[str, Look],
    letters: int,
) -> Ends:
    """The ends of its lines; so many letters have room below it."""
    ends = {}
    runs = list(dict.fromkeys(row["run"] for row in rows))
    places = list(dict.fromkeys(_place(row, against) for row in rows))
    numbers = _are_numbers(places)
    for i, run in enumerate(runs):
        look, points = known[run], _points(_of(run, rows), column, against)
        style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "markersize": 5}
        x = points.x if numbers else [float(places.index(place)) for place in points.x]
        if _is_ordered(places):
            axes.plot(x, points.mean, look.dashes, **style)
            axes.fill_between(x, points.low, points.high, color=look.colour, alpha=0.15, linewidth=0)
        else:
            x = [place + 0.22 * (i - (len(runs) - 1) / 2) for place in x]
            axes.vlines(x, points.low, points.high, color=look.colour, linewidth=1.5)
            axes.plot(x, points.mean, linestyle="", **style)
        if math.isfinite(points.mean[-1]):
            ends[textwrap.fill(named[run], 20)] = (look, x[-1], points.mean[-1])
    if column == "accuracy" and rows[0]["bayes_accuracy"]:
        bayes = _points(rows, "bayes_accuracy", against)
        axes.plot(bayes.x if numbers else range(len(places)), bayes.mean, "--", color="0.4", linewidth=1)
    values = [float(row[column] or "nan") for row in rows]
    log_where_it_spans(axes.yaxis, values)
    if axes.get_yscale() == "linear" and ("accuracy" in column or "saturated" in column):
        axes.yaxis.set_major_formatter(PercentFormatter(1))
    if numbers:
        log_where_it_spans(axes.xaxis, places)
    else:
        labels = list(map(value_name, places))
        turned: dict[str, Any] = (
            {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if sum(map(len, labels)) > 0.6 * letters else {}
        )
        axes.set_xticks(range(len(places)), labels, **turned)
        axes.set_xlim(-0.5, len(places) - 0.5)
    unit = " (nats)" if "loss" in column and rows[0]["accuracy"] else ""
    axes.set(
        xlabel=textwrap.fill(axis_name(_path(rows, against)), letters), ylabel=textwrap.fill(LABELS[column] + unit, 22)
    )
    return ends


def _slope(axes: Axes, power: float) -> None:
    """A power of the axis through the end of each line, with its name at its start."""
    for line in list(axes.lines):
        x, y = (np.asarray(values, dtype=float) for values in line.get_data())
        parallel = y[-1] * (x / x[-1]) ** power
        axes.plot(x, parallel, ":", color="black", linewidth=1)
        name = f"slope {power:g}".replace("-", "−")
        axes.annotate(name, (x[0], parallel[0]), (8, 0), textcoords="offset points", va="center")


def _beside(axes: Axes, row: Mapping[str, Any], column: str, name: str, look: Look) -> Ends:
    if column not in row:
        return {}
    axes.axhline(row[column], linestyle="--", color=look.colour)
    if row[f"{column}_low"] is not None:
        axes.axhspan(row[f"{column}_low"], row[f"{column}_high"], color=look.colour, alpha=0.15)
    return {textwrap.fill(name, 20): (look, axes.get_xlim()[1], row[column])}


@styled
def study_curves_figure(rows: Rows, axis: str, named: Mapping[str, str], unit: str) -> Figure:
    """Loss along the training for each value of a study's axis, one panel per run: mean over seeds.

    `unit` is that of the loss, or empty.
    """
    values = list(dict.fromkeys(row["value"] for row in rows))
    wide = min(len(named), 2)
    deep = -(-len(named) // wide)
    figure = Figure(figsize=(WIDTH, 1.5 + 3.2 * deep))
    panels = figure.subplots(deep, wide, squeeze=False, sharey=True).ravel()
    for axes in panels[len(named) :]:
        axes.remove()
    # Shades of one colour, since these are not runs, whose colours they must not take.
    shades = [mpl.colors.to_hex(shade) for shade in mpl.colormaps["viridis"](np.linspace(0, 0.65, len(values)))]
    ends: dict[Axes, Ends] = {}
    lowest = {}
    for axes, run in zip(panels, named, strict=False):
        ends[axes], last = {}, {}
        for value, shade in zip(values, shades, strict=True):
            line = [row for row in _of(run, rows) if row["value"] == value]
            if not line:  # Runs may have values of their own.
                continue
            step = [int(row["step"]) for row in line]
            loss = [float(row["validation_loss"]) for row in line]
            axes.plot(step, loss, color=shade)
            axes.plot(step, [float(row["train_loss"]) for row in line], ":", color=shade)
            text = value_name(json.loads(value))
            ends[axes][text] = (Look(shade, "-", ""), step[-1], loss[-1])
            last[f"{named[run]}, {at_value(axis, json.loads(value))},"] = loss[-1]
        name, best = min(last.items(), key=lambda item: item[1])
        lowest[name] = best
        axes.set(xlabel="training step", yscale="log")
        axes.set_xlim(left=0)
        axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.set_title(textwrap.fill(named[run], 30))
    for axes in panels[::wide]:
        axes.set_ylabel(f"loss ({unit})" if unit else "loss")
    note = f"Mean over seeds; solid: validation bags, labelled by the {axis_name(axis)}; dotted: training bags."
    caption(figure, leaders(lowest, "loss", LABELS["validation_loss"]), note)
    label_ends(figure, ends)
    return figure


class StudyPoints(NamedTuple):
    x: list[Any]
    mean: Float[np.ndarray, " points"]
    low: Float[np.ndarray, " points"]
    high: Float[np.ndarray, " points"]


def _points(rows: Rows, column: str, against: str) -> StudyPoints:
    """Numbers in their order, other values in that of the table."""
    places: dict[Any, list[float]] = {}
    for row in rows:
        places.setdefault(_place(row, against), []).append(float(row[column] or "nan"))
    x = sorted(places) if _are_numbers(places) else list(places)
    return StudyPoints(x, *(np.array([summary(places[place]) for place in x]) for summary in (np.mean, np.min, np.max)))


def _place(row: Mapping[str, str], against: str) -> Any:
    """The place of a row on its axis: a number, or a name where the value is not a number."""
    value = json.loads(row["num_params"] if against == "num_params" else row["value"])
    return value if isinstance(value, int | float) else value_name(value)


def _are_numbers(places: Iterable[Any]) -> bool:
    return all(isinstance(place, int | float) for place in places)


def _is_ordered(places: Sequence[Any]) -> bool:
    """Whether values are numbers, after which fresh bags may come, of which there is no end."""
    return all(isinstance(place, int | float) or place == "fresh" for place in places)


def _path(rows: Rows, against: str) -> str:
    return "num_params" if against == "num_params" else rows[0]["axis"]


def _of(run: str, rows: Rows) -> Rows:
    return [row for row in rows if row["run"] == run]
