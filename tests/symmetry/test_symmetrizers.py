"""One invariance property over every layer, wrapper, model and a range of groups, with controls that must fail it."""

from collections.abc import Callable
from decimal import Decimal, getcontext
from math import comb, factorial
from typing import Any

import numpy as np
import pytest
import torch
from known_groups import GROUPS
from torch import Tensor, nn

from permset import PermsetError
from permset.config.kinds import Averaged, Order
from permset.data.randomness import generator
from permset.evaluation.invariance import invariance_error
from permset.networks.networks import MLP, DeepSet, EquivariantNetwork, MultiChannelNetwork
from permset.symmetry.frames import WeightedFrame
from permset.symmetry.groups import PermutationGroup, act
from permset.symmetry.layers import InvariantLinear
from permset.symmetry.symmetrizers import (
    Canonicalization,
    GroupAverage,
    PermutationAugmentation,
    SampledGroupAverage,
)

CHANNELS = 2
ORDERS: list[Order] = ["lexicographic", "norm", "channels"]


def mlp(n: int) -> nn.Module:
    return MLP(n, CHANNELS, [16, 16], "tanh")


class Summed(nn.Module):
    """A bare invariant layer as a network."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = InvariantLinear(CHANNELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).squeeze(-2)


INVARIANT: dict[str, Callable[[PermutationGroup], nn.Module]] = {
    "DeepSet sum": lambda group: DeepSet(CHANNELS, [8, 4], [5]),
    "DeepSet mean": lambda group: DeepSet(CHANNELS, [8, 4], [5], pooling="mean"),
    "DeepSet max": lambda group: DeepSet(CHANNELS, [8, 4], [5], pooling="max"),
    "InvariantLinear": lambda group: Summed(),
    "equivariant": lambda group: EquivariantNetwork(CHANNELS, [8, 8]),
    "equivariant, tied": lambda group: EquivariantNetwork(CHANNELS, [8, 8], group=group),
    "equivariant, summed": lambda group: EquivariantNetwork(CHANNELS, [4], "tanh", channels="sum"),
    "canonical": lambda group: Canonicalization(mlp(group.degree)),
    "canonical by norm": lambda group: Canonicalization(mlp(group.degree), "norm"),
    "canonical by channel": lambda group: Canonicalization(MultiChannelNetwork(group.degree, 2, [[2, 8]]), "channels"),
    "canonical under its group": lambda group: Canonicalization(mlp(group.degree), group=group),
    "canonical under its group, by norm": lambda group: Canonicalization(mlp(group.degree), "norm", group),
    "weighted frame": lambda group: WeightedFrame(mlp(group.degree), CHANNELS, 5, generator(0, "directions")),
    "average": lambda group: GroupAverage(mlp(group.degree), group),
    "average of probabilities": lambda group: GroupAverage(mlp(group.degree), group, averaged="probabilities"),
    "average, few at once": lambda group: GroupAverage(mlp(group.degree), group, at_once=7),
}


def bags(kind: str, n: int) -> Tensor:
    x = torch.randn(30, n, CHANNELS, dtype=torch.float64, generator=generator(0, kind))
    if kind == "repeated objects":
        return x[:, torch.randint(max(1, n // 2), (n,), generator=generator(1, kind))]
    if kind == "ties":
        return x.round()
    return x


def error(network: nn.Module, group: PermutationGroup, x: Tensor) -> float:
    permutations = np.concatenate([group.generators(), group.sample(20, generator(0, "test")).numpy()])
    return float(invariance_error(lambda x: network.to(x.dtype)(x)[None], x, permutations).max())


@pytest.mark.parametrize("kind", ["different objects", "repeated objects", "ties"])
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("name", INVARIANT)
def test_invariant(name: str, group: str, kind: str) -> None:
    network = INVARIANT[name](GROUPS[group])
    assert error(network, GROUPS[group], bags(kind, GROUPS[group].degree)) <= 1e-12


class SortedChannels(nn.Module):
    """The notebook's fault: it sorted the channels of each object, and not the objects."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x.sort(-1).values)


