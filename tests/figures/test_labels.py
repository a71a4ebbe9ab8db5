"""Labels at the ends of lines."""

import numpy as np
import pytest
from figure_texts import faults, words
from matplotlib.figure import Figure

from permset.figures.labels import label_ends, spread
from permset.figures.looks import Look
from permset.figures.styles import styled

LOOK = Look("#000000", "-", "o")


@pytest.mark.parametrize("seed", range(20))
def test_labels_are_spread_in_their_order_without_overlap(seed: int) -> None:
    draws = np.random.default_rng(seed)
    wanted, heights = draws.normal(0.5, 0.3, 6), draws.uniform(0.02, 0.15, 6)
    places = spread(wanted, heights)
    order = np.argsort(wanted)
    gaps = np.diff(places[order]) - (heights[order][1:] + heights[order][:-1]) / 2
    assert gaps.min() > -1e-9
    assert (places - heights / 2).min() > -1e-9
    assert (places + heights / 2).max() < 1 + 1e-9


def test_labels_that_are_apart_stay_at_their_lines_and_others_move_as_little_as_possible() -> None:
    np.testing.assert_allclose(spread(np.array([0.8, 0.2, 0.5]), np.full(3, 0.1)), [0.8, 0.2, 0.5])
    np.testing.assert_allclose(spread(np.array([0.5, 0.5]), np.full(2, 0.1)), [0.45, 0.55])


@styled
def lines_that_end_together(labelled: bool) -> Figure:
    figure = Figure(figsize=(6, 3))
    axes = figure.subplots()
    ends = {f"line {i}": (LOOK, 1.0, 0.5 + i / 1000) for i in range(5)}
    for name, (_, x, y) in ends.items():
        axes.plot([0, x], [0, y])
        if not labelled:
            axes.text(x, y, name)
    if labelled:
        label_ends(figure, {axes: ends})
    return figure


def test_labels_of_lines_that_end_together_can_be_read_where_texts_at_the_ends_cannot() -> None:
    figure = lines_that_end_together(labelled=True)
    assert faults(figure) == []
    text = words(figure)
    assert all(f"line {i}" in text for i in range(5))
    assert any("over each other" in fault for fault in faults(lines_that_end_together(labelled=False)))
