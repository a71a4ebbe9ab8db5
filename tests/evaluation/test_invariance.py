"""Errors, verdicts and the generators that decide them."""

import math

import numpy as np
import pytest
import torch

from permset.data.randomness import generator
from permset.evaluation.invariance import Certificate, certify, invariance_error, show_permutations
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


def test_a_bag_is_shown_in_its_orders() -> None:
    first, second = show_permutations(leaning(1.0), X[:1], np.array([[5, 4, 3, 2, 1, 0]]), 0)
    assert first[0] == "0 1 2 3 4 5"
    assert second[0] == "5 4 3 2 1 0"
    assert first[1] != second[1]
    assert first[2] == pytest.approx(1 / (1 + math.exp(-first[1])))
