"""Weighted frames: averages over few arrangements, whose weights keep the average continuous."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from permset.data.masks import Mask, without_padding
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import Logits, Objects, SetNetwork, call


class WeightedFrame(SetNetwork):
    """Σ_a w_a(x)·f(sort_a(x)) / Σ_a w_a(x): objects sorted by their projections a·xᵢ, for some directions a.

    A sorted bag changes abruptly where two objects tie in the projection. So w_a(x) is the least distance between the
    projections of two different objects: it is zero there, and the average stays continuous (Dym et al. 2024,
    arXiv:2402.16077, section 4). That holds wherever no two objects are equal and some direction has no ties. With more
    than (c − 1)·n(n − 1)/2 directions, any c of them linearly independent, there always is one: two different objects
    tie in at most c − 1 of them. With fewer it takes as many coincidences as there are directions to have none. Objects
    that are equal can be swapped without a change, and are taken for one.
    """

    directions: Tensor

    def __init__(self, network: nn.Module, channels: int, directions: int, generator: torch.Generator):
        super().__init__()
        self.network = network
        self.register_buffer("directions", torch.randn(directions, channels, generator=generator), persistent=False)

    def forward(self, x: Objects, mask: Mask | None = None) -> Logits:
        x = without_padding(x, mask) + 0.0  # −0.0 ties with 0.0
        # Object by object, and not by a matrix product, which may round differently from place to place.
        terms = [x[..., None, :, c] * self.directions[:, c, None] for c in range(x.shape[-1])]
        projections: Float[Tensor, "*batch k n"] = sum(terms[1:], terms[0])
        if mask is not None:
            projections = projections.where(mask.unsqueeze(-2), torch.inf)
        ordered = projections.sort(dim=-1, stable=True)
        shape = *ordered.indices.shape, x.shape[-1]
        bags = x.unsqueeze(-3).expand(shape).gather(-2, ordered.indices.unsqueeze(-1).expand(shape))
        weights = _weights(bags, ordered.values)
        there = None if mask is None else mask.sort(dim=-1, descending=True).values.unsqueeze(-2).expand(shape[:-1])
        return (weights.unsqueeze(-1) * call(self.network, bags, there)).sum(-2)

    def claimed_group(self, set_size: int) -> PermutationGroup:
        return PermutationGroup.symmetric(set_size)


def _weights(
    bags: Float[Tensor, "*batch k n c"], projections: Float[Tensor, "*batch k n"]
) -> Float[Tensor, "*batch k"]:
    """Of each direction, which add up to one; all the same where all have ties, or where there is nothing to order."""
    differ = (bags[..., 1:, :] != bags[..., :-1, :]).any(-1) & projections[..., 1:].isfinite()
    gaps = (projections[..., 1:] - projections[..., :-1]).where(differ, torch.inf)
    least = torch.cat([gaps, gaps.new_full((*gaps.shape[:-1], 1), torch.inf)], -1).amin(-1)
    weights = least.where(least.isfinite(), 1.0)
    total = weights.sum(-1, keepdim=True)
    return torch.where(total > 0, weights / total.where(total > 0, 1.0), 1 / weights.shape[-1])
