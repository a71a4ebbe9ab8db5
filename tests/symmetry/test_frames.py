"""Weighted frames against sorting by hand, one direction at a time."""

import pytest
import torch
from torch import Tensor, nn

from permset.data.randomness import generator
from permset.symmetry.frames import WeightedFrame

N, CHANNELS, DIRECTIONS = 5, 3, 4


class Ordered(nn.Module):
    """Sees the order of the objects; gives one output for bags of any size."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        there = torch.ones_like(x[..., 0]) if mask is None else mask.to(x)
        return (x.sum(-1) * there * torch.arange(1, x.shape[-2] + 1)).sum(-1, keepdim=True)


def frame() -> WeightedFrame:
    return WeightedFrame(Ordered(), CHANNELS, DIRECTIONS, generator(0, "directions")).double()


def by_hand(bag: Tensor, directions: Tensor) -> float:
    """By the definition, with the least distance over all pairs of different objects."""
    weights, outputs = [], []
    for direction in directions:
        projected = (bag * direction).sum(-1)
        pairs = [
            abs(float(projected[i] - projected[j]))
            for i in range(len(bag))
            for j in range(i)
            if not torch.equal(bag[i], bag[j])
        ]
        weights.append(min(pairs, default=1.0))
        outputs.append(float(Ordered()(bag[projected.argsort(stable=True)][None])))
    if not sum(weights):
        weights = [1.0] * len(weights)
    return sum(w * f for w, f in zip(weights, outputs, strict=True)) / sum(weights)


def bags() -> Tensor:
    """Bags of different objects, some with objects that are equal, all of them in the last."""
    x = torch.randn(20, N, CHANNELS, generator=generator(0, "bags")).double()
    x[5:10, 3] = x[5:10, 0]
    x[10, :] = x[10, 0]
    return x


def test_it_is_the_weighted_mean_over_sorted_bags() -> None:
    x, network = bags(), frame()
    expected = [by_hand(bag, network.directions) for bag in x]
    torch.testing.assert_close(network(x)[:, 0], torch.tensor(expected, dtype=torch.float64))
    torch.testing.assert_close(network(x.unflatten(0, (4, 5))).flatten(), network(x)[:, 0])


def test_a_direction_in_which_objects_tie_does_not_count() -> None:
    """And where all have ties, all count the same."""
    network = frame()
    network.directions = torch.eye(CHANNELS).double()
    x = bags()[:1]
    x[0, 1, 0] = x[0, 0, 0]
    rest = frame()
    rest.directions = network.directions[1:]
    torch.testing.assert_close(network(x), rest(x), rtol=1e-12, atol=1e-12)
    for channel in range(CHANNELS):
        x[0, channel + 1, channel] = x[0, 0, channel]
    torch.testing.assert_close(network(x)[0, 0].item(), by_hand(x[0], network.directions))


def test_padding_is_left_out() -> None:
    x, network = bags(), frame()
    wide = torch.cat([torch.full((20, 2, CHANNELS), torch.nan), x], 1).double()
    found = network(wide, (torch.arange(N + 2) >= 2).expand(20, -1))
    torch.testing.assert_close(found, network(x))


@pytest.mark.parametrize("size", [0, 1])
def test_a_bag_of_one_object_or_none_has_nothing_to_order(size: int) -> None:
    x = bags()[:, :size]
    torch.testing.assert_close(frame()(x), Ordered()(x))
    masked = torch.arange(N) < torch.full((20, 1), size)
    torch.testing.assert_close(frame()(bags(), masked), Ordered()(x))


def test_gradients_are_numbers_also_where_there_is_padding_or_a_tie() -> None:
    x = bags().requires_grad_()
    mask = torch.arange(N) < (torch.arange(20) % (N + 1))[:, None]
    (gradient,) = torch.autograd.grad(frame()(x, mask).sum(), x)
    assert bool(gradient.isfinite().all())
    assert not gradient[~mask].any()
