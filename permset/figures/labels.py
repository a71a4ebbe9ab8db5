"""Labels at the ends of lines, where no legend has to be looked up."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import offset_copy

from permset.figures.looks import Look
from permset.figures.styles import STYLE

# How far labels are from their panel, in inches, and lines of text from each other, in heights of a letter.
AWAY, SPACING = 0.3, 1.35


def label_ends(figure: Figure, ends: Mapping[Axes, Mapping[str, tuple[Look, float | int, float]]]) -> None:
    """To the right of each panel a label for each line, joined to its end (x, y), none over another."""
    texts = {
        axes: [
            axes.text(1, 0.5, name, transform=offset_copy(axes.transAxes, figure, x=AWAY), va="center")
            for name in labels
        ]
        for axes, labels in ends.items()
    }
    figure.draw_without_rendering()  # Where the ends are is known once the labels have their room.
    for axes, labels in ends.items():
        points = np.array([(x, y) for _, x, y in labels.values()], dtype=float).reshape(-1, 2)
        inside = axes.transAxes.inverted().transform(axes.transData.transform(points))
        line = STYLE["font.size"] * SPACING * figure.dpi / 72 / axes.bbox.height
        heights = np.array([line * (1 + text.get_text().count("\n")) for text in texts[axes]])
        for text, (look, *_), end, y in zip(
            texts[axes], labels.values(), inside, spread(inside[:, 1], heights), strict=True
        ):
            text.set_y(y)
            style: dict[str, Any] = {"color": look.colour, "marker": look.marker, "markevery": [1], "linewidth": 0.8}
            x = [end[0], 1 + (AWAY - 0.1) * figure.dpi / axes.bbox.width]
            axes.add_artist(Line2D(x, [end[1], y], transform=axes.transAxes, clip_on=False, markersize=5, **style))


def spread(wanted: Float[np.ndarray, " labels"], heights: Float[np.ndarray, " labels"]) -> Float[np.ndarray, " labels"]:
    """Places in [0, 1], nearest in squares to those that are wanted, at which labels of these heights do not overlap.

    Less the heights of those below it, a label's place must not be less than that of the one below: an isotonic
    regression (Best & Chakravarti 1990).
    """
    from scipy.optimize import isotonic_regression  # Loading it takes half a second.

    order = np.argsort(wanted, kind="stable")
    tall = heights[order]
    below = np.cumsum(tall) - tall / 2
    free = isotonic_regression(wanted[order] - below).x
    places = np.empty_like(wanted)
    places[order] = below + np.clip(free, 0, max(0.0, 1 - tall.sum()))
    return places
