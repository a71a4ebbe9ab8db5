"""Numbers to figures; the only import of matplotlib."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, PercentFormatter

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


@dataclass(frozen=True)
class Look:
    """How a run is drawn, the same in every figure."""

    colour: str
    dashes: str
    marker: str


def looks(runs: Sequence[str]) -> dict[str, Look]:
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


def loss_figure(curves: Mapping[str, LossCurve], path: Path) -> None:
    """Training loss of every run: mean over seeds, and a band from the lowest seed to the highest."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8, 4.5))
        axes = figure.subplots()
        for (run, curve), look in zip(curves.items(), looks(list(curves)).values(), strict=True):
            axes.plot(curve.step, curve.loss, look.dashes, color=look.colour, label=run)
            axes.fill_between(curve.step, curve.loss_low, curve.loss_high, color=look.colour, alpha=0.15, linewidth=0)
        axes.set(yscale="log", xlabel="training step", ylabel="binary cross-entropy (nats)")
        axes.set_title("Training loss: mean over seeds, band from the lowest to the highest seed", fontsize=10)
        axes.margins(x=0)
        _legend_below(figure, axes)
        _save(figure, path)


def curves_figure(curves: Mapping[str, Mapping[str, np.ndarray]], path: Path) -> None:
    """Loss and accuracy of every run along its training, mean over seeds, on bags of training and on other ones."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 4.5))
        left, right = figure.subplots(1, 2)
        for (run, curve), look in zip(curves.items(), looks(list(curves)).values(), strict=True):
            for axes, score in ((left, "loss"), (right, "accuracy")):
                style = {"color": look.colour, "marker": look.marker, "markersize": 3}
                axes.plot(curve["step"], curve[f"validation_{score}"].mean(1), **style, label=run)
                axes.plot(curve["step"], curve[f"train_{score}"].mean(1), ":", color=look.colour)
        left.set(yscale="log", xlabel="training step", ylabel="binary cross-entropy (nats)")
        right.set(xlabel="training step", ylabel="accuracy")
        right.yaxis.set_major_formatter(PercentFormatter(1))
        title = "Mean over seeds; solid: bags drawn apart from training; dotted: bags of the last training steps"
        figure.suptitle(title, fontsize=10)
        _legend_below(figure, left)
        _save(figure, path)


def accuracy_figure(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Test accuracy and regret with their 95% intervals over seeds, against the number of parameters."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 4))
        left, right = figure.subplots(1, 2)
        for row, look in zip(rows, looks([row["run"] for row in rows]).values(), strict=True):
            for axes, value in ((left, "accuracy"), (right, "regret")):
                mean, low, high = (row[value + suffix] for suffix in ("", "_low", "_high"))
                ends = None if low is None else [[mean - low], [high - mean]]
                style = {"fmt": look.marker, "color": look.colour, "capsize": 4, "label": row["run"]}
                axes.errorbar(row["num_params"], mean, ends, **style)
        for level in {row["bayes_accuracy"] for row in rows}:
            left.axhline(level, color="black", linestyle="--", linewidth=1, label="Bayes accuracy")
        left.yaxis.set_major_formatter(PercentFormatter(1))
        left.set(xscale="log", xlabel="parameters", ylabel="test accuracy")
        right.set_yscale("symlog", linthresh=1e-4)
        right.set_ylim(bottom=-2e-5)
        right.set(xscale="log", xlabel="parameters", ylabel="regret: Bayes accuracy − accuracy")
        figure.suptitle("Mean over seeds with its 95% confidence interval", fontsize=10)
        for axes in (left, right):
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


def batch_figure(x: Float[np.ndarray, "sets n"], labels: Float[np.ndarray, " sets"], path: Path) -> None:
    """A batch as an image: a row a bag, a column an object, rows sorted and labelled by class."""
    order = np.argsort(labels, kind="stable")
    with mpl.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(5, 0.6 + 0.25 * len(x)))
        axes = figure.subplots()
        image = axes.imshow(x[order], cmap="viridis", aspect="auto")
        axes.set_yticks(range(len(x)), [f"class {labels[i]:.0f}" for i in order], fontsize=8)
        axes.set_xticks(range(x.shape[1]))
        axes.set(xlabel="object", ylabel="bag")
        figure.colorbar(image, label="value of the object")
        _save(figure, path)


def _legend_below(figure: Figure, axes: Axes) -> None:
    """Outside of the axes, where it hides no curve."""
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without the version of matplotlib in it, the file has the same bytes wherever the picture is the same.
    figure.savefig(path, metadata={"Software": None})
