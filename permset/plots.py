"""Numbers to figures; the only import of matplotlib."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import matplotlib as mpl
import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, PercentFormatter

# Okabe & Ito's colours, told apart by the colour-blind; without yellow, which is lost on white.
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000"]
DASHES = ["-", "--", ":", "-."]
MARKERS = ["o", "s", "^", "D"]
STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.dpi": 120,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "grid.alpha": 0.3,
    "legend.frameon": False,
}


T = TypeVar("T")


@dataclass(frozen=True)
class Look:
    """How a run is drawn, the same in every figure."""

    colour: str
    dashes: str
    marker: str


def looks(runs: Sequence[T]) -> dict[T, Look]:
    """A colour a run, in their order; when colours are used up, they begin again with other dashes and markers."""
    turns = [divmod(i, len(COLOURS)) for i in range(len(runs))]
    return {
        run: Look(COLOURS[colour], DASHES[turn % len(DASHES)], MARKERS[turn % len(MARKERS)])
        for run, (turn, colour) in zip(runs, turns, strict=True)
    }


class LossCurve(NamedTuple):
    """Training loss over seeds, in windows of consecutive steps: each a mean over the window."""

    step: Int[np.ndarray, " windows"]
    """last one of the window"""
    loss: Float[np.ndarray, " windows"]
    """mean over seeds"""
    loss_low: Float[np.ndarray, " windows"]
    """of the lowest seed"""
    loss_high: Float[np.ndarray, " windows"]
    """of the highest seed"""


def loss_curve(history: Float[np.ndarray, "steps seeds"], windows: int) -> LossCurve:
    """Thin a loss history out to at most so many windows."""
    parts = np.array_split(history, min(windows, len(history)))
    losses = np.stack([part.mean(0) for part in parts])
    return LossCurve(np.cumsum([len(part) for part in parts]) - 1, losses.mean(1), losses.min(1), losses.max(1))


def loss_figure(curves: Mapping[str, LossCurve], known: Mapping[str, Look], loss_name: str, path: Path) -> None:
    """Training loss of every run: mean over seeds, and a band from the lowest seed to the highest."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8, 4.5))
        axes = figure.subplots()
        for run, curve in curves.items():
            look = known[run]
            axes.plot(curve.step, curve.loss, look.dashes, color=look.colour, label=run)
            axes.fill_between(curve.step, curve.loss_low, curve.loss_high, color=look.colour, alpha=0.15, linewidth=0)
        axes.set(xlabel="training step", ylabel=loss_name)
        _log_where_it_spans(axes)
        axes.set_title("Training loss: mean over seeds, band from the lowest to the highest seed", fontsize=10)
        axes.margins(x=0)
        _legend_below(figure, axes)
        _save(figure, path)


