"""How figures look, and how they are saved."""

from pathlib import Path

import oxipng
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

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


def legend_below(figure: Figure, *panels: Axes) -> None:
    """Outside of the axes, where it hides no curve; one entry for each name."""
    entries = {name: handle for axes in panels for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)}
    figure.legend(list(entries.values()), list(entries), loc="outside lower center", ncols=3)


def save(figure: Figure, path: Path) -> None:
    """Save as a PNG whose bytes depend on the pixels alone.

    matplotlib's own way through Pillow compresses with the system's zlib, whose bytes differ between systems.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    width, height = canvas.get_width_height()
    image = oxipng.RawImage(bytes(canvas.buffer_rgba()), width, height, color_type=oxipng.ColorType.rgba())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image.create_optimized_png(level=1))
