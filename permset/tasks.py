"""Tasks: what is drawn owns its generator and its Bayes rule, what is collected its bags."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from permset import PermsetError
from permset.bags import Bags
from permset.batches import Split
from permset.scores import BINARY, Target
from permset.sources import DrawnParams, GaussianVarianceParams, MaximumParams, UnitSumParams, check_subset_sizes

Labels = Float[Tensor, "sets 1"]


def make_data(
    N: int, set_size: int = 10, subset_sizes: tuple[int, int] = (3, 5), *, generator: torch.Generator
) -> tuple[Float[Tensor, "sets n 1"], Labels]:
    """N bags whose objects sum to one: k random objects have the value 1/k, the rest 0.

    k is subset_sizes[label]. Labels alternate, 0 first, so that the classes are balanced in every run
    of an even number of bags. Subsets are uniform: Knuth's selection sampling (The Art of Computer
    Programming, 3.4.2, Algorithm S) takes object j with probability (still wanted) / (still left), which
    needs no sorting. Tensors are made on the generator's device.

    Raises PermsetError if N is odd, or if the subset sizes are equal or do not fit into the set.
    """
    if N < 2 or N % 2:
        raise PermsetError(f"N must be even and positive to balance the classes, got {N}")
    try:
        check_subset_sizes(set_size, subset_sizes)
    except ValueError as error:
        raise PermsetError(str(error)) from error

    device = generator.device
    labels = torch.arange(N, device=device) % 2
    wanted = torch.tensor(subset_sizes, dtype=torch.float32, device=device)[labels]
    value = 1 / wanted
    # Objects come first in memory, so that each step of the loop works on one contiguous row.
    u = torch.rand(set_size, N, generator=generator, device=device)
    x = torch.empty_like(u)
    for j in range(set_size):
        # u < 1 in float32 keeps u·left < left, so a subset is always completed.
        taken = (u[j] * (set_size - j) < wanted).float()
        wanted -= taken
        torch.mul(taken, value, out=x[j])
    return x.T.unsqueeze(-1).contiguous(), labels.float().unsqueeze(-1)


@dataclass(frozen=True)
class UnitSum:
    """The course exercise: tell apart bags by the size of the subset that shares the sum of one."""

    set_size: int = 10
    subset_sizes: tuple[int, int] = (3, 5)
    channels: int = 1
    target: Target = BINARY

    def sample(self, num_sets: int, generator: torch.Generator) -> Bags:
        return Bags(*make_data(num_sets, self.set_size, self.subset_sizes, generator=generator))

    @property
    def bayes_accuracy(self) -> float:
        """1: counting the non-zero objects tells the classes apart without error."""
        return 1.0


@dataclass(frozen=True)
class GaussianVariance:
    """The notebook's task: tell apart bags of normal numbers by their variance, variances[label]."""

    set_size: int = 10
    channels: int = 5
    variances: tuple[float, float] = (1.0, 0.8)
    target: Target = BINARY

    def sample(self, num_sets: int, generator: torch.Generator) -> Bags:
        if num_sets < 2 or num_sets % 2:
            raise PermsetError(f"the number of bags must be even and positive to balance the classes, got {num_sets}")
        device = generator.device
        labels = torch.arange(num_sets, device=device) % 2
        # Not torch.sqrt, whose last bit depends on the processor.
        deviations = torch.tensor([math.sqrt(variance) for variance in self.variances], device=device)[labels]
        x = torch.randn(num_sets, self.set_size, self.channels, generator=generator, device=device)
        return Bags(x * deviations[:, None, None], labels.float().unsqueeze(-1))

    @property
    def bayes_accuracy(self) -> float:
        """Of the rule: the smaller variance v exactly if S = Σx² < k·ln(V/v) / (1/v − 1/V), k the numbers in a bag.

        S over its class's variance is chi-squared with k degrees of freedom, so that both classes' shares of right
        answers are values of its distribution function, the regularised incomplete gamma function.
        """
        from scipy.special import gammainc

        small, large = sorted(self.variances)
        k = self.set_size * self.channels
        threshold = k * math.log(large / small) / (1 / small - 1 / large)
        below_if_small, below_if_large = (gammainc(k / 2, threshold / (2 * v)) for v in (small, large))
        return float(below_if_small + 1 - below_if_large) / 2


@dataclass(frozen=True)
class Maximum:
    """The largest of n numbers, uniform in [0, high]; n is uniform in 1, …, set_size (Lee et al. 2019, section 5.1)."""

    set_size: int = 10
    high: float = 100.0
    error: Literal["absolute", "squared"] = "absolute"
    channels: int = 1

    @property
    def target(self) -> Target:
        return Target("real", 1, self.error)

    def sample(self, num_sets: int, generator: torch.Generator) -> Bags:
        device = generator.device
        sizes = torch.randint(1, self.set_size + 1, (num_sets, 1), generator=generator, device=device)
        mask = torch.arange(self.set_size, device=device) < sizes
        x = torch.rand(num_sets, self.set_size, generator=generator, device=device) * self.high * mask
        return Bags(x.unsqueeze(-1), x.amax(-1, keepdim=True), mask)

    @property
    def bayes_accuracy(self) -> None:
        """There are no classes."""


@dataclass(frozen=True)
class Collected:
    """Bags of which there are so many and no more, and what each seed does with which of them."""

    split: Split
    target: Target
    folds: int | None = None
    """of which each has a test set of its own"""
    standardize: bool = True

    @property
    def set_size(self) -> int:
        """Objects of the largest bag."""
        return self.split.collection.largest

    @property
    def channels(self) -> int:
        return self.split.collection.objects.shape[1]

    @property
    def bayes_accuracy(self) -> None:
        """Nobody knows it."""


Drawn = UnitSum | GaussianVariance | Maximum
Task = Drawn | Collected


def build_task(params: DrawnParams) -> Drawn:
    match params:
        case UnitSumParams():
            return UnitSum(params.set_size, (params.subset_sizes[0], params.subset_sizes[1]))
        case GaussianVarianceParams():
            return GaussianVariance(params.set_size, params.channels, (params.variances[0], params.variances[1]))
        case MaximumParams():
            return Maximum(params.set_size, params.high, params.loss)
    raise TypeError(params)


def digits(
    threshold: int,
) -> tuple[Float[np.ndarray, "objects 3"], Int[np.ndarray, " sets"], Float[np.ndarray, "sets 1"]]:
    """Objects (row, column, intensity), sizes and classes of scikit-learn's 1,797 handwritten digits (UCI, 1998)."""
    from sklearn.datasets import load_digits  # Takes a second, which only this should pay.

    images, labels = load_digits().images, load_digits().target
    which, row, column = np.nonzero(images >= threshold)
    objects = np.stack([row, column, images[which, row, column]], 1).astype(np.float32)
    return objects, np.bincount(which, minlength=len(images)), labels[:, None].astype(np.float32)