def curves_figure(
    curves: Mapping[str, Mapping[str, np.ndarray]], known: Mapping[str, Look], loss_name: str, score: str, path: Path
) -> None:
    """Loss and score of every run along its training, mean over seeds, on bags of training and on other ones."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 4.5))
        left, right = figure.subplots(1, 2)
        for run, curve in curves.items():
            look = known[run]
            for axes, what in ((left, "loss"), (right, "score")):
                style = {"color": look.colour, "marker": look.marker, "markersize": 3}
                axes.plot(curve["step"], curve[f"validation_{what}"].mean(1), **style, label=run)
                axes.plot(curve["step"], curve[f"train_{what}"].mean(1), ":", color=look.colour)
        left.set(xlabel="training step", ylabel=loss_name)
        right.set(xlabel="training step", ylabel=LABELS[score].removeprefix("test "))
        if score == "accuracy":
            right.yaxis.set_major_formatter(PercentFormatter(1))
        else:
            _log_where_it_spans(right)
        _log_where_it_spans(left)
        title = "Mean over seeds; solid: bags drawn apart from training; dotted: bags of the last training steps"
        figure.suptitle(title, fontsize=10)
        _legend_below(figure, left)
        _save(figure, path)


def accuracy_figure(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """The score on the test set, and regret where the limit is known, against the number of parameters.

    Means over seeds with their 95% intervals. Where no limit is known, the AUC or R² in place of regret.
    """
    score = rows[0]["score"]
    other = "regret" if rows[0].get("regret") is not None else "r2" if score == "mae" else "auc"
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 4))
        left, right = figure.subplots(1, 2)
        for row, look in zip(rows, looks([row["run"] for row in rows]).values(), strict=True):
            for axes, value in ((left, score), (right, other)):
                mean, low, high = (row.get(value + suffix) for suffix in ("", "_low", "_high"))
                if mean is not None:
                    ends = None if low is None or high is None else [[mean - low], [high - mean]]
                    style = {"fmt": look.marker, "color": look.colour, "capsize": 4, "label": row["run"]}
                    axes.errorbar(row["num_params"], mean, ends, **style)
        if other == "regret":
            left.axhline(rows[0]["bayes_accuracy"], color="black", linestyle="--", linewidth=1, label="Bayes accuracy")
            right.set_yscale("symlog", linthresh=1e-4)
            right.set_ylim(bottom=-2e-5)
        if score == "accuracy":
            left.yaxis.set_major_formatter(PercentFormatter(1))
        figure.suptitle("Mean over seeds with its 95% confidence interval", fontsize=10)
        for axes, value in ((left, score), (right, other)):
            axes.set(xscale="log", xlabel="parameters", ylabel=LABELS[value])
            axes.margins(x=0.1)
            axes.xaxis.set_minor_formatter(NullFormatter())  # which would write 2 × 10³ over 3 × 10³
        _legend_below(figure, left)
        _save(figure, path)


def invariance_figure(rows: Sequence[Mapping[str, Any]], invariant: float, approximate: float, path: Path) -> None:
    """Relative invariance error of every run in both precisions, as bars on a log scale with the verdicts' limits."""
    floor = 1e-17  # below the rounding of any float64 number; an error of 0 ends here
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7, 1.6 + 0.5 * len(rows)))
        axes = figure.subplots()
        for i, (row, look) in enumerate(zip(rows, looks([row["run"] for row in rows]).values(), strict=True)):
            for precision, offset, alpha in (("float64", -0.2, 1.0), ("float32", 0.2, 0.4)):
                error = max(row[f"invariance_{precision}"], floor)
                axes.barh(i + offset, error, 0.38, color=look.colour, alpha=alpha)
                label = f" {row[f'invariance_{precision}']:.0e} {precision}"
                axes.annotate(label, (error, i + offset), va="center", fontsize=8)
        for limit, verdict in ((invariant, "invariant"), (approximate, "approximate")):
            axes.axvline(limit, color="black", linestyle="--", linewidth=1)
            where: dict[str, Any] = {
                "xycoords": ("data", "axes fraction"),
                "ha": "right",
                "va": "bottom",
                "fontsize": 8,
            }
            axes.annotate(f"{verdict} ≤ {limit:g}", (limit, 1), **where)
        axes.set_yticks(range(len(rows)), [row["run"] for row in rows])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set(xscale="log", xlabel="largest relative change of an output when objects are reordered")
        axes.set_xlim(floor / 2, max(1e3, *(10 * row["invariance_float64"] for row in rows)))
        _save(figure, path)


