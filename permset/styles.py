"""How figures look, and how they are saved; matplotlib is imported here, in plots.py and in study_plots.py alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import oxipng
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

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


def legend_below(figure: Figure, *panels: Axes) -> None:
    """Outside of the axes, where it hides no curve; one entry for each name."""
    entries = {name: handle for axes in panels for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(list(entries.values()), list(entries), loc="outside lower center", ncols=3)


def save(figure: Figure, path: Path) -> None:
    """As a PNG that has the same bytes wherever the picture is the same.

    matplotlib's own way through Pillow compresses with the system's zlib, whose bytes differ between systems.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = canvas.get_width_height()
    image = oxipng.RawImage(bytes(canvas.buffer_rgba()), width, height, color_type=oxipng.ColorType.rgba())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image.create_optimized_png(level=1))