@pytest.mark.parametrize("group", ["S_5", "C_6", "D_4", "S_2 × S_3"])
def test_the_controls_are_not_invariant(group: str) -> None:
    chosen = GROUPS[group]
    x = bags("different objects", chosen.degree)
    smaller = GroupAverage(mlp(chosen.degree), PermutationGroup.trivial(chosen.degree))
    sampled = SampledGroupAverage(mlp(chosen.degree), chosen, 3, 1, generator(0, "average"))
    augmented = PermutationAugmentation(mlp(chosen.degree), chosen)
    for control in (mlp(chosen.degree), SortedChannels(mlp(chosen.degree)), smaller, augmented):
        assert error(control, chosen, x) > 1e-2
    assert error(sampled, chosen, x) > 1e-4


def test_a_subgroups_network_is_not_invariant_under_more() -> None:
    x = bags("different objects", 6)
    for name in ("equivariant, tied", "average", "canonical under its group"):
        network = INVARIANT[name](GROUPS["C_6"])
        assert error(network, GROUPS["C_6"], x) <= 1e-12
        assert error(network, PermutationGroup.symmetric(6), x) > 1e-3


@pytest.mark.parametrize("order", ORDERS)
def test_canonical_order_is_the_same_to_the_last_bit_and_lets_gradients_through(order: str) -> None:
    canonical = Canonicalization(nn.Identity(), order).canonical
    for kind in ("different objects", "repeated objects", "ties"):
        x = bags(kind, 5).float().requires_grad_()
        for p in GROUPS["S_5"].elements()[::7]:
            assert torch.equal(canonical(act(p, x)), canonical(x))
        weights = torch.randn(x.shape)
        (gradient,) = torch.autograd.grad((canonical(x) * weights).sum(), x)
        assert torch.equal(gradient.flatten().sort().values, weights.flatten().sort().values)


def test_lexicographic_order_is_pythons() -> None:
    x = torch.randint(0, 3, (50, 6, 3)).float()
    expected = [sorted(bag) for bag in x.tolist()]
    assert Canonicalization(nn.Identity()).canonical(x).tolist() == expected


