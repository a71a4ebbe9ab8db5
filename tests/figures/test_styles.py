"""A figure has the same bytes each time, in both formats."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from figure_texts import faults
from matplotlib.figure import Figure
from matplotlib.image import imread

from permset.figures.looks import COLOURS
from permset.figures.styles import FORMATS, caption, save, styled


@styled
def line() -> Figure:
    figure = Figure(figsize=(4, 3))
    axes = figure.subplots()
    axes.plot([0, 1], [1, 0], color=COLOURS["deepset"])
    axes.fill_between([0, 1], [1, 0], [1, 1], alpha=0.2, hatch="/")  # Hatches have names in an SVG.
    caption(figure, "A line falls from one to zero", "It is straight.")
    return figure


@pytest.mark.parametrize("kind", FORMATS)
def test_a_figure_has_the_same_bytes_each_time(tmp_path: Path, kind: str) -> None:
    for folder in ("a", "b"):
        save(line(), tmp_path / folder / f"line.{kind}")
    first, second = ((tmp_path / folder / f"line.{kind}").read_bytes() for folder in ("a", "b"))
    assert first == second
    assert b"dc:date" not in first


def test_an_svg_has_other_bytes_with_other_names_of_its_parts(tmp_path: Path) -> None:
    """The control: without the style, names are random."""
    with mpl.rc_context({"svg.hashsalt": None}):
        for name in ("a", "b"):
            line().savefig(tmp_path / f"{name}.svg", metadata={"Date": None})
    assert (tmp_path / "a.svg").read_bytes() != (tmp_path / "b.svg").read_bytes()


def test_a_png_is_saved_pixel_by_pixel_whatever_compresses_it(tmp_path: Path) -> None:
    figure = line()
    save(figure, tmp_path / "line.png")
    figure.savefig(tmp_path / "reference.png")
    saved, reference = (imread(tmp_path / f"{name}.png") for name in ("line", "reference"))
    np.testing.assert_array_equal(saved[..., :3], reference[..., :3])


def test_the_style_is_the_same_whatever_the_caller_has_set() -> None:
    with mpl.rc_context({"font.size": 5, "axes.grid": False}):
        figure = line()
    assert faults(figure) == []
    assert figure.axes[0].xaxis.get_gridlines()[0].get_visible()


def test_what_cannot_be_read_is_found() -> None:
    """The control of all tests that look at texts."""
    figure = line()
    figure.text(0.5, 0.5, "small", fontsize=8)
    figure.text(0.98, 0.5, "leaves the figure")
    figure.text(0.5, 0.7, "one")
    figure.text(0.51, 0.7, "other")
    kinds = {fault.partition(":")[0] for fault in faults(figure)}
    assert kinds == {"small", "outside", "over each other"}
