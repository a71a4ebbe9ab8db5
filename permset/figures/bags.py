"""Pictures of bags."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from permset.figures.styles import WIDTH, caption, styled

ABSENT = "#DDDDDD"
LONGEST_NAME = 20  # characters


@styled
def batch_figure(
    bags: Sequence[Float[np.ndarray, "_ c"]],
    y: Float[np.ndarray, "sets targets"],
    known: Mapping[str, Sequence[str]],
    task: str,
) -> Figure:
    """A row for each bag, a cell for each object, coloured by one channel; no object is grey.

    Zero is white, or the value next to it where all are further from it than from one another.

    `known` has the names of `classes` and `channels`, where bags come with any.
    """
    order = np.argsort(y[:, 0], kind="stable")
    image = np.full((len(bags), max(1, *map(len, bags))), np.nan)
    for row, i in enumerate(order):
        image[row, : len(bags[i])] = bags[i][:, 0]
    present = image[np.isfinite(image)]
    low, high, white = _range(present)
    largest = max(white - low, high - white)
    # Half of the colours where all values have one sign, so that a colour means the same in all pictures.
    ends = 0.5 + 0.5 * (low - white) / largest, 0.5 + 0.5 * (high - white) / largest
    shades = mpl.colormaps["RdBu_r"](np.linspace(*ends, 256))
    colours = mpl.colors.ListedColormap(shades).with_extremes(bad=ABSENT)
    figure = Figure(figsize=(WIDTH, 2.0 + 0.26 * len(bags)))
    axes = figure.subplots()
    axes.set_facecolor(ABSENT)
    # Cells and not an image, which an SVG holds as a PNG of Pillow's.
    drawn = axes.pcolormesh(image, cmap=colours, vmin=low, vmax=high, edgecolors="white", linewidth=0.5)
    axes.set_yticks(np.arange(len(bags)) + 0.5, targets(y[order], known))
    axes.set_ylim(len(bags), 0)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.set_xlabel("objects, in the order in which they are stored")
    count = bags[0].shape[1]
    if channels := known.get("channels"):
        label = shortened(channels[0]) + (f" (1 of {count} channels)" if count > 1 else "")
    else:
        label = f"channel 1 of {count}" if count > 1 else "value"
    figure.colorbar(drawn, label=label)
    title = f"Each row is a bag of {task}, and each cell is one of its objects"
    absent = "; grey: no object" if len({len(bag) for bag in bags}) > 1 else ""
    caption(figure, title, f"Bags are sorted by what is to be predicted, at their left{absent}.")
    return figure


def _range(present: Float[np.ndarray, " objects"]) -> tuple[float, float, float]:
    """From which value to which colours go, and which one is white."""
    low, high = (float(present.min()), float(present.max())) if len(present) else (0.0, 0.0)
    white = min(max(low, 0.0), high)
    if not 0 < high - low < abs(white):
        low, high, white = min(0.0, low), max(0.0, high), 0.0
    return low, high if low < high else 1.0, white


def targets(y: Float[np.ndarray, "sets targets"], known: Mapping[str, Sequence[str]]) -> list[str]:
    """What is to be predicted: classes by their names, or the first of several numbers."""
    if classes := known.get("classes"):
        named = [f"class {name}" if name.isdigit() else shortened(name) for name in classes]
        return [named[int(value)] for value in y[:, 0]]
    of_classes = not known and all(value == int(value) for value in y[:, 0])
    return [f"class {value:.0f}" if of_classes else f"{value:.3g}" for value in y[:, 0]]


def shortened(name: str) -> str:
    """A name of a file, in which matplotlib sees no formula."""
    return (name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…").replace("$", r"\$")


@styled
def digits_figure(
    bags: Sequence[Float[np.ndarray, "_ 3"]], y: Float[np.ndarray, "sets targets"], side: int = 8
) -> Figure:
    """Bags of pixels (row, column, intensity), each as the image that they make up."""
    wide = 5
    deep = -(-len(bags) // wide)
    figure = Figure(figsize=(WIDTH, 1.3 + 1.75 * deep))
    grid = figure.subplots(deep, wide, squeeze=False).ravel()
    for axes, bag, label in zip(grid, bags, targets(y, {}), strict=False):
        image = np.full((side, side), np.nan)
        row, column = bag[:, :2].astype(int).T
        image[row, column] = bag[:, 2]
        style: dict[str, Any] = {"cmap": "gray_r", "vmin": 0, "vmax": 16, "edgecolors": "face", "linewidth": 0.1}
        axes.pcolormesh(image, **style)
        axes.set(aspect="equal", xticks=[], yticks=[], ylim=(side, 0), facecolor="white")
        axes.spines[:].set_visible(True)
        axes.set_title(label)
    for axes in grid[len(bags) :]:
        axes.remove()
    caption(
        figure,
        "A digit is a bag of its dark pixels, each with row, column and intensity",
        "Each image is a bag, below its class; white: no object.",
    )
    return figure
