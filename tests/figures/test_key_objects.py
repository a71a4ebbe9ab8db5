"""A picture of the strongest objects of some bags."""

import math

import numpy as np
import pytest
from figure_texts import faults, words
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from permset.figures.key_objects import AGAINST, FOR, SHOWN, KeyBag, KeyObject, key_objects_figure


def bag(name: str, effects: list[float], spread: float = 0.01, target: str = "") -> KeyBag:
    return KeyBag(name, "yes", [KeyObject(str(10 + i), effect, spread) for i, effect in enumerate(effects)], target)


def bars(figure: Figure, panel: int) -> list[tuple[float, str]]:
    return [(bar.get_width(), bar.get_facecolor()) for bar in figure.axes[panel].patches]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_panel_is_a_bag_and_a_bar_an_object_by_its_row(count: int) -> None:
    figure = key_objects_figure([bag(f"bag {i}", [0.5, -0.25, 0.1][: i + 1]) for i in range(count)], "march")
    assert [axes.get_title(loc="left") for axes in figure.axes] == [f"bag {i}: yes" for i in range(count)]
    widths = [width for width, _ in bars(figure, count - 1)]
    assert widths == [0.5, -0.25, 0.1, 0.1][: min(count, 3)]
    assert [text.get_text() for text in figure.axes[-1].get_yticklabels()] == ["10", "11", "12"][: min(count, 3)]
    top, bottom = figure.axes[0].get_ylim()[::-1]
    assert top < 0 < bottom, "the strongest is on top"
    assert "bags of march" in words(figure)
    assert "the probability of that class with the object" in words(figure)
    assert faults(figure) == []


def test_what_speaks_against_the_prediction_has_another_colour() -> None:
    colours = [colour for _, colour in bars(key_objects_figure([bag("a", [0.5, -0.25])], "march"), 0)]
    assert colours == [to_rgba(FOR), to_rgba(AGAINST)]


def test_a_line_is_a_standard_deviation_where_there_are_networks() -> None:
    figure = key_objects_figure([bag("a", [0.5, -0.25], spread=0.1)], "march")
    segments = figure.axes[0].collections[0].get_segments()
    np.testing.assert_allclose([line[:, 0] for line in segments], [[0.4, 0.6], [-0.35, -0.15]])
    assert "standard deviation" in words(figure)
    assert "standard deviation" not in words(key_objects_figure([bag("a", [0.5], spread=math.nan)], "march"))


def test_many_objects_and_long_names_have_room() -> None:
    figure = key_objects_figure(
        [bag("b" * 99, list(np.linspace(1, 0.1, 40)), target="mass of $all$ of it")] * 4, "march"
    )
    assert len(bars(figure, 0)) == SHOWN
    assert "effect on mass of" in words(figure)
    assert "Effect: what is predicted with" in words(figure)
    assert faults(figure) == []
