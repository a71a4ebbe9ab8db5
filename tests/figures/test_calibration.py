"""The figure of calibration."""

from typing import Any

import numpy as np
import pytest
from figure_texts import faults, words
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from permset.figures.calibration import calibration_figure
from permset.figures.looks import looks
from permset.figures.names import names

ENTRY = {"task": "t", "model": {"kind": "deepset", "pooling": "sum"}, "symmetrizer": None, "train": {}}
NAN = np.nan
BINS = {
    "bags": np.array([[0, 30, 10], [0, 10, 30]]),
    "confidence": np.array([[NAN, 0.6, 0.9], [NAN, 0.5, 0.8]]),
    "accuracy": np.array([[NAN, 0.4, 0.7], [NAN, 0.3, 0.6]]),
}


def figure_of(runs: int, bins: dict[str, np.ndarray] = BINS) -> tuple[Figure, dict[str, str], dict[str, Any]]:
    entries = {f"run_{i}": ENTRY for i in range(runs)}
    named, known = names(entries), looks(entries)
    errors = {run: (0.2, 0.1 * i + 0.05) for i, run in enumerate(entries)}
    return calibration_figure(dict.fromkeys(entries, bins), errors, named, known), named, known


@pytest.mark.parametrize("runs", [1, 2, 4, 7, 9])
def test_every_run_has_a_panel_that_can_be_read(runs: int) -> None:
    figure, named, _ = figure_of(runs)
    assert len(figure.axes) == runs
    assert faults(figure) == []
    text = words(figure)
    assert all(name in text for name in named.values())
    assert "0.2 → 0.05" in text
    assert text.count(" → ") == runs
    assert f"{named['run_0']} has the lowest calibration error" in text


def test_hollow_dots_are_as_trained_and_filled_ones_are_scaled_and_their_areas_grow_with_shares() -> None:
    figure, _, known = figure_of(1)
    trained, scaled = figure.axes[0].collections
    assert trained.get_offsets()[1:].tolist() == [[0.6, 0.4], [0.9, 0.7]]
    assert scaled.get_offsets()[1:].tolist() == [[0.5, 0.3], [0.8, 0.6]]
    assert tuple(trained.get_facecolor()[0][:3]) == (1, 1, 1)
    assert tuple(scaled.get_facecolor()[0][:3]) == pytest.approx(to_rgb(known["run_0"].colour))
    sizes = trained.get_sizes()
    assert sizes[1] > sizes[2] > sizes[0] > 0
    [diagonal] = figure.axes[0].lines
    assert diagonal.get_xydata().tolist() == [[0, 0], [1, 1]]


def test_all_confidences_have_room_and_certain_ones_are_not_magnified() -> None:
    for confidence, left in ((BINS["confidence"] - 0.3, 0.15), (np.full((2, 3), 0.99), 0.45)):
        figure, _, _ = figure_of(1, BINS | {"confidence": confidence})
        assert figure.axes[0].get_xlim()[0] == pytest.approx(left)
