"""How figures look, and how they are saved."""

import math
import textwrap
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib as mpl
import oxipng
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

# A page shows a figure about 770 pixels wide, where 12 pt are 16 pixels: those of 12 pt in a figure of 8 inches.
WIDTH = 8.0
STYLE: dict[str, Any] = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "figure.dpi": 120,
    "figure.constrained_layout.use": True,
    "figure.titlesize": 14,
    "figure.titleweight": "bold",
    "font.size": 12,
    "grid.alpha": 0.3,
    "svg.fonttype": "path",
    "svg.hashsalt": "permset",  # names of an SVG's parts, which are random otherwise
}
FORMATS = "png", "svg"
# What a column of a table is called on an axis.
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
P = ParamSpec("P")


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """The same in this project's style, whatever style the caller has set."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


def caption(figure: FigureBase, title: str, note: str = "") -> None:
    """A sentence above all panels, and how they are to be read below them."""
    figure.suptitle(textwrap.fill(title, 66), x=0.01, ha="left")
    if note:
        figure.supxlabel(textwrap.fill(note, 80), x=0.01, ha="left", fontsize=STYLE["font.size"])


def log_where_it_spans(axis: Axis, values: Iterable[float | int]) -> None:
    """A logarithmic scale for values that span a power of ten; for less its ticks are hard to read."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite or min(finite) <= 0 or max(finite) < 10 * min(finite):
        return
    axis.axes.set(**{"xscale" if axis is axis.axes.xaxis else "yscale": "log"})
    if max(finite) < 100 * min(finite):  # There may be a single power of ten among them.
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def save(figure: Figure, path: Path) -> None:
    """Save as an SVG or a PNG, by the name of the file, whose bytes depend on the figure alone.

    matplotlib's own way to PNG through Pillow compresses with the system's zlib, whose bytes differ between systems.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context(STYLE):
        if path.suffix == ".svg":
            figure.savefig(path, metadata={"Date": None})
            return
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    width, height = canvas.get_width_height()
    image = oxipng.RawImage(bytes(canvas.buffer_rgba()), width, height, color_type=oxipng.ColorType.rgba())
    path.write_bytes(image.create_optimized_png(level=1))