@pytest.mark.parametrize("averaged", ["logits", "probabilities"])
@pytest.mark.parametrize("kind", ["different objects", "repeated objects", "ties"])
@pytest.mark.parametrize("group", GROUPS)
def test_an_average_is_the_full_sum_over_the_group(group: str, kind: str, averaged: Averaged) -> None:
    chosen = GROUPS[group]
    network = GroupAverage(mlp(chosen.degree), chosen, averaged=averaged).double()
    x = bags(kind, chosen.degree)
    each = torch.stack([network.network(act(p, x)) for p in chosen.elements()])
    expected = each.mean(0) if averaged == "logits" else torch.logit(torch.sigmoid(each).mean(0))
    torch.testing.assert_close(network(x), expected, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(network(x[3]), expected[3], rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(
        network(x.reshape(5, 6, *x.shape[1:])), expected.reshape(5, 6, 1), rtol=1e-10, atol=1e-12
    )
    elements = torch.as_tensor(chosen.elements().astype(int)).expand(len(x), -1, -1)
    torch.testing.assert_close(network(x, permutations=elements), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("averaged", ["logits", "probabilities"])
def test_an_average_in_portions_is_that_of_all_at_once(averaged: Averaged) -> None:
    """Of a group's elements, and of 20 sampled ones, which are more than are taken at once."""
    x, network = bags("different objects", 5), mlp(5)
    group = PermutationGroup.cyclic(5)
    sampled = SampledGroupAverage(network, group, 20, 1, generator(0, "average"), averaged).double()
    each = torch.stack([network(x[:, p]) for p in sampled.permutations])
    expected = each.mean(0) if averaged == "logits" else torch.logit(torch.sigmoid(each).mean(0))
    torch.testing.assert_close(sampled(x), expected, rtol=1e-10, atol=1e-12)
    whole, portions = (GroupAverage(network, group, averaged, at_once=size) for size in (20_000, 1))
    torch.testing.assert_close(portions(x), whole(x), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("outputs", [1, 3])
def test_an_average_of_probabilities_tells_apart_those_that_round_to_one(outputs: int) -> None:
    """By decimals of 80 digits; in float32 every sigmoid of 17 or more is one."""
    group = PermutationGroup.cyclic(3)
    network = GroupAverage(Scaled(outputs), group, averaged="probabilities")
    x = torch.tensor([[20.0, 25.0, 30.0], [-90.0, 40.0, 60.0], [17.0, 17.0, 17.0]]).unsqueeze(-1)
    x.requires_grad_(True)
    found = network(x)
    found.sum().backward()
    assert bool(torch.isfinite(x.grad).all())
    for bag, row in zip(x[..., 0].tolist(), found.tolist(), strict=True):
        each = [Scaled.exactly([Decimal(bag[(i + k) % 3]) for i in range(3)], outputs) for k in range(3)]
        mean = [sum(values) / 3 for values in zip(*each, strict=True)]
        exact = [(mean[0] / mean[1]).ln()] if outputs == 1 else [value.ln() for value in mean]
        np.testing.assert_allclose(row, [float(value) for value in exact], rtol=2e-6, atol=1e-6)


class Scaled(nn.Module):
    """Logits that are the first object, or for several classes the first object times 0, 1, 2."""

    def __init__(self, outputs: int):
        super().__init__()
        self.outputs = outputs

    def forward(self, x: Tensor) -> Tensor:
        return x[..., 0, :] if self.outputs == 1 else x[..., 0, :] * torch.arange(3.0)

    @staticmethod
    def exactly(bag: list[Decimal], outputs: int) -> list[Decimal]:
        """Probabilities of class 1 and 0, or of each class."""
        getcontext().prec = 80
        logits = [bag[0], Decimal(0)] if outputs == 1 else [bag[0] * k for k in range(3)]
        return [z.exp() / sum(other.exp() for other in logits) for z in logits]


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.evaluations = 0
        self.most_at_once = 0

    def forward(self, x: Tensor) -> Tensor:
        self.evaluations += x[..., 0, 0].numel()
        self.most_at_once = max(self.most_at_once, x[..., 0, 0].numel())
        return x[..., 0, :1]


def test_three_equal_objects_among_ten_cost_120_evaluations_and_not_ten_factorial() -> None:
    counting = Counting()
    average = GroupAverage(counting, PermutationGroup.symmetric(10), at_once=50)
    x = torch.zeros(4, 10, 1)
    x[:2, :3] = 1 / 3
    x[2:, 4:9] = 1 / 5
    torch.testing.assert_close(average(x), torch.full((4, 1), 0.1))
    assert counting.evaluations == comb(10, 3) + comb(10, 5) < factorial(10)
    assert counting.most_at_once <= 50


def test_gradients_of_an_average_reach_weights_and_bags() -> None:
    average = GroupAverage(mlp(4), GROUPS["D_4"]).double()
    x = bags("repeated objects", 4)[:3].requires_grad_()
    full = torch.stack([average.network(act(p, x)) for p in GROUPS["D_4"].elements()]).mean(0)
    for wanted in (x, *average.parameters()):
        got, expected = (torch.autograd.grad(y.sum(), wanted, retain_graph=True)[0] for y in (average(x), full))
        torch.testing.assert_close(got, expected)


def test_a_sampled_average_comes_closer_as_one_over_the_root_of_its_samples() -> None:
    torch.manual_seed(0)
    network, group, x = mlp(6).double(), PermutationGroup.symmetric(6), bags("different objects", 6)
    exact = GroupAverage(network, group)(x)
    away = []
    for k in (4, 16, 64, 256):
        drawn = [SampledGroupAverage(network, group, k, 1, generator(i, "average")) for i in range(40)]
        away.append(torch.stack([(sampled(x) - exact).square() for sampled in drawn]).mean().sqrt().item())
    slope = np.polyfit(np.log([4, 16, 64, 256]), np.log(away), 1)[0]
    assert -0.6 < slope < -0.4


def test_training_permutations_are_fresh_and_used() -> None:
    x = bags("different objects", 5)
    for wrapper in (
        PermutationAugmentation(mlp(5), GROUPS["S_5"]),
        SampledGroupAverage(mlp(5), GROUPS["S_5"], 2, 1, generator(0, "average")),
        GroupAverage(mlp(5), GROUPS["S_5"], train_samples=1),
    ):
        wrapper.double()
        drawn = wrapper.draw(30, generator(0, "permutations"))
        assert drawn.shape == (30, 1, 5)
        assert len(torch.unique(drawn, dim=0)) > 10
        moved = torch.stack([act(p[0], bag) for p, bag in zip(drawn, x, strict=True)])
        torch.testing.assert_close(wrapper(x, permutations=drawn), wrapper.network(moved))
    torch.testing.assert_close(PermutationAugmentation(mlp(5), GROUPS["S_5"])(x.float()).shape, torch.Size([30, 1]))


def test_bags_of_another_size_than_the_group_are_refused() -> None:
    with pytest.raises(PermsetError, match="bags of at most 5 objects can be taken here, got one of more"):
        GroupAverage(mlp(6), GROUPS["S_5"])(torch.zeros(2, 6, 2))


class Signs(nn.Module):
    """Sees the sign of zero, and the place at which it is."""

    def forward(self, x: Tensor) -> Tensor:
        signs = torch.where(torch.signbit(x), -1.0, 1.0).to(x)
        return (signs * torch.arange(1, x[0].numel() + 1).view(x.shape[1:])).sum((-2, -1)).unsqueeze(-1)


def zeros_of_both_signs(n: int) -> Tensor:
    x = torch.randint(-1, 2, (40, n, CHANNELS), generator=generator(0, "zeros")).double()
    return torch.where(torch.rand(x.shape, generator=generator(1, "zeros")) < 0.5, x, x * -1.0)


@pytest.mark.parametrize(
    "wrap",
    [
        *(lambda network, group, order=order: Canonicalization(network, order) for order in ORDERS),
        lambda network, group: Canonicalization(network, group=group),
        lambda network, group: WeightedFrame(network, CHANNELS, 5, generator(0, "directions")),
        GroupAverage,
        lambda network, group: GroupAverage(network, group, at_once=7),
    ],
)
@pytest.mark.parametrize("group", ["S_5", "C_6", "D_4"])
def test_zeros_of_both_signs_are_one(wrap: Callable[[nn.Module, PermutationGroup], nn.Module], group: str) -> None:
    chosen = GROUPS[group]
    x = zeros_of_both_signs(chosen.degree)
    network = wrap(Signs(), chosen)
    assert error(network, chosen, x) <= 1e-12
    assert torch.equal(network(x), network(x + 0.0)), "also where both are met"
    assert error(Signs(), chosen, x) > 0.1, "the control sees them"


@pytest.mark.parametrize("order", ORDERS)
def test_padding_comes_after_objects_that_are_no_numbers(order: Order) -> None:
    """For each channel, NaN and infinity stay what they are and where they are among the objects."""
    values = [torch.nan, torch.inf, -torch.inf, 1.0]
    x = torch.tensor([values, values[::-1]]).unsqueeze(-1)
    canonical = Canonicalization(nn.Identity(), order).canonical
    expected = canonical(x)
    for garbage in (0.0, torch.nan, torch.inf):
        wide = torch.cat([torch.full((2, 2, 1), garbage), x], 1)
        found = canonical(wide, torch.arange(6).expand(2, -1) >= 2)
        torch.testing.assert_close(found[:, :4], expected, rtol=0, atol=0, equal_nan=True)
        assert not found[:, 4:].any()


def test_an_object_that_holds_nan_is_not_taken_for_another() -> None:
    """Of a network that gives numbers all the same."""

    class Numbers(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x.nan_to_num(7.0)[..., 0] * torch.arange(4.0).exp()).sum(-1, keepdim=True)

    x = torch.tensor([[1.0, 2.0, torch.nan, 3.0]]).unsqueeze(-1)
    for group in (GROUPS["D_4"], PermutationGroup.symmetric(4)):
        each = torch.stack([Numbers()(act(p, x)) for p in group.elements()])
        torch.testing.assert_close(GroupAverage(Numbers(), group)(x), each.mean(0))


class Convolved(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.convolution, self.out = nn.Conv1d(CHANNELS, 4, 3, padding=1), nn.Linear(4 * n, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.convolution(x.mT).tanh().flatten(1))


class Recurrent(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.recurrent, self.out = nn.GRU(CHANNELS, 4, batch_first=True), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.recurrent(x)[0][:, -1])


class Masked(nn.Module):
    """Takes bags (sets, n, channels) and a mask (sets, n), and nothing else."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.layer = nn.Linear((CHANNELS + 1) * n, 1)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        assert x.dim() == 3
        there = torch.ones_like(x[..., 0]) if mask is None else mask.to(x)
        assert there.shape == x.shape[:2]
        return self.layer(torch.cat([x, there.unsqueeze(-1)], -1).flatten(1).tanh())


OF_ONES_OWN: dict[str, Callable[[int], nn.Module]] = {
    "flat": lambda n: nn.Sequential(nn.Flatten(), nn.Linear(n * CHANNELS, 8), nn.Tanh(), nn.Linear(8, 1)),
    "convolved": Convolved,
    "recurrent": Recurrent,
    "masked": Masked,
}
WRAPPERS: dict[str, Callable[[nn.Module, PermutationGroup], Any]] = {
    "average": GroupAverage,
    "average, few at once": lambda network, group: GroupAverage(network, group, at_once=7),
    "average of the canonical": lambda network, group: GroupAverage(Canonicalization(network), group),
    "sampled average": lambda network, group: SampledGroupAverage(network, group, 9, 2, generator(0, "average")),
    "canonical": lambda network, group: Canonicalization(network),
    "canonical under its group": lambda network, group: Canonicalization(network, group=group),
    "weighted frame": lambda network, group: WeightedFrame(network, CHANNELS, 5, generator(0, "directions")),
    "augmentation": PermutationAugmentation,
    "augmented average": lambda network, group: PermutationAugmentation(GroupAverage(network, group), group),
}


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("name", OF_ONES_OWN)
def test_a_network_of_ones_own_sees_sets_objects_and_channels(name: str, wrapper: str) -> None:
    group, x = GROUPS["C_6"], bags("different objects", 6)
    network = WRAPPERS[wrapper](OF_ONES_OWN[name](6), group).double()
    outputs = network(x)
    assert outputs.shape == (30, 1)
    torch.testing.assert_close(network(x[:12].view(3, 4, 6, CHANNELS)), outputs[:12].view(3, 4, 1))
    torch.testing.assert_close(network(x[3]), outputs[3])
    draws = network.draw(30, generator(0, "permutations"))
    if draws is not None:
        assert network(x, permutations=draws).shape == (30, 1)
    if "average" in wrapper and wrapper != "sampled average":
        each = torch.stack([network(act(p, x)) for p in group.elements()])
        torch.testing.assert_close(each, outputs.expand_as(each))


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_its_mask_moves_with_its_objects(wrapper: str) -> None:
    group, x = GROUPS["C_6"], bags("different objects", 6)
    network = WRAPPERS[wrapper](Masked(6), group).double()
    mask = torch.arange(6) < torch.arange(30).unsqueeze(-1) % 7
    outputs = network(x, mask)
    assert outputs.shape == (30, 1)
    moved = torch.where(mask.unsqueeze(-1), x, 9.0)
    torch.testing.assert_close(network(moved, mask), outputs)
    assert not torch.allclose(network(moved), outputs), "the control: padding would be seen"
    if wrapper == "average":
        x = torch.where(mask.unsqueeze(-1), x, 0.0)
        elements = [torch.as_tensor(p.astype(int)) for p in group.elements()]
        each = torch.stack([network.network(x[:, p], mask[:, p]) for p in elements])
        torch.testing.assert_close(outputs, each.mean(0))


def test_training_does_not_average_over_all_of_a_large_group() -> None:
    """Whose elements would be drawn for each bag of a step: 7! = 5,040 are few enough, 8! = 40,320 are not."""
    draws = generator(0, "permutations")
    drawn = GroupAverage(nn.Identity(), PermutationGroup.symmetric(7)).draw(2, draws)
    assert drawn.shape == (2, 5040, 7)
    large = PermutationGroup.symmetric(8)
    with pytest.raises(PermsetError, match="all elements of S_8, more than 10000; give train_samples"):
        GroupAverage(nn.Identity(), large).draw(2, draws)
    assert GroupAverage(nn.Identity(), large, train_samples=3).draw(2, draws).shape == (2, 3, 8)


def test_without_samples_an_average_is_trained_on_the_whole_group() -> None:
    average = GroupAverage(mlp(4), GROUPS["D_4"]).double()
    drawn = average.draw(3, generator(0, "permutations"))
    assert drawn.shape == (3, 8, 4)
    for elements in drawn:
        assert torch.equal(elements, torch.as_tensor(GROUPS["D_4"].elements().astype(np.int64)))
    x = bags("different objects", 4)[:3]
    torch.testing.assert_close(average(x, permutations=drawn), average(x))
