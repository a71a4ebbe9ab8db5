"""Figures of losses and scores along the training: a panel for each run."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from permset.figures.looks import Look
from permset.figures.panels import panels_of
from permset.figures.sentences import leaders
from permset.figures.styles import LABELS, caption, log_where_it_spans, styled


class LossCurve(NamedTuple):
    """A loss or score over seeds along the training."""

    step: Real[np.ndarray, " points"]
    """last one of a window of consecutive steps, over which the others are means"""
    loss: Float[np.ndarray, " points"]
    """mean over seeds"""
    loss_low: Float[np.ndarray, " points"]
    """of the lowest seed"""
    loss_high: Float[np.ndarray, " points"]
    """of the highest seed"""


def over_seeds(step: Real[np.ndarray, " points"], values: Float[np.ndarray, "points seeds"]) -> LossCurve:
    return LossCurve(step, values.mean(1), values.min(1), values.max(1))


def loss_curve(history: Float[np.ndarray, "steps seeds"], windows: int) -> LossCurve:
    """Thin a loss history out to at most so many windows of equal length; the last one may overlap the one before."""
    steps = len(history)
    length = -(-steps // windows)
    ends = np.array([*range(length, steps, length), steps])
    return over_seeds(ends - 1, np.stack([history[end - length : end].mean(0) for end in ends]))


@styled
def loss_figure(
    training: Mapping[str, LossCurve],
    validation: Mapping[str, LossCurve],
    named: Mapping[str, str],
    known: Mapping[str, Look],
    loss_name: str,
    bayes_loss: float | None,
) -> Figure:
    """Training loss and validation loss of every run, and the least that is possible, where that is known."""
    figure, panels = panels_of(named, "training step", loss_name)
    training = {run: training[run] for run in named}
    for run, axes in panels.items():
        _draw(axes, run, training, validation, known)
        curve = training[run]
        axes.fill_between(curve.step, curve.loss_low, curve.loss_high, color=known[run].colour, alpha=0.2, linewidth=0)
        if bayes_loss:  # A logarithmic axis has no place for 0.
            axes.axhline(bayes_loss, color="black", linestyle="--", linewidth=1)
    log_where_it_spans(panels[next(iter(named))].yaxis, _values(named, training, validation))
    limit = "" if bayes_loss is None else "; the Bayes loss is 0"
    if bayes_loss:
        limit = f"; dashed: the Bayes loss, {bayes_loss:.4g}"
    note = f"Line and band: mean and range over seeds on training bags{_reading(named)}{limit}."
    label = f"{loss_name.partition(' (')[0]} on validation bags at the end"
    caption(figure, leaders(_last(named, validation), "loss", label), note)
    return figure


@styled
def curves_figure(
    training: Mapping[str, LossCurve],
    validation: Mapping[str, LossCurve],
    named: Mapping[str, str],
    known: Mapping[str, Look],
    score: str,
    bayes_accuracy: float | None,
) -> Figure:
    """Score of every run along its training, on bags of training and on other ones."""
    label = LABELS[score].removeprefix("test ")
    figure, panels = panels_of(named, "training step", label)
    for run, axes in panels.items():
        _draw(axes, run, training, validation, known)
        if bayes_accuracy is not None:
            axes.axhline(bayes_accuracy, color="black", linestyle="--", linewidth=1)
        if score == "accuracy":
            axes.yaxis.set_major_formatter(PercentFormatter(1))
    if score != "accuracy":
        log_where_it_spans(panels[next(iter(named))].yaxis, _values(named, training, validation))
    limit = "" if bayes_accuracy is None else f"; dashed: the Bayes accuracy, {bayes_accuracy:.2%}"
    note = f"Line: mean over seeds on training bags{_reading(named)}{limit}."
    caption(figure, leaders(_last(named, validation), score, f"{label} on validation bags at the end"), note)
    return figure


def _draw(
    axes: Axes,
    run: str,
    training: Mapping[str, LossCurve],
    validation: Mapping[str, LossCurve],
    known: Mapping[str, Look],
) -> None:
    for other, curve in validation.items():
        if other != run:
            axes.plot(curve.step, curve.loss, color="0.8", linewidth=1, zorder=1)
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.set_xlim(0, 1.03 * max(curve.step[-1] for curve in training.values()))
    look, trained, measured = known[run], training[run], validation[run]
    axes.plot(trained.step, trained.loss, color=look.colour, linewidth=1.2)
    axes.plot(measured.step, measured.loss, color=look.colour, marker=look.marker, markersize=4, linestyle="")


def _reading(named: Mapping[str, str]) -> str:
    return "; dots: mean on validation bags" + ("; grey: the other runs" if len(named) > 1 else "")


def _values(named: Mapping[str, str], *of_runs: Mapping[str, LossCurve]) -> Float[np.ndarray, " values"]:
    return np.concatenate([curves[run].loss for run in named for curves in of_runs])


def _last(named: Mapping[str, str], validation: Mapping[str, LossCurve]) -> dict[str, float]:
    return {name: float(validation[run].loss[-1]) for run, name in named.items()}
