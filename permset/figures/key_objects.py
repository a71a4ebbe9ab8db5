"""The objects of single bags, and by how much each of them matters to what is predicted."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from permset.figures.bags import shortened
from permset.figures.looks import COLOURS
from permset.figures.styles import WIDTH, caption, styled

FOR, AGAINST = COLOURS["deepset"], COLOURS["canonical"]
SHOWN = 6
"""objects of a bag"""


class KeyObject(NamedTuple):
    row: str
    """its place in the file"""
    effect: float
    spread: float
    """NaN where there is none"""


class KeyBag(NamedTuple):
    bag: str
    predicted: str
    objects: Sequence[KeyObject]
    """the strongest first"""
    target: str
    """the real number on which there are effects; empty where they are on the probability of a class"""


@styled
def key_objects_figure(bags: Sequence[KeyBag], prediction: str) -> Figure:
    """A panel for each bag, a bar for each of its strongest objects."""
    target = bags[0].target
    wide = min(2, len(bags))
    deep = -(-len(bags) // wide)
    most = min(SHOWN, max(len(bag.objects) for bag in bags))
    figure = Figure(figsize=(WIDTH, 2.0 + deep * (0.5 + 0.3 * most)))
    grid = figure.subplots(deep, wide, squeeze=False, sharex=True).ravel()
    for axes, bag in zip(grid, bags, strict=False):
        _bars(axes, bag, most)
    for axes in grid[len(bags) :]:
        axes.remove()
    for axes in grid[max(0, len(bags) - wide) : len(bags)]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel(f"effect on {shortened(target)}" if target else "effect")
    spreads = [one.spread for bag in bags for one in bag.objects]
    lines = "; line: plus or minus a standard deviation over the networks" if np.isfinite(spreads).all() else ""
    title = f"In these bags of {prediction}, single objects drive the prediction most"
    effect = f"Effect: {'what is predicted' if target else 'the probability of that class'} with the object, less that"
    shown = "A panel is a bag with its prediction, and its bars are its strongest objects, by their rows in the file."
    caption(figure, title, f"{shown} {effect} without it{lines}.")
    return figure


def _bars(axes: Axes, bag: KeyBag, most: int) -> None:
    shown = bag.objects[:most]
    places = np.arange(len(shown))
    effects = np.array([one.effect for one in shown])
    axes.barh(places, effects, color=np.where(effects < 0, AGAINST, FOR), height=0.7)
    ends = effects + np.outer([-1, 1], [one.spread for one in shown])
    axes.hlines(places, *ends, color="black", linewidth=1)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(places, [one.row for one in shown])
    axes.set_ylim(most - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_title(f"{shortened(bag.bag)}: {shortened(bag.predicted)}")
