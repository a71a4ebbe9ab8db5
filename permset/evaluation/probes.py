"""Bags made to find what random bags miss: sorted, with objects that are alike, with more padding."""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

# What a network takes: bags (sets, n, c), and a mask (sets, n) where there is padding.
Inputs = tuple[Float[Tensor, "_ _ _"]] | tuple[Float[Tensor, "_ _ _"], Bool[Tensor, "_ _"]]
Bag = Float[Tensor, "n c"]

# Places that are added; a network must not depend on how many there are, nor on what lies in them.
MORE_PADDING = 3


def probes(portions: Sequence[Inputs]) -> list[Inputs | None]:
    """For each channel, bags sorted by it, in reverse, with objects that tie in it, and with objects that are equal.

    What is alike are the first and the last object, so that a permutation that brings the last before the first undoes
    all four. They are made of the bags of at least two objects, in turn, and the portions share the channels; None for
    a portion of none such.
    """
    return [
        _probes_of(inputs, range(i, max(inputs[0].shape[-1], len(portions)), len(portions)))
        for i, inputs in enumerate(portions)
    ]


def _probes_of(inputs: Inputs, turns: range) -> Inputs | None:
    x, *masks = inputs
    masked = masks[0] if masks else torch.ones(x.shape[:-1], dtype=torch.bool)
    sources = (masked.sum(-1) >= 2).nonzero().flatten().tolist()
    if not sources:
        return None
    plans = [(sources[turn % len(sources)], turn % x.shape[-1], make) for turn in turns for make in _MAKERS]
    rows = [row for row, _, _ in plans]
    made = x[rows].clone()
    for bag, (row, channel, make) in zip(made, plans, strict=True):
        bag[masked[row]] = make(bag[masked[row]], channel)
    return (made, masks[0][rows]) if masks else (made,)


def lengthened(inputs: Inputs) -> Inputs:
    """The same bags with more padding, in which objects lie; as they are where there is no mask."""
    x, *masks = inputs
    if not masks:
        return inputs
    places = torch.arange(MORE_PADDING) % x.shape[1]
    nothing = torch.zeros(len(x), MORE_PADDING, dtype=torch.bool)
    return torch.cat([x, x[:, places]], 1), torch.cat([masks[0], nothing], 1)


def _sorted(bag: Bag, channel: int) -> Bag:
    return bag[_order(bag, channel)]


def _reversed(bag: Bag, channel: int) -> Bag:
    return bag[_order(bag, channel).flip(0)]


def _tied(bag: Bag, channel: int) -> Bag:
    bag[-1, channel] = bag[0, channel]
    return bag


def _equal(bag: Bag, channel: int) -> Bag:
    bag[-1] = bag[0]
    return bag


def _order(bag: Bag, channel: int) -> Int[Tensor, " n"]:
    return bag[:, channel].sort(stable=True).indices


_MAKERS: list[Callable[[Bag, int], Bag]] = [_sorted, _reversed, _tied, _equal]
