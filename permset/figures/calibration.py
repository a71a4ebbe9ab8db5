"""The figure of calibration: how often the networks of a run are right, against how sure they are."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from permset.figures.looks import Look
from permset.figures.panels import panels_of
from permset.figures.sentences import leaders
from permset.figures.styles import caption, styled

# Of a marker: for each bin, and for all bags, in square points.
LEAST, ALL = 8, 150


@styled
def calibration_figure(
    bins: Mapping[str, Mapping[str, np.ndarray]],
    errors: Mapping[str, tuple[float, float]],
    named: Mapping[str, str],
    known: Mapping[str, Look],
) -> Figure:
    """A panel for each run with the bags, confidence and accuracy of its bins, each (2, bins): as trained, and scaled.

    So are the two calibration errors.
    """
    figure, panels = panels_of(named, "confidence", "accuracy")
    least = min(0.5, *(np.nanmin(bins[run]["confidence"]) for run in named))
    for run, axes in panels.items():
        axes.plot([0, 1], [0, 1], color="black", linestyle="--", linewidth=1)
        shares = bins[run]["bags"] / bins[run]["bags"].sum(1, keepdims=True)
        look = known[run]
        for i, face in enumerate(("white", look.colour)):
            places = bins[run]["confidence"][i], bins[run]["accuracy"][i]
            style: dict[str, Any] = {
                "marker": look.marker,
                "facecolor": face,
                "edgecolor": look.colour,
                "zorder": 2 + i,
            }
            axes.scatter(*places, s=LEAST + ALL * shares[i], **style)
        before, after = errors[run]
        axes.text(0.05, 0.9, f"{before:.2g} → {after:.2g}", transform=axes.transAxes)
        axes.set(xlim=(least - 0.05, 1.05), ylim=(-0.05, 1.25))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(3))
            axis.set_major_formatter(PercentFormatter(1, decimals=0))
    scaled = {name: errors[run][1] for run, name in named.items()}
    note = (
        "Confidence: the probability of the likeliest class. Hollow: as trained; filled: with a temperature fitted on "
        "validation bags. A dot's area grows with its share of the test bags. Dashed: as right as sure. Numbers: the "
        "calibration error."
    )
    caption(figure, leaders(scaled, "calibration_error", "calibration error after temperature scaling"), note)
    return figure
