"""Pools that are corrected are those of the bags without each object, and so is what a network says of these."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from masked_bags import SEEDS, SIZES, C, bags, few, padded, relative, with_any_weights
from torch import Tensor, nn

from permset.config.kinds import PoolingKind
from permset.networks.kernel_machine import KernelMachine
from permset.networks.leave_one_out import WithoutEach, pools_without_each
from permset.networks.networks import MLP, DeepSet, SetTransformer
from permset.networks.pooling import Pooling
from permset.networks.standardization import Standardized
from permset.symmetry.symmetrizers import Canonicalization
from permset.training.stack import predict, stack

KINDS: list[PoolingKind] = ["sum", "mean", "max", "min", "lse"]


def without_each(x: Tensor) -> list[Tensor]:
    """The bags (n − 1, c) of a bag (n, c)."""
    return [torch.cat([x[:i], x[i + 1 :]]) for i in range(len(x))]


def anew(network: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """What is said of each of them by itself."""
    return torch.stack([network(bag[None])[0] for bag in without_each(x)])


@pytest.mark.parametrize("kind", KINDS)
@given(sizes=SIZES, more=st.integers(1, 3), garbage=st.sampled_from([0.0, 1e30, -1e30]), seed=SEEDS)
@few
def test_a_corrected_pool_is_that_of_the_other_objects(
    kind: PoolingKind, sizes: list[int], more: int, garbage: float, seed: int
) -> None:
    x, mask = padded(bags(sizes, seed), max(sizes) + more, seed, garbage)
    pooling, [(whole, others)] = Pooling(C, kind), pools_without_each(x, mask, [kind])
    assert relative(whole.squeeze(-2), pooling(x, mask)) <= 1e-12
    assert torch.equal(pools_without_each(x[None], mask[None], [kind])[0].others[0], others)
    for bag, there, found in zip(x, mask, others, strict=True):
        if there.any():
            expected = anew(pooling, bag[there])
            assert relative(found[there], expected) <= 1e-12
            assert relative(pools_without_each(bag[there], None, [kind])[0].others, expected) <= 1e-12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, 2, 3, 300])
def test_equal_objects_stand_in_for_each_other(kind: PoolingKind, size: int) -> None:
    """Of the largest, and of all of them."""
    some = bags([size], 0)[0].round()
    for x in (torch.cat([some, some]), torch.ones(size, C, dtype=torch.float64)):
        assert relative(pools_without_each(x, None, [kind])[0].others, anew(Pooling(C, kind), x)) <= 1e-12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("large", [3e7, -3e7, 200.0])
def test_small_objects_are_not_lost_beside_a_large_one(kind: PoolingKind, large: float) -> None:
    """In float32: without it, their pool has all its digits."""
    x = torch.cat([bags([6], 0)[0].float(), torch.full((1, C), large)])
    found, expected = pools_without_each(x, None, [kind])[0].others, anew(Pooling(C, kind), x)
    torch.testing.assert_close(found[-1], expected[-1], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


def standardized(network: nn.Module) -> Standardized:
    wrapped = Standardized(network, C, 2)
    wrapped.mean, wrapped.deviation = torch.tensor([1.0, 0.0, -2.0]), torch.tensor([0.5, 2.0, 1.0])
    wrapped.target_mean, wrapped.target_deviation = torch.tensor([10.0, -3.0]), torch.tensor([4.0, 0.1])
    return wrapped


@pytest.mark.parametrize("wrap", [lambda network: network, standardized])
@pytest.mark.parametrize(
    ("pooling", "set_widths"), [(["mean", "max"], [6]), (["lse", "min", "sum"], [6, 5]), ("max", [])]
)
def test_a_network_says_of_each_bag_that_lacks_an_object_what_it_says_of_it_alone(
    wrap: Callable[[nn.Module], nn.Module], pooling: PoolingKind | list[PoolingKind], set_widths: list[int]
) -> None:
    """All seeds at once."""
    networks = [
        with_any_weights(wrap(DeepSet(C, [5, 4], set_widths, pooling=pooling, outputs=2)), seed) for seed in range(3)
    ]
    objects = bags([4, 0, 1, 7], 0)
    x, mask = padded(objects, 9, 0)
    learnt, fitted = stack(networks)
    state = {f"network.{name}": value for name, value in (learnt | fitted).items()}
    assert WithoutEach.takes(networks[0])
    outputs = predict(WithoutEach(networks[0]), state, x, mask).unflatten(-1, (10, 2))
    for network, of_network in zip(networks, outputs, strict=True):
        for i in (0, 2, 3):
            expected = anew(network.double(), x[i, mask[i]])
            assert relative(of_network[i, 1:][mask[i]], expected) <= 1e-12
        assert relative(of_network[:, 0], network(x, mask)) <= 1e-12


@pytest.mark.parametrize(
    "network",
    [
        DeepSet(C, [4, 4], [], norm="set"),
        DeepSet(C, [4], [], pooling=["max", "attention"]),
        Canonicalization(DeepSet(C, [4], [])),
        SetTransformer(C, 4, 2, 1),
        KernelMachine(C, ["mean"]),
        MLP(5, C, [3]),
    ],
)
def test_a_network_that_sees_objects_together_is_not_taken(network: nn.Module) -> None:
    assert not WithoutEach.takes(network)
    assert not WithoutEach.takes(Standardized(network, C, 1))
