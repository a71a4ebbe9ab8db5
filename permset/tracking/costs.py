"""What an exact average costs, said before it begins."""

import warnings
from collections import Counter
from math import factorial, prod

import numpy as np
from jaxtyping import Float
from torch import Tensor, nn

from permset import PermsetError
from permset.data.masks import Mask, resize
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import GroupAverage

LONG = 1_000_000
"""evaluations of a network, about as many as a small one makes in a second"""
ENDLESS = 1_000_000_000
"""for a single bag"""


def announced(network: nn.Module) -> nn.Module:
    """The network, which says what it is about to cost if there is an exact average in it."""
    return Announced(network) if any(isinstance(part, GroupAverage) for part in network.modules()) else network


class Announced(nn.Module):
    """A network with an exact average in it, which says what it is about to cost, and refuses what would never end."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        [self.group] = {part.group for part in network.modules() if isinstance(part, GroupAverage)}

    def forward(self, x: Float[Tensor, "sets n c"], mask: Mask | None = None) -> Float[Tensor, "sets outputs"]:
        costs = evaluations(self.group, *resize(x, mask, self.group.degree))
        if max(costs, default=0) > ENDLESS:
            raise PermsetError(
                f"a bag has {max(costs):,} different arrangements, and the exact average takes at most {ENDLESS:,}; "
                "train a sampled_average, or give bags with more equal objects"
            )
        if sum(costs) > LONG:
            warnings.warn(
                f"the exact average evaluates its network {sum(costs):,} times for {len(x)} bags; "
                "a small network does about a million in a second",
                stacklevel=2,
            )
        return self.network(*([x] if mask is None else [x, mask]))


def evaluations(group: PermutationGroup, x: Float[Tensor, "sets n c"], mask: Mask | None) -> list[int]:
    """Arrangements of each different bag, or more of them where the group does not hold all permutations."""
    costs = {}
    for i, bag in enumerate(x.numpy()):
        objects = [row.tobytes() for row in bag + np.float32(0)]  # which makes 0.0 of −0.0
        if mask is not None:
            objects = [row + bytes([there]) for row, there in zip(objects, mask[i].tolist(), strict=True)]
        key = tuple(sorted(objects) if group.is_symmetric else objects)
        if key not in costs:
            multiplicities = Counter(objects).values()
            costs[key] = min(group.order, factorial(len(objects)) // prod(map(factorial, multiplicities)))
    return list(costs.values())
