"""Outputs of monotone networks never fall when an object is added."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from permset.networks.monotone import MonotoneSet, NonNegativeLinear
from permset.networks.networks import DeepSet
from permset.networks.standardization import Standardized
from permset.symmetry.groups import PermutationGroup

C, OUTPUTS = 3, 2


def network(pooling: Any, seed: int, set_widths: list[int], activation: Any = "tanh") -> MonotoneSet:
    """With weights of both signs, as training may make them."""
    built = MonotoneSet(C, [8], 4, set_widths, "relu", activation, pooling, OUTPUTS)
    draws = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in built.parameters():
            weights.copy_(2 * torch.randn(weights.shape, generator=draws))
    return built.double()


@given(
    st.sampled_from(["max", "sum"]),
    st.sampled_from([[], [5], [5, 4]]),
    st.sampled_from(["tanh", "relu", "none"]),
    st.integers(0, 99),
    st.integers(0, 5),
)
def test_no_output_falls_when_an_object_is_added(
    pooling: str, set_widths: list[int], activation: str, seed: int, objects: int
) -> None:
    x = 3 * torch.randn(20, objects + 1, C, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    monotone = network(pooling, seed, set_widths, activation)
    before, after = monotone(x[:, :objects]), monotone(x)
    assert (after >= before - 1e-12 * before.abs()).all()
    assert (after > before).any() or activation == "relu"


def test_the_control_a_deepset_of_the_same_shape_falls() -> None:
    x = torch.randn(50, 4, C)
    deepset = DeepSet(C, [8, 4], [5], pooling="max")
    assert (deepset(x) < deepset(x[:, :3]) - 1e-4).any()


@pytest.mark.parametrize("pooling", ["max", "sum"])
def test_it_is_its_formula(pooling: str) -> None:
    monotone, x = network(pooling, 0, [5]), torch.randn(6, 4, C, dtype=torch.float64)
    concepts = torch.sigmoid(monotone.element(x))
    pooled = concepts.amax(1) if pooling == "max" else concepts.sum(1)
    first, activation, last = monotone.set
    assert isinstance(first, nn.Linear)
    assert isinstance(last, nn.Linear)
    assert isinstance(activation, nn.Tanh)
    hidden = torch.tanh(pooled @ first.weight.abs().T + first.bias)
    torch.testing.assert_close(monotone(x), hidden @ last.weight.abs().T + last.bias)


def test_one_concept_orders_bags_by_their_largest_object() -> None:
    largest = MonotoneSet(C, [8], 1, []).double()
    x = torch.randn(30, 4, C, dtype=torch.float64)
    logits = largest.element(x).amax((1, 2))
    assert torch.equal(largest(x)[:, 0].argsort(), logits.argsort())


def test_an_empty_bag_has_the_least_output() -> None:
    monotone = network("max", 0, [5])
    nothing = torch.zeros(1, 3, C, dtype=torch.float64), torch.zeros(1, 3, dtype=torch.bool)
    assert (monotone(*nothing) <= monotone(torch.randn(50, 3, C, dtype=torch.float64))).all()
    torch.testing.assert_close(monotone(*nothing), monotone.set(torch.zeros(1, 4, dtype=torch.float64)))


def test_biases_start_at_zero_and_weights_are_those_of_a_linear_layer() -> None:
    layer = NonNegativeLinear(4, 3)
    assert not layer.bias.any()
    assert (layer.weight < 0).any()


def test_it_claims_what_it_is_also_behind_units() -> None:
    monotone = network("max", 0, [])
    assert monotone.claims_monotone
    assert Standardized(monotone, C, OUTPUTS).claims_monotone
    assert monotone.claimed_group(7) == PermutationGroup.symmetric(7)
    assert not DeepSet(C, [4], []).claims_monotone