def batch_figure(bags: Sequence[Float[np.ndarray, "_ c"]], y: Float[np.ndarray, "sets targets"], path: Path) -> None:
    """Bags as an image: a row a bag, a column an object, coloured by its first channel, rows sorted by target."""
    order = np.argsort(y[:, 0], kind="stable")
    image = np.full((len(bags), max(1, *map(len, bags))), np.nan)
    for row, i in enumerate(order):
        image[row, : len(bags[i])] = bags[i][:, 0]
    of_classes = all(value == int(value) for value in y[:, 0])
    names = [f"class {value:.0f}" if of_classes else f"{value:.3g}" for value in y[order, 0]]
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(5 + 0.05 * image.shape[1], 0.6 + 0.25 * len(bags)))
        axes = figure.subplots()
        drawn = axes.imshow(image, cmap="viridis", aspect="auto", interpolation="nearest")
        axes.set_yticks(range(len(bags)), names, fontsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        axes.set(xlabel="object", ylabel="bag")
        figure.colorbar(drawn, label="value of the object" if bags[0].shape[1] == 1 else "first channel of the object")
        _save(figure, path)


# What a column of a study's table is called on an axis.
LABELS = {
    "accuracy": "test accuracy",
    "mae": "mean absolute error",
    "auc": "AUC",
    "r2": "R²",
    "loss": "test loss",
    "regret": "regret",
    "invariance": "relative change when reordered",
    "train_loss": "loss on training bags",
    "train_score": "score on training bags",
    "validation_loss": "loss on validation bags",
    "validation_score": "score on validation bags",
    "initial_spread": "spread of first logits",
    "initial_saturated": "saturated before training",
    "initial_gradient": "norm of the first gradient",
    "pooled_spread": "relative spread of pooled values",
}


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
        _legend_below(figure, *grid_of_axes[:: len(columns)])
        _save(figure, path)


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
        axes.plot(x, y[-1] * (x / x[-1]) ** power, ":", color="black", linewidth=1, label=f"slope {power:g}" * (i == 0))


def _beside(axes: Axes, row: Mapping[str, Any], column: str, look: Look) -> None:
    if column in row:
        axes.axhline(row[column], linestyle="--", color=look.colour, label=row["run"])
        if row[f"{column}_low"] is not None:
            axes.axhspan(row[f"{column}_low"], row[f"{column}_high"], color=look.colour, alpha=0.15)


def study_curves_figure(rows: Sequence[Mapping[str, str]], axis: str, path: Path) -> None:
    """Loss along the training for each value of a study's axis, a panel a run: mean over seeds."""
    runs = list(dict.fromkeys(row["run"] for row in rows))
    values = list(dict.fromkeys(row["value"] for row in rows))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(4.5 * len(runs), 4.2))
        panels = figure.subplots(1, len(runs), squeeze=False, sharey=True).ravel()
        # Shades of one colour, since these are not runs, whose colours they must not take.
        shades = mpl.colormaps["viridis"](np.linspace(0, 0.85, len(values)))
        for axes, run in zip(panels, runs, strict=True):
            for value, shade in zip(values, shades, strict=True):
                mine = [row for row in rows if (row["run"], row["value"]) == (run, value)]
                step = [int(row["step"]) for row in mine]
                label = f"{axis} = {json.loads(value)}"
                axes.plot(step, [float(row["validation_loss"]) for row in mine], color=shade, label=label)
                axes.plot(step, [float(row["train_loss"]) for row in mine], ":", color=shade)
            axes.set(xlabel="training step", yscale="log")
            axes.set_title(run, fontsize=10)
        panels[0].set_ylabel("loss")
        title = "Mean over seeds; solid: bags drawn apart from training; dotted: bags of the last training steps"
        figure.suptitle(title, fontsize=10, wrap=True)
        _legend_below(figure, panels[0])
        _save(figure, path)


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
    return StudyPoints(x, *(np.array([of(places[place]) for place in order]) for of in (np.mean, np.min, np.max)))


def _place(row: Mapping[str, str], against: str) -> Any:
    """Where a row lies on its axis: at a number, or at a name for what is none."""
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


def _log_where_it_spans(axes: Axes) -> None:
    """A logarithmic scale for lines that span a power of ten; for less its ticks are hard to read."""
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
    if values.min() > 0 and values.max() >= 10 * values.min():
        axes.set_yscale("log")


def _legend_below(figure: Figure, *panels: Axes) -> None:
    """Outside of the axes, where it hides no curve; one entry for each name."""
    entries = {name: handle for axes in panels for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(list(entries.values()), list(entries), loc="outside lower center", ncols=3)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without the version of matplotlib in it, the file has the same bytes wherever the picture is the same.
    figure.savefig(path, metadata={"Software": None})
