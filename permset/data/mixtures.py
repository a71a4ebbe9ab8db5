"""Amortized clustering: which mixture of normal distributions made a bag? (Lee et al. 2019, arXiv:1810.00825, 5.3)"""

import math
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from permset.data.bags import Bags
from permset.data.drawn import Drawn, Stratum, masks
from permset.data.elementary import logarithm
from permset.data.targets import Components, Mixture, log_likelihoods

# Ranges of sizes, of which each batch has as many bags.
STRATA = 5


@dataclass(frozen=True)
class GaussianMixtures(Drawn):
    """Points in the plane from mixtures of normal distributions; a network is to say which mixture each bag is of.

    Means are uniform in [−high, high]², weights uniform among those that add up to one (Dirichlet(1, …, 1)), deviations
    the same everywhere. The number of points is uniform in set_sizes. What outputs are compared with are the points
    themselves: the label of a bag is its points, and its mask.
    """

    components: int = 4
    set_sizes: tuple[int, int] = (100, 500)
    """of the smallest and the largest bag"""
    high: float = 4.0
    deviation: float = 0.3
    channels: ClassVar[int] = 2

    @property
    def target(self) -> Mixture:
        return Mixture(self.components, self.channels)

    @property
    def set_size(self) -> int:
        """Points of the largest bag."""
        return self.set_sizes[1]

    def sample(self, num_sets: int, generator: torch.Generator) -> Bags:
        return self.with_truth(num_sets, generator).bags

    def strata(self) -> tuple[Stratum, ...]:
        smallest, largest = self.set_sizes
        number = largest - smallest + 1
        ends = sorted({smallest - 1 + number * stratum // STRATA for stratum in range(STRATA + 1)}, reverse=True)
        return tuple(
            Stratum((end - below) / number, partial(self._sample_of_sizes, sizes=(below + 1, end)))
            for end, below in pairwise(ends)
        )

    def _sample_of_sizes(self, num_sets: int, generator: torch.Generator, sizes: tuple[int, int]) -> Bags:
        """Padded to the largest of these sizes; the labels have the length of those of all bags."""
        bags = self.with_truth(num_sets, generator, sizes).bags
        assert bags.mask is not None
        return Bags(bags.x[:, : sizes[1]], bags.y, bags.mask[:, : sizes[1]])

    def with_truth(self, num_sets: int, generator: torch.Generator, sizes: tuple[int, int] | None = None) -> "Drawing":
        """Bags, of these sizes if they are given, and the mixtures that made them."""
        device, largest = generator.device, self.set_size
        mask = masks(num_sets, sizes or self.set_sizes, generator)
        mask = F.pad(mask, (0, largest - mask.shape[1]))
        means = self.high * (2 * torch.rand(num_sets, self.components, 2, generator=generator, device=device) - 1)
        # Between uniform numbers in increasing order, 0 and 1, lie distances of the distribution Dirichlet(1, …, 1).
        ends = torch.rand(num_sets, self.components - 1, generator=generator, device=device).sort(dim=1).values
        first, last = torch.zeros(num_sets, 1, device=device), torch.ones(num_sets, 1, device=device)
        weights = torch.cat([ends, last], 1) - torch.cat([first, ends], 1)
        place = torch.rand(num_sets, largest, 1, generator=generator, device=device)
        component = (place >= ends.unsqueeze(1)).sum(-1, keepdim=True).expand(-1, -1, 2)
        noise = torch.randn(num_sets, largest, 2, generator=generator, device=device)
        x = (means.gather(1, component) + self.deviation * noise) * mask.unsqueeze(-1)
        truth = Components(logarithm(weights), means, torch.full_like(means, math.log(self.deviation)))
        return Drawing(Bags(x, torch.cat([x.flatten(1), mask.float()], 1), mask), truth)


class Drawing(NamedTuple):
    bags: Bags
    truth: Components

    def log_likelihoods(self) -> Float[Tensor, " sets"]:
        """Of each bag under the mixture that made it, a point's mean; what no network can be expected to exceed."""
        return log_likelihoods(Components(*(value.double() for value in self.truth)), self.bags.y.double())
