import math

import numpy as np
import pytest
import torch

from permset.data.randomness import generator
from permset.data.targets import accuracy, binary_cross_entropy
from permset.evaluation.invariance import Certificate, certify, invariance_error, show_permutations
from permset.evaluation.metrics import interval, measure
from permset.symmetry.groups import PermutationGroup

X = torch.randn(200, 6, 2, generator=torch.Generator().manual_seed(0))


def invariant(x: torch.Tensor) -> torch.Tensor:
    return x.exp().sum((1, 2), keepdim=False)[None, :, None]


def leaning(size: float):  # type: ignore[no-untyped-def]
    """Invariant but for a share of the first object."""
    return lambda x: invariant(x) + size * x[:, 0, :1][None]


def verdict(predict) -> str:  # type: ignore[no-untyped-def]
    return certify(predict, X, PermutationGroup.symmetric(6), 20, generator(0, "test")).verdict(1e-12, 0.1)


def test_the_verdict_tells_how_invariant_a_function_is() -> None:
    assert verdict(invariant) == "invariant"
    assert verdict(leaning(1e-6)) == "approximate"
    assert verdict(leaning(1e3)) == "not invariant"
    assert verdict(lambda x: invariant(x) * float("nan")) == "not invariant"


def test_one_bad_seed_or_a_not_finite_one_decides() -> None:
    mixed = lambda x: torch.cat([invariant(x), leaning(1e3)(x)])  # noqa: E731
    assert verdict(mixed) == "not invariant"
    broken = lambda x: torch.cat([invariant(x) * float("nan"), invariant(x)])  # noqa: E731
    assert verdict(broken) == "not invariant"
    assert math.isnan(Certificate(0.0, float("nan"), 0.0, 0.0).error)
    assert math.isnan(Certificate(float("nan"), 0.0, 0.0, 0.0).error)


def test_an_asymmetry_that_only_the_cycle_shows_is_found_by_the_generators() -> None:
    neighbours = lambda x: (x[:, 0, :1] * x[:, 1, :1] + x[:, 2, :1])[None]  # noqa: E731
    swap, cycle = PermutationGroup.symmetric(6).generators()
    x = X.double()
    assert invariance_error(neighbours, x, swap[None]).max() == 0
    assert invariance_error(neighbours, x, cycle[None]).max() > 0.1


def test_the_error_is_relative_to_the_largest_output_but_at_least_one() -> None:
    x = torch.tensor([[[1.0], [0.0]]], dtype=torch.float64)
    swap = np.array([[1, 0]])
    assert invariance_error(lambda x: 1e-3 * x[:, 0][None], x, swap)[0] == pytest.approx(1e-3)
    assert invariance_error(lambda x: 1e3 + x[:, 0][None], x, swap)[0] == pytest.approx(1 / 1001)


def test_accuracy_loss_and_regret_of_known_outputs() -> None:
    logits = torch.tensor([[[9.0], [-9.0], [9.0], [-9.0]], [[9.0], [-9.0], [-9.0], [9.0]]])
    labels = torch.tensor([[1.0], [0.0], [1.0], [0.0]])
    np.testing.assert_allclose(accuracy(logits, labels), [1, 0.5])
    right, wrong = math.log1p(math.exp(-9)), math.log1p(math.exp(9))
    np.testing.assert_allclose(binary_cross_entropy(logits.double(), labels.double()), [right, (right + wrong) / 2])
    metrics = measure([(one, labels) for one in logits], bayes_accuracy=1.0)
    assert (metrics["accuracy"], metrics["regret"], metrics["num_seeds"]) == (0.75, 0.25, 2)
    assert (metrics["accuracy_low"], metrics["accuracy_high"]) == (0, 1), "the t interval of two seeds is wider"
    assert (metrics["regret_low"], metrics["regret_high"]) == (0, 1)
    many = measure([(one, labels) for one in logits.repeat(20, 1, 1)], bayes_accuracy=1.0)
    mean, low, high = interval(np.tile([1, 0.5], 20))
    assert (many["accuracy"], many["accuracy_low"], many["accuracy_high"]) == (mean, low, high)
    assert many["regret_low"] == pytest.approx(1 - high)


def test_the_interval_holds_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    ends = [interval(rng.normal(3, 2, 5))[1:] for _ in range(2000)]
    held = np.mean([low <= 3 <= high for low, high in ends])
    assert abs(held - 0.95) < 0.015


def test_from_one_seed_no_interval_follows() -> None:
    metrics = measure([(torch.ones(2, 1), torch.tensor([[1.0], [0.0]]))])
    assert metrics["accuracy"] == 0.5
    assert metrics["accuracy_low"] is None
    assert metrics["accuracy_high"] is None


def test_a_bag_is_shown_in_its_orders() -> None:
    first, second = show_permutations(leaning(1.0), X[:1], np.array([[5, 4, 3, 2, 1, 0]]), 0)
    assert first[0] == "0 1 2 3 4 5"
    assert second[0] == "5 4 3 2 1 0"
    assert first[1] != second[1]
    assert first[2] == pytest.approx(1 / (1 + math.exp(-first[1])))
