"""Pictures of bags."""

import numpy as np
import pytest
from figure_texts import faults, words
from matplotlib.figure import Figure

from permset.figures.bags import batch_figure, digits_figure


def picture(*bags: list[float]) -> Figure:
    targets = np.arange(len(bags), dtype=float)[:, None] % 2
    return batch_figure([np.array(bag).reshape(-1, 1) for bag in bags], targets, {}, "toys")


def test_a_bag_is_a_row_sorted_by_its_target_and_no_object_is_no_value() -> None:
    figure = picture([1.0], [-2.0, 3.0], [])
    cells = figure.axes[0].collections[0].get_array()
    np.testing.assert_array_equal(np.ma.filled(cells, np.nan), [[1, np.nan], [np.nan, np.nan], [-2, 3]])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["class 0", "class 0", "class 1"]
    assert "bag of toys" in words(figure)
    assert "grey: no object" in words(figure)
    assert "grey" not in words(picture([1.0], [2.0])), "no object is absent"
    assert faults(figure) == []


def colour(figure: Figure, value: float) -> tuple[float, ...]:
    drawn = figure.axes[0].collections[0]
    return drawn.cmap(drawn.norm(value))


def test_zero_is_white_and_signs_are_opposite_whatever_the_range() -> None:
    for figure in (picture([-1.0, 4.0]), picture([1.0, 4.0]), picture([-3.0, -1.0])):
        assert min(colour(figure, 0.0)[:3]) > 0.95
    red, blue = colour(picture([-1.0, 4.0]), 4.0), colour(picture([-4.0, 1.0]), -4.0)
    assert red[0] > 2 * red[2]
    assert blue[2] > 2 * blue[0]


def test_values_far_from_zero_are_told_apart() -> None:
    """Those of a channel between 0.9 and 1 were all of one red."""
    for far, near, drawn in ((1.0, 0.9, picture([1.0, 0.9])), (-1.0, -0.9, picture([-1.0, -0.9]))):
        assert min(colour(drawn, near)[:3]) > 0.95
        assert max(colour(drawn, far)[:3]) < 0.5
    assert min(colour(picture([1.0, 1.0]), 0.0)[:3]) > 0.95, "nothing is to be told apart"


@pytest.mark.parametrize(
    ("y", "known", "rows", "label"),
    [
        ([0, 1], {"classes": ["no", "yes"], "channels": ["mass", "x"]}, ["no", "yes"], "mass (1 of 2 channels)"),
        (
            [0, 1],
            {"classes": ["$a$", "b" * 99], "channels": ["c", "d"]},
            [r"\$a\$", "b" * 19 + "…"],
            "c (1 of 2 channels)",
        ),
        ([0, 1], {"classes": ["1", "2"], "channels": ["c"]}, ["class 1", "class 2"], "c (1 of 2 channels)"),
        ([3, 7], {"classes": [], "channels": ["mass", "x"]}, ["3", "7"], "mass (1 of 2 channels)"),
        ([0, 1], {}, ["class 0", "class 1"], "channel 1 of 2"),
        ([0.5, 1], {}, ["0.5", "1"], "channel 1 of 2"),
    ],
)
def test_a_batch_has_the_names_of_its_file(
    y: list[float], known: dict[str, list[str]], rows: list[str], label: str
) -> None:
    axes, bar = batch_figure([np.ones((3, 2))] * 2, np.array(y, float)[:, None], known, "toys").axes
    assert [text.get_text() for text in axes.get_yticklabels()] == rows
    assert bar.get_ylabel() == label


def test_bags_of_zeros_and_empty_ones_can_be_drawn() -> None:
    for figure in (picture([0.0], [0.0]), picture([], [])):
        assert faults(figure) == []


def test_a_digit_is_the_image_of_its_pixels() -> None:
    bag = np.array([[0, 3, 16], [7, 1, 8]], dtype=float)
    figure = digits_figure([bag, bag, bag], np.array([[4.0], [5.0], [6.0]]))
    assert len(figure.axes) == 3
    image = np.ma.filled(figure.axes[0].collections[0].get_array(), 0)
    assert image[0, 3] == 16
    assert image[7, 1] == 8
    assert image.sum() == 24
    assert figure.axes[0].get_ylim() == (8, 0), "the first row is on top"
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["class 4", "class 5", "class 6"]
    assert faults(figure) == []
