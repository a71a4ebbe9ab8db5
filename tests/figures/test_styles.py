"""A figure is saved pixel by pixel."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.image import imread

from permset.figures.looks import COLOURS
from permset.figures.styles import save


def test_a_figure_is_saved_pixel_by_pixel_whatever_compresses_it(tmp_path: Path) -> None:
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot([0, 1], [1, 0], color=COLOURS[0])
    save(figure, tmp_path / "line.png")
    figure.savefig(tmp_path / "reference.png")
    saved, reference = (imread(tmp_path / f"{name}.png") for name in ("line", "reference"))
    np.testing.assert_array_equal(saved[..., :3], reference[..., :3])
    before = (tmp_path / "line.png").read_bytes()
    save(figure, tmp_path / "line.png")
    assert (tmp_path / "line.png").read_bytes() == before
