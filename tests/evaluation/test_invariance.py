"""Errors, verdicts and the generators that decide them."""

import math

import numpy as np
import pytest
import torch

from permset import PermsetError
from permset.config.experiment import CertificateParams
from permset.data.bags import Bags
from permset.data.randomness import generator
from permset.evaluation.invariance import (
    Certificate,
    certified,
    certify,
    example,
    invariance_error,
    show_permutations,
)
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


LIMITS = CertificateParams(objects=100, permutations=7, shown=2, seed=3, invariant=1e-12, approximate=0.1)


def test_a_certificate_has_the_errors_of_its_generators_and_of_the_elements_of_its_seed() -> None:
    group, network = PermutationGroup.cyclic(6), leaning(1e-3)
    certificate = certify(network, X, group, 7, generator(3, "certificate"))
    elements = group.sample(7, generator(3, "certificate")).numpy()
    x = X.double()
    assert certificate.generators == invariance_error(network, x, group.generators()).max()
    assert certificate.random == invariance_error(network, x, elements).max()
    assert certificate.generators_float32 == invariance_error(network, X, group.generators()).max()
    assert certificate.random_float32 == invariance_error(network, X, elements).max()
    assert certificate.error == max(certificate.generators, certificate.random)
    assert certificate.error_float32 == max(certificate.generators_float32, certificate.random_float32)


def test_a_certificate_names_its_group_and_measures_all_permutations_too() -> None:
    cyclic, every = PermutationGroup.cyclic(6), PermutationGroup.symmetric(6)

    def turning(x: torch.Tensor) -> torch.Tensor:
        """Invariant under rotations alone."""
        return (x[..., :1] * x.roll(1, -2)[..., :1]).sum(-2)[None]

    found = certified("turning", cyclic, turning, Bags(X, X[:, 0, :1]), LIMITS)
    assert found["group"] == "C_6"
    assert found["verdict"] == "invariant"
    draws = generator(LIMITS.seed, "certificate")
    expected = certify(turning, X, cyclic, 7, draws)
    assert {key: found[key] for key in expected.as_dict()} == expected.as_dict()
    more = every.sample(7, draws).numpy()
    assert found["invariance_symmetric"] == invariance_error(turning, X.double(), more).max() > 0.1
    unclaimed = certified("turning", None, turning, Bags(X, X[:, 0, :1]), LIMITS)
    assert unclaimed["group"] == "S_6"
    assert unclaimed["invariance_symmetric"] == unclaimed["invariance_float64"] > 0.1


def test_a_lost_claim_is_an_error_and_a_missing_one_is_not() -> None:
    bags = Bags(X, X[:, 0, :1])
    with pytest.raises(PermsetError, match=r"leaning: claims to be invariant under S_6, but its relative error is"):
        certified("leaning", PermutationGroup.symmetric(6), leaning(1e3), bags, LIMITS)
    assert certified("leaning", None, leaning(1e3), bags, LIMITS)["verdict"] == "not invariant"


def test_the_bag_that_is_shown_has_two_objects_where_one_has() -> None:
    mask = torch.tensor([[True, False, False], [True, True, False], [True, True, True]])
    x = torch.arange(9.0).view(3, 3, 1)
    assert torch.equal(example(Bags(x, x[:, 0], mask)), x[1:2, :2])
    assert torch.equal(example(Bags(x, x[:, 0])), x[:1])
