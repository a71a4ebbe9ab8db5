"""Bags in memory: padded to one size, as networks take them, and flat, as collections of many sizes are kept."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Bags:
    """Bags, padded to the size of the largest one. A mask says what is not padding, where there is any."""

    x: Float[Tensor, "*sets n c"]
    y: Float[Tensor, "*sets targets"]
    mask: Bool[Tensor, "*sets n"] | None = None

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, chosen: slice | Int[Tensor, " chosen"]) -> "Bags":
        return Bags(self.x[chosen], self.y[chosen], None if self.mask is None else self.mask[chosen])

    @property
    def inputs(self) -> dict[str, Tensor]:
        """What a network takes, by name."""
        return {"x": self.x} if self.mask is None else {"x": self.x, "mask": self.mask}

    def alone(self, index: int) -> Float[Tensor, "1 n c"]:
        """One bag without its padding."""
        bag = self.x[index : index + 1]
        return bag if self.mask is None else bag[:, self.mask[index]]


@dataclass(frozen=True, eq=False)
class Collection:
    """Bags of any sizes, the objects of one after those of the other, without padding."""

    objects: Float[Tensor, "objects c"]
    sizes: Int[Tensor, " sets"]
    y: Float[Tensor, "sets targets"]

    def __len__(self) -> int:
        return len(self.sizes)

    def to(self, device: torch.device) -> "Collection":
        return Collection(self.objects.to(device), self.sizes.to(device), self.y.to(device))

    @property
    def largest(self) -> int:
        """Size of the largest bag; 1 where all are empty, since arrays of nothing have no largest element."""
        return max(1, int(self.sizes.max()))

    def bags(self, chosen: Int[Tensor, "*sets"], size: int | None = None) -> Bags:
        """The chosen bags, in any shape, padded with zeros to `size` objects, or to the largest of them."""
        sizes = self.sizes[chosen]
        places = torch.arange(size or max(1, int(sizes.max())), device=sizes.device)
        mask = places < sizes.unsqueeze(-1)
        starts = self.sizes.cumsum(0) - self.sizes
        rows = torch.where(mask, starts[chosen].unsqueeze(-1) + places, 0)
        x = self.objects[rows] if len(self.objects) else self.objects.new_zeros(*rows.shape, self.objects.shape[1])
        return Bags(torch.where(mask.unsqueeze(-1), x, 0.0), self.y[chosen], mask)

    def objects_of(self, chosen: Int[Tensor, " sets"]) -> Float[Tensor, "objects c"]:
        """All objects of the chosen bags."""
        is_chosen = torch.zeros(len(self), dtype=torch.bool, device=self.sizes.device)
        is_chosen[chosen] = True
        return self.objects[is_chosen.repeat_interleave(self.sizes)]

    def of_all_sizes(self, objects: int) -> Int[Tensor, " chosen"]:
        """One bag of each size, and as many more, from all over the collection, as make up so many objects together."""
        _, first = np.unique(self.sizes.cpu().numpy(), return_index=True)
        is_first = torch.zeros(len(self), dtype=torch.bool)
        is_first[torch.as_tensor(first)] = True
        others = (~is_first).nonzero().flatten()
        room = objects - int(self.sizes[is_first].sum())
        count = min(len(others), max(0, int(room / max(1.0, float(self.sizes.double().mean())))))
        more = others[torch.linspace(0, len(others) - 1, count).round().long()]
        return torch.cat([is_first.nonzero().flatten(), more]).sort().values

    def like_sizes(self, least: float) -> list[int]:
        """Upper ends of ranges of size, the largest first, each at most the half of the one before.

        Each range holds at least this share of the bags.
        """
        lower, sizes = self.largest, self.sizes
        ends = [lower]
        while lower > 1:
            lower //= 2
            below = (sizes <= lower).double().mean()
            if below < least:
                break
            if (sizes <= ends[-1]).double().mean() - below >= least:
                ends.append(lower)
        return ends


def in_like_sizes(
    collection: Collection, chosen: Int[Tensor, " sets"], at_once: int
) -> Iterator[Int[Tensor, " portion"]]:
    """Bags in portions of at most so many, sorted by size, so that little of them is padding."""
    yield from chosen[collection.sizes[chosen].argsort(stable=True)].split(at_once)
