"""A figure with a panel for each run."""

import textwrap
from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from permset.figures.styles import STYLE, WIDTH


def panels_of(named: Mapping[str, str], x_label: str, y_label: str) -> tuple[Figure, dict[str, Axes]]:
    """A panel for each run, under its name; all have the same axes."""
    wide = min(len(named), 2 if len(named) == 4 else 3)
    deep = -(-len(named) // wide)
    figure = Figure(figsize=(WIDTH, 1.9 + 2.2 * deep))
    grid = figure.subplots(deep, wide, sharex=True, sharey=True, squeeze=False).ravel()
    for axes in grid[len(named) :]:
        axes.remove()
    panels = dict(zip(named, grid, strict=False))
    for i, (run, axes) in enumerate(panels.items()):
        axes.set_title(textwrap.fill(named[run], 24))
        if i + wide >= len(named):  # the lowest of its column
            axes.tick_params(labelbottom=True)
            axes.set_xlabel(x_label)
    figure.supylabel(y_label, fontsize=STYLE["font.size"])
    return figure, panels
