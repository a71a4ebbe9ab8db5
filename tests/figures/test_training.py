"""Losses and scores along the training."""

import numpy as np
import pytest
from figure_texts import faults, words

from permset.figures.looks import looks
from permset.figures.names import names
from permset.figures.training import LossCurve, curves_figure, loss_curve, loss_figure, over_seeds


def test_a_loss_curve_is_the_mean_of_its_windows() -> None:
    history = np.arange(24.0).reshape(12, 2)
    curve = loss_curve(history, windows=3)
    assert curve.step.tolist() == [3, 7, 11]
    np.testing.assert_allclose(curve.loss, [history[:4].mean(), history[4:8].mean(), history[8:].mean()])
    np.testing.assert_allclose(curve.loss_low, curve.loss - 0.5)
    np.testing.assert_allclose(curve.loss_high, curve.loss + 0.5)
    assert len(loss_curve(history, windows=99).step) == 12


@pytest.mark.parametrize("steps", [300, 301, 7])
def test_windows_are_equally_long_to_the_last_step(steps: int) -> None:
    """Of a loss that rises by 1 a step, the mean over a window of k steps is that of its last step less (k - 1) / 2."""
    curve = loss_curve(np.arange(float(steps))[:, None], windows=200)
    assert len(curve.step) <= 200
    assert curve.step[-1] == steps - 1
    assert len(set((curve.step - curve.loss).round(9))) == 1


ENTRY = {"task": "t", "model": {"kind": "mlp"}, "symmetrizer": None, "train": {}}


@pytest.mark.parametrize("runs", [1, 2, 4, 7, 9])
def test_every_run_has_a_panel_that_can_be_read(runs: int) -> None:
    entries = {f"run_{i}": ENTRY for i in range(runs)}
    named, known = names(entries), looks(entries)
    draws = np.random.default_rng(0)
    training = {run: loss_curve(draws.uniform(0.01, 1, (300, 3)), 100) for run in entries}
    validation = {run: over_seeds(np.array([100, 200, 300]), draws.uniform(0.01, 1, (3, 3))) for run in entries}
    loss = loss_figure(training, validation, named, known, "cross-entropy (nats)", 0.02)
    score = curves_figure(training, validation, named, known, "accuracy", 0.9)
    for figure in (loss, score):
        assert len(figure.axes) == runs
        assert faults(figure) == []
        text = words(figure)
        assert all(name in text for name in named.values())
        assert " | 0 | 150 | 300 | training step" in f" | {text}", "ticks of steps"


def drawn_lines(bayes_loss: float | None) -> int:
    curve = LossCurve(*np.array([[1, 2], [0.5, 0.4], [0.4, 0.3], [0.6, 0.5]]))
    figure = loss_figure({"a": curve}, {"a": curve}, {"a": "A"}, looks({"a": ENTRY}), "loss", bayes_loss)
    assert ("Bayes" in words(figure)) == (bayes_loss is not None)
    return len(figure.axes[0].lines)


def test_the_bayes_loss_is_a_line_where_it_is_known_and_a_logarithm_has_a_place_for_it() -> None:
    assert [drawn_lines(bayes) for bayes in (None, 0.0, 0.3)] == [2, 2, 3]
