"""Figures of the runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, PercentFormatter, StrMethodFormatter

from permset.figures.looks import Look, looks
from permset.figures.styles import LABELS, STYLE, legend_below, save

LONGEST_NAME = 30  # characters


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
        legend_below(figure, axes)
        save(figure, path)


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
        legend_below(figure, left)
        save(figure, path)


def accuracy_figure(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """The score on the test set, and regret where the limit is known, against the number of parameters.

    Means over seeds with their 95% intervals. Where no limit is known, the AUC or R² in place of regret.
    """
    score = rows[0]["score"]
    sizes = [row["num_params"] for row in rows]
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
            axes.set(xlabel="parameters", ylabel=LABELS[value])
            axes.margins(x=0.1)
            if max(sizes) >= 10 * min(sizes):  # For less there may be no power of ten to write at the axis.
                axes.set_xscale("log")
                axes.xaxis.set_minor_formatter(NullFormatter())  # which would write 2 × 10³ over 3 × 10³
            else:
                axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
                axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        legend_below(figure, left)
        save(figure, path)


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
        save(figure, path)


def batch_figure(
    bags: Sequence[Float[np.ndarray, "_ c"]],
    y: Float[np.ndarray, "sets targets"],
    known: Mapping[str, Sequence[str]],
    path: Path,
) -> None:
    """Bags as an image: one row per bag, one column per object, coloured by its first channel, sorted by target.

    `known` has the names of `classes` and `channels`, where bags come with any.
    """
    order = np.argsort(y[:, 0], kind="stable")
    image = np.full((len(bags), max(1, *map(len, bags))), np.nan)
    for row, i in enumerate(order):
        image[row, : len(bags[i])] = bags[i][:, 0]
    classes, channels = known.get("classes"), known.get("channels", ["first channel of the object"])
    if classes:
        names = [_shown(classes[int(value)]) for value in y[order, 0]]
    else:
        of_classes = not known and all(value == int(value) for value in y[:, 0])
        names = [f"class {value:.0f}" if of_classes else f"{value:.3g}" for value in y[order, 0]]
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(5 + 0.05 * image.shape[1], 0.6 + 0.25 * len(bags)))
        axes = figure.subplots()
        drawn = axes.imshow(image, cmap="viridis", aspect="auto", interpolation="nearest")
        axes.set_yticks(range(len(bags)), names, fontsize=8)
        axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        axes.set(xlabel="object", ylabel="bag")
        figure.colorbar(
            drawn, label="value of the object" if bags[0].shape[1] == 1 and not known else _shown(channels[0])
        )
        save(figure, path)


def _shown(name: str) -> str:
    """A name of a file, shortened, in which matplotlib sees no formula."""
    return (name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…").replace("$", r"\$")


def _log_where_it_spans(axes: Axes) -> None:
    """A logarithmic scale for lines that span a power of ten; for less its ticks are hard to read."""
    values = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines])
    if values.min() > 0 and values.max() >= 10 * values.min():
        axes.set_yscale("log")
