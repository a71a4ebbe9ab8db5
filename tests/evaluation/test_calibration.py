"""Calibration errors against sums over bins, and temperatures against those with which labels were drawn."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from permset.data.randomness import generator
from permset.data.targets import BINARY, Binary, Classes
from permset.data.tasks import GaussianVariance
from permset.evaluation.bayes import posterior
from permset.evaluation.calibration import calibration, calibration_errors, confidence, temperature

TARGETS = [BINARY, Classes(3)]
BINS = 15


def drawn(target: Binary | Classes, sets: int, seed: int = 0, hotter: float = 1.0) -> tuple[Tensor, Tensor]:
    """Outputs, and labels that are drawn by their probabilities at a temperature."""
    draws = generator(seed, "calibration")
    outputs = 3 * torch.randn(sets, target.outputs, generator=draws)
    logits = outputs if isinstance(target, Classes) else torch.cat([torch.zeros(sets, 1), outputs], 1)
    labels = torch.multinomial((logits / hotter).softmax(1), 1, generator=draws)
    return outputs, labels.float()


def probabilities(outputs: Tensor) -> np.ndarray:
    logits = outputs.double().numpy()
    if logits.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], 1)
    shares = np.exp(logits - logits.max(1, keepdims=True))
    return shares / shares.sum(1, keepdims=True)


def expected_error(results: list[tuple[Tensor, Tensor]]) -> float:
    """Bag by bag, bin by bin."""
    shares = np.concatenate([probabilities(outputs) for outputs, _ in results])
    labels = np.concatenate([labels[:, 0].numpy() for _, labels in results])
    error = 0.0
    for lower in np.arange(BINS) / BINS:
        inside = [i for i, row in enumerate(shares) if lower < max(row) <= lower + 1 / BINS]
        error += abs(sum((shares[i].argmax() == labels[i]) - shares[i].max() for i in inside))
    return error / len(labels)


@pytest.mark.parametrize("target", TARGETS, ids=["two classes", "three classes"])
def test_the_calibration_error_is_that_of_the_bins_of_all_networks(target: Binary | Classes) -> None:
    results = [drawn(target, 150, seed, hotter=2) for seed in range(3)]
    bins, errors = calibration_errors(results, target)
    assert np.mean([error.value for error in errors]) == pytest.approx(expected_error(results), rel=1e-6)
    assert bins["bags"].sum() == 450
    filled = bins["bags"] > 0
    assert np.isnan(bins["confidence"][~filled]).all()
    assert np.isnan(bins["accuracy"][~filled]).all()
    gaps = (bins["bags"] * np.abs(bins["accuracy"] - bins["confidence"]))[filled]
    assert gaps.sum() / 450 == pytest.approx(expected_error(results))
    places = np.arange(BINS)[filled]
    assert (places / BINS <= bins["confidence"][filled]).all()
    assert (bins["confidence"][filled] <= (places + 1) / BINS + 1e-12).all()
    for error in errors:
        assert error.influence.mean() == pytest.approx(error.value), "what an interval needs"


def test_the_surest_bags_are_in_the_last_bin() -> None:
    outputs, labels = torch.tensor([[800.0], [-800.0]]), torch.tensor([[1.0], [1.0]])
    bins, [error] = calibration_errors([(outputs, labels)], BINARY)
    assert bins["bags"].tolist() == [0] * (BINS - 1) + [2]
    assert (bins["confidence"][-1], bins["accuracy"][-1], error.value) == (1.0, 0.5, 0.5)


@pytest.mark.parametrize("target", TARGETS, ids=["two classes", "three classes"])
def test_the_confidence_is_the_probability_of_the_likeliest_class(target: Binary | Classes) -> None:
    outputs, _ = drawn(target, 50)
    np.testing.assert_allclose(confidence(outputs, target), probabilities(outputs).max(1))


@pytest.mark.parametrize("hotter", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("target", TARGETS, ids=["two classes", "three classes"])
def test_the_temperature_is_the_one_by_which_labels_were_drawn(target: Binary | Classes, hotter: float) -> None:
    outputs, labels = drawn(target, 20_000, hotter=hotter)
    found = temperature(outputs, labels, target)
    assert found == pytest.approx(hotter, rel=0.05)
    losses = [float(target.loss(outputs.double() / (found * by), labels.double())) for by in (0.99, 1, 1.01)]
    assert losses[1] == min(losses)
    assert found == float(f"{found:.4g}")


def test_few_bags_say_little_of_the_temperature() -> None:
    """The least of loss + (ln T)²/2n, on a grid."""
    outputs, labels = torch.full((8, 1), 2.0), torch.ones(8, 1)
    grid = np.linspace(-5, 5, 100_001)
    costs = np.log1p(np.exp(-2 / np.exp(grid))) + grid**2 / 16
    assert temperature(outputs, labels, BINARY) == pytest.approx(math.exp(grid[costs.argmin()]), rel=1e-3)
    assert temperature(outputs.repeat(1000, 1), labels.repeat(1000, 1), BINARY) < 0.5


def test_scaling_undoes_what_makes_networks_too_sure_of_themselves() -> None:
    """Each network by its own temperature; the order of the classes stays what it is."""
    tested, validated = (
        [drawn(BINARY, 4000, seed + start, hotter) for seed, hotter in enumerate((2, 4))] for start in (0, 10)
    )
    metrics, bins = calibration(tested, validated, BINARY)
    before, after = metrics["calibration_error"], metrics["calibration_error_scaled"]
    assert before == pytest.approx(expected_error(tested))
    scaled = [
        (outputs.double() / temperature(*known, BINARY), labels)
        for (outputs, labels), known in zip(tested, validated, strict=True)
    ]
    assert after == pytest.approx(expected_error(scaled))
    assert before > 0.1 > 0.03 > after
    assert metrics["calibration_error_low"] < before < metrics["calibration_error_high"]
    first, second = (temperature(*known, BINARY) for known in validated)
    assert metrics["temperature"] == pytest.approx(math.sqrt(first * second), abs=1e-4)
    assert (first, second) == pytest.approx((2, 4), rel=0.1)
    assert bins["bags"].shape == bins["accuracy"].shape == (2, BINS)
    right, sure = (np.nansum(bins["bags"] * bins[name], 1) for name in ("accuracy", "confidence"))
    assert right[0] == pytest.approx(right[1])
    assert sure[0] > sure[1] + 100
    assert not any(name.startswith("posterior") for name in metrics)


def test_probabilities_are_compared_with_the_true_ones_where_these_are_known() -> None:
    task = GaussianVariance()
    bags, others = (task.sample(2000, generator(seed, "posterior")) for seed in range(2))
    truth, of_others = posterior(task, bags), posterior(task, others)
    assert truth is not None
    assert of_others is not None
    perfect, known = torch.logit(truth).unsqueeze(1), torch.logit(of_others).unsqueeze(1)
    metrics, _ = calibration([(3 * perfect, bags.y)] * 2, [(3 * known, others.y)] * 2, task.target, 0.0, truth)
    expected = (torch.sigmoid(3 * perfect[:, 0]) - truth).abs().mean()
    assert metrics["posterior_error"] == pytest.approx(float(expected))
    assert metrics["posterior_error"] > 0.1 > 0.02 > metrics["posterior_error_scaled"]
    assert metrics["posterior_error_low"] < metrics["posterior_error"] < metrics["posterior_error_high"]
