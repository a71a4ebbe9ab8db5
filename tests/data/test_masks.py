"""One property over every model, pooling and wrapper: what is no object does not matter, controls excepted."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from permset.data.masks import in_positions, resize
from permset.data.randomness import generator
from permset.evaluation.invariance import invariance_error
from permset.networks.kernel_machine import KernelMachine
from permset.networks.monotone import MonotoneSet
from permset.networks.networks import MLP, DeepSet, EquivariantNetwork, MultiChannelNetwork, SetTransformer
from permset.networks.standardization import Standardized
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import Canonicalization, GroupAverage, PermutationAugmentation, SampledGroupAverage

SIZE, CHANNELS, OUTPUTS = 5, 3, 2
GROUP, C_5 = PermutationGroup.symmetric(SIZE), PermutationGroup.cyclic(SIZE)


def mlp() -> MLP:
    return MLP(SIZE, CHANNELS, [16], outputs=OUTPUTS)


def deepset(pooling: str | list[str], norm: str = "none") -> Callable[[], DeepSet]:
    return lambda: DeepSet(CHANNELS, [8, 4], [5], pooling=pooling, norm=norm, outputs=OUTPUTS)  # type: ignore[arg-type]


def machine() -> nn.Module:
    network = KernelMachine(CHANNELS, ["mean", "min", "max"], OUTPUTS)
    network.support, network.weight = torch.randn(7, 9), nn.Parameter(torch.randn(OUTPUTS, 7))
    return network


def standardized() -> nn.Module:
    network = Standardized(deepset("mean")(), CHANNELS, OUTPUTS)
    network.fit_scales(torch.randn(50, CHANNELS) * 3 + 1, torch.randn(20, OUTPUTS) * 5)
    return network


# Whether outputs do not depend on the order of the objects either.
NETWORKS: dict[str, tuple[Callable[[], nn.Module], bool]] = {
    **{f"deepset {kind}": (deepset(kind), True) for kind in ("sum", "mean", "max", "min", "lse", "attention")},
    "deepset of all kinds": (deepset(["sum", "mean", "max", "min", "lse", "attention"]), True),
    "deepset, set norm": (deepset("max", "set"), True),
    "set transformer": (lambda: SetTransformer(CHANNELS, 8, 2, 2, outputs=OUTPUTS), True),
    "set transformer, ISAB": (lambda: SetTransformer(CHANNELS, 8, 2, 1, 3, 2, "layer", OUTPUTS), True),
    "set transformer, PMA alone": (lambda: SetTransformer(CHANNELS, 8, 2, 0, outputs=OUTPUTS), True),
    "monotone, max": (lambda: MonotoneSet(CHANNELS, [8], 4, [5], outputs=OUTPUTS), True),
    "monotone, sum": (lambda: MonotoneSet(CHANNELS, [8], 4, [], pooling="sum", outputs=OUTPUTS), True),
    "support-vector machine": (machine, True),
    "standardized": (standardized, True),
    "equivariant": (lambda: EquivariantNetwork(CHANNELS, [8, 8], outputs=OUTPUTS), True),
    "equivariant, tied": (lambda: EquivariantNetwork(CHANNELS, [8], group=GROUP, outputs=OUTPUTS), True),
    "canonical": (lambda: Canonicalization(mlp()), True),
    "canonical by norm": (lambda: Canonicalization(mlp(), "norm"), True),
    "canonical by channel": (lambda: Canonicalization(mlp(), "channels"), True),
    "average": (lambda: GroupAverage(mlp(), GROUP), True),
    "average of probabilities": (lambda: GroupAverage(mlp(), GROUP, averaged="probabilities"), True),
    "average over rotations": (lambda: GroupAverage(mlp(), C_5), False),
    "sampled average": (lambda: SampledGroupAverage(mlp(), GROUP, 4, 1, generator(0, "a")), False),
    "augmentation": (lambda: PermutationAugmentation(mlp(), GROUP), False),
    "mlp": (mlp, False),
    "multichannel": (lambda: MultiChannelNetwork(SIZE, CHANNELS, [[2, 8]], outputs=OUTPUTS), False),
}
# Bags of 0 to 5 objects, some of which are the same.
SIZES = torch.arange(24) % (SIZE + 1)
MASK = torch.arange(SIZE) < SIZES.unsqueeze(-1)


def bags() -> Tensor:
    x = torch.randn(len(SIZES), SIZE, CHANNELS, dtype=torch.float64, generator=generator(0, "masks"))
    x[12:, 1] = x[12:, 0]
    return x


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    return NETWORKS[name][0]().double()


def away(outputs: Tensor, expected: Tensor) -> float:
    """Relative difference, NaN if one is none."""
    return ((outputs - expected).abs().max() / expected.abs().max().clamp(min=1)).item()


@pytest.mark.parametrize("name", NETWORKS)
def test_what_lies_in_the_padding_does_not_matter(name: str) -> None:
    network, x = build(name), bags()
    outputs = network(x, MASK)
    assert outputs.shape == (len(SIZES), OUTPUTS)
    for garbage in (1e6, torch.nan, torch.inf):
        assert away(network(torch.where(MASK.unsqueeze(-1), x, garbage), MASK), outputs) <= 1e-12
    wide = torch.cat([x, torch.full((len(x), 3, CHANNELS), 7.0, dtype=x.dtype)], 1)
    assert away(network(wide, torch.cat([MASK, torch.zeros(len(x), 3, dtype=torch.bool)], 1)), outputs) <= 1e-12


@pytest.mark.parametrize("name", NETWORKS)
def test_a_mask_of_all_objects_is_none(name: str) -> None:
    network, x = build(name), bags()
    assert away(network(x, torch.ones_like(MASK)), network(x)) <= 1e-12


@pytest.mark.parametrize("name", [name for name, (_, invariant) in NETWORKS.items() if invariant])
def test_objects_and_padding_may_come_in_any_order(name: str) -> None:
    network, x = build(name), bags()
    permutations = np.concatenate([GROUP.generators(), GROUP.sample(10, generator(0, "test")).numpy()])
    assert invariance_error(lambda x, mask: network.to(x.dtype)(x, mask)[None], x, permutations, MASK).max() <= 1e-12


@pytest.mark.parametrize("name", ["mlp", "multichannel", "augmentation", "sampled average", "average over rotations"])
def test_the_controls_see_the_order(name: str) -> None:
    network, x = build(name), bags()
    permutations = GROUP.sample(10, generator(0, "test")).numpy()
    assert invariance_error(lambda x, mask: network.to(x.dtype)(x, mask)[None], x, permutations, MASK).max() > 1e-3


@pytest.mark.parametrize("name", [name for name, (_, invariant) in NETWORKS.items() if invariant])
def test_without_the_mask_padding_is_seen(name: str) -> None:
    """The control: what the mask keeps out would be seen."""
    network, x = build(name), bags()
    assert away(network(torch.where(MASK.unsqueeze(-1), x, 3.0)), network(x, MASK)) > 1e-3


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_and_gradients_are_finite_for_every_size(name: str) -> None:
    network, x = build(name), torch.where(MASK.unsqueeze(-1), bags(), torch.nan).requires_grad_()
    if not isinstance(network, GroupAverage):  # It takes bags that want gradients for different ones; see there.
        outputs = network(x, MASK)
        outputs.square().sum().backward()
        assert torch.isfinite(outputs).all()
        assert torch.isfinite(x.grad).all()  # type: ignore[arg-type]
        assert (x.grad[~MASK] == 0).all()  # type: ignore[index]
    network.zero_grad()
    network(bags(), MASK).square().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_bags_of_no_places_are_those_of_padding_alone(name: str, masked: bool) -> None:
    network, x = build(name), torch.zeros(2, 3, 0, CHANNELS, dtype=torch.float64)
    mask = (torch.zeros(2, 3, 0, dtype=torch.bool),) if masked else ()
    outputs = network(x, *mask)
    padding = torch.full((2, 3, 4, CHANNELS), 7.0, dtype=torch.float64)
    assert outputs.shape == (2, 3, OUTPUTS)
    assert torch.isfinite(outputs).all()
    assert away(outputs, network(padding, torch.zeros(2, 3, 4, dtype=torch.bool))) <= 1e-12
    outputs[..., 0].sum().backward()
    assert any(p.grad is not None and p.grad.any() for p in network.parameters())
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


@pytest.mark.parametrize("shape", [(0, SIZE), (0, SIZE - 2), (0, 0), (2, 0, SIZE)])
@pytest.mark.parametrize("name", NETWORKS)
def test_no_bags_give_no_outputs(name: str, shape: tuple[int, ...]) -> None:
    network, x = build(name), torch.zeros(*shape, CHANNELS, dtype=torch.float64)
    for mask in ((), (torch.ones(shape, dtype=torch.bool),)):
        assert network(x, *mask).shape == (*shape[:-1], OUTPUTS)
        outputs = network(x.requires_grad_(), *mask)
        outputs.sum().backward()
        assert all(not p.grad.any() for p in network.parameters() if p.grad is not None)


def test_bags_are_brought_to_fixed_positions() -> None:
    x, mask = torch.arange(4.0).view(1, 4, 1) + 1, torch.tensor([[False, True, False, True]])
    assert in_positions(x, mask, 3)[0, :, 0].tolist() == [2, 4, 0]
    kept, there = resize(x, mask, 6)
    assert kept[0, :, 0].tolist() == [0, 2, 0, 4, 0, 0]
    assert there is not None
    assert there[0].tolist() == [False, True, False, True, False, False]
    with pytest.raises(ValueError, match="bags of at most 3 objects can be taken here"):
        resize(x, mask, 3)


def test_a_mask_that_is_not_boolean_is_refused_in_one_line_wherever_one_enters() -> None:
    """In a process without the tests' own checks of types, as a user would run it."""
    program = """
import torch
from permset import PermsetError
from permset.api import *
from permset.networks.kernel_machine import KernelMachine
from permset.networks.pooling import GatedAttention, Pooling, SetNorm
from permset.networks.standardization import Standardized

x, group = torch.randn(4, 5, 3), PermutationGroup.cyclic(5)
mlp = MLP(5, 3, [4])
networks = [
    DeepSet(3, [4], [4]), DeepSet(3, [4], [4], pooling=["max", "lse", "attention"], norm="set"), mlp,
    SetTransformer(3, 4, 2, 1), SetTransformer(3, 4, 2, 0), SetTransformer(3, 4, 2, 1, inducing=2),
    EquivariantNetwork(3, [4]), EquivariantNetwork(3, [4], group=group), MultiChannelNetwork(5, 3, [[2, 4]]),
    KernelMachine(3, ["mean", "max"]), Canonicalization(mlp), Canonicalization(mlp, "channels"),
    GroupAverage(mlp, group), SampledGroupAverage(mlp, group, 3, 1, generator(0, "")),
    PermutationAugmentation(mlp, group), Standardized(DeepSet(3, [4], [4]), 3, 1),
    EquivariantLinear(3, 4), GroupEquivariantLinear(3, 4, group), InvariantLinear(3, 4),
    Pooling(3, "sum"), GatedAttention(3, 2), SetNorm(3),
]
for network in networks:
    for kind in (torch.uint8, torch.int64, torch.float32):
        for mask in (torch.ones(4, 5, dtype=kind), torch.zeros(4, 5, dtype=kind)):
            try:
                network(x, mask)
            except PermsetError as error:
                assert str(error) == f"a mask must be boolean, got {kind}; convert it with mask.bool()", error
            else:
                raise AssertionError(f"{network} took a mask of {kind}")
    network(x, torch.ones(4, 5, dtype=torch.bool))
"""
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=True)


def test_bags_are_brought_to_any_size_that_holds_their_objects() -> None:
    x = torch.arange(1.0, 9).view(2, 4, 1)
    for size in range(4, 8):
        kept, there = resize(x, None, size)
        assert torch.equal(kept[:, :4], x)
        assert kept.shape == (2, size, 1)
        assert not kept[:, 4:].any()
        assert (there is None) == (size == 4)
        if there is not None:
            assert torch.equal(there, (torch.arange(size) < 4).expand(2, size))
    mask = torch.tensor([[True, True, False, False]]).expand(2, 4)
    for size in (2, 3, 4, 5, 6):
        kept, there = resize(x, mask, size)
        assert kept[..., 0].tolist() == [[1, 2] + [0] * (size - 2), [5, 6] + [0] * (size - 2)]
        assert there is not None
        assert there.tolist() == [[True, True] + [False] * (size - 2)] * 2
