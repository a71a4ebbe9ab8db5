"""Amortized clustering: which mixture of normal distributions made a bag? (Lee et al. 2019, arXiv:1810.00825, 5.3)"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from permset.data.bags import Bags
from permset.data.drawn import Drawn
from permset.data.elementary import logarithm
from permset.data.targets import Components, Mixture, log_likelihoods


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

    @property
    def channels(self) -> int:
        return 2

    @property
    def target(self) -> Mixture:
        return Mixture(self.components, self.channels)

    @property
    def set_size(self) -> int:
        """Points of the largest bag."""
        return self.set_sizes[1]

    @property
    def bayes_accuracy(self) -> None:
        """Not defined: there are no classes."""

    def sample(self, num_sets: int, generator: torch.Generator) -> Bags:
        return self.with_truth(num_sets, generator).bags

    def with_truth(self, num_sets: int, generator: torch.Generator) -> "Drawing":
        """Bags and the mixtures that made them."""
        device, (low, largest) = generator.device, self.set_sizes
        sizes = torch.randint(low, largest + 1, (num_sets, 1), generator=generator, device=device)
        mask = torch.arange(largest, device=device) < sizes
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
