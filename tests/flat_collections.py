"""Collections whose objects say where they belong, and their bags found by counting."""

import torch
from torch import Tensor

from permset.data.bags import Collection


def collect(sizes: list[int], channels: int = 2) -> Collection:
    """Every object and every bag tells which one it is."""
    total = sum(sizes)
    objects = torch.arange(1.0, total * channels + 1).view(total, channels)
    return Collection(objects, torch.tensor(sizes), torch.arange(float(len(sizes))).unsqueeze(-1))


def loop(collection: Collection, which: list[int]) -> list[Tensor]:
    """The objects of these bags, found by counting."""
    sizes = collection.sizes.tolist()
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return [collection.objects[starts[i] : starts[i] + sizes[i]] for i in which]
