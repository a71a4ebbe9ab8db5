"""Tasks whose labels are invariant under a proper subgroup of all permutations, and which all permutations destroy."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from permset.config.kinds import Negatives
from permset.data.bags import Bags
from permset.data.drawn import Drawn, alternating
from permset.data.targets import BINARY, Binary


@dataclass(frozen=True)
class Rotations(Drawn):
    """Is a bag of numbers a rotation of an increasing sequence? The label is invariant under C_n, the rotations.

    A positive bag holds n uniform numbers in increasing order, rotated by a random number of places. A negative one
    has two neighbours swapped besides, the last and the first among them ("swapped"), or its numbers in random order
    ("shuffled"). What the numbers are says nothing of the label, so that what is invariant under S_n is right half of
    the time.
    """

    set_size: int = 8
    negatives: Negatives = "swapped"
    channels: ClassVar[int] = 1
    target: ClassVar[Binary] = BINARY

    def sample(self, num_sets: int, generator: torch.Generator) -> Bags:
        device = generator.device
        labels = alternating(num_sets, device)
        x = torch.rand(num_sets, self.set_size, generator=generator, device=device).sort(dim=1).values
        order = self._orders(labels, generator)
        return Bags(x.gather(1, order).unsqueeze(-1), labels.float().unsqueeze(-1))

    def _orders(self, labels: Int[Tensor, " sets"], generator: torch.Generator) -> Int[Tensor, "sets n"]:
        """Which of a bag's numbers, from the smallest to the largest, is at each place."""
        device, n = labels.device, self.set_size
        start, swapped = torch.randint(n, (2, len(labels), 1), generator=generator, device=device)
        order = torch.arange(n, device=device).expand(len(labels), n)
        if self.negatives == "shuffled":
            other = torch.rand(len(labels), n, generator=generator, device=device).argsort(dim=1)
        else:
            neighbour = (swapped + 1) % n
            other = torch.where(order == swapped, neighbour, torch.where(order == neighbour, swapped, order))
        order = torch.where(labels.bool().unsqueeze(1), order, other)
        return order.gather(1, (torch.arange(n, device=device) + start) % n)

    @property
    def bayes_accuracy(self) -> float:
        """1 with swapped neighbours; in random order one of (n − 1)! negative bags is a rotation too."""
        return 1.0 if self.negatives == "swapped" else 1 - 0.5 / math.factorial(self.set_size - 1)


@dataclass(frozen=True)
class Blocks(Drawn):
    """Two kinds of objects, each a half of the bag: which kind has which of two variances?

    Objects are normal numbers of mean zero. Those of the first half have variances[label], those of the second half
    the other variance. The label is invariant under S_a × S_a, the permutations within the halves. As many objects have
    one variance as the other, so that what is invariant under S_2a is right half of the time.
    """

    set_size: int = 10
    channels: int = 5
    variances: tuple[float, float] = (1.0, 0.8)
    target: ClassVar[Binary] = BINARY

    def sample(self, num_sets: int, generator: torch.Generator) -> Bags:
        device, half = generator.device, self.set_size // 2
        labels = alternating(num_sets, device)
        # Not torch.sqrt, whose last bit depends on the processor.
        deviations = torch.tensor([math.sqrt(variance) for variance in self.variances], device=device)
        is_second = torch.arange(self.set_size, device=device) >= half
        scale: Float[Tensor, "sets n"] = deviations[labels.unsqueeze(1) ^ is_second.long()]
        x = torch.randn(num_sets, self.set_size, self.channels, generator=generator, device=device)
        return Bags(x * scale.unsqueeze(-1), labels.float().unsqueeze(-1))

    @property
    def bayes_accuracy(self) -> float:
        """The probability that the half of the larger variance V has the larger sum of squares.

        Each sum of k numbers over its variance is chi-squared, so that the ratio of the two has an F distribution with
        k and k degrees of freedom: P(F > v/V), a value of the regularised incomplete beta function.
        """
        from scipy.special import betainc

        small, large = sorted(self.variances)
        k = self.set_size // 2 * self.channels
        return float(betainc(k / 2, k / 2, large / (small + large)))
