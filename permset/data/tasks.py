"""Tasks: generators of bags with their Bayes accuracy, and collections of real bags."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from permset import PermsetError
from permset.config.kinds import RealLoss
from permset.config.tasks import (
    BlocksTaskParams,
    DrawnParams,
    GaussianMixturesParams,
    GaussianVarianceParams,
    MaximumParams,
    MILTestParams,
    PopulationParams,
    RotationsParams,
    UnitSumParams,
    check_subset_sizes,
)
from permset.data.bags import Bags
from permset.data.batches import Split
from permset.data.drawn import Drawn, alternating, masks
from permset.data.mil_tests import MILTest
from permset.data.mixtures import GaussianMixtures
from permset.data.population import Population
from permset.data.splits import TEST, TRAINING
from permset.data.subgroups import Blocks, Rotations
from permset.data.targets import BINARY, Binary, Real, Target

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
class UnitSum(Drawn):
    """The course exercise: tell apart bags by the size of the subset that shares the sum of one."""

    set_size: int = 10
    subset_sizes: tuple[int, int] = (3, 5)
    channels: ClassVar[int] = 1
    target: ClassVar[Binary] = BINARY

    def sample(self, num_sets: int, generator: torch.Generator) -> Bags:
        return Bags(*make_data(num_sets, self.set_size, self.subset_sizes, generator=generator))

    @property
    def bayes_accuracy(self) -> float:
        """1: counting the non-zero objects tells the classes apart without error."""
        return 1.0


@dataclass(frozen=True)
class GaussianVariance(Drawn):
    """The notebook's task: tell apart bags of normal numbers by their variance, variances[label]."""

    set_size: int = 10
    channels: int = 5
    variances: tuple[float, float] = (1.0, 0.8)
    target: ClassVar[Binary] = BINARY

    def sample(self, num_sets: int, generator: torch.Generator) -> Bags:
        device = generator.device
        labels = alternating(num_sets, device)
        # Not torch.sqrt, whose last bit depends on the processor.
        deviations = torch.tensor([math.sqrt(variance) for variance in self.variances], device=device)[labels]
        x = torch.randn(num_sets, self.set_size, self.channels, generator=generator, device=device)
        return Bags(x * deviations[:, None, None], labels.float().unsqueeze(-1))

    @property
    def bayes_accuracy(self) -> float:
        """The accuracy of the rule that says the smaller variance v exactly if S = Σx² < k·ln(V/v) / (1/v − 1/V).

        k is how many numbers a bag holds. S over its class's variance is chi-squared with k degrees of freedom, so that
        both classes' shares of right answers are values of its distribution function, the regularised incomplete gamma
        function.
        """
        from scipy.special import gammainc

        small, large = sorted(self.variances)
        k = self.set_size * self.channels
        threshold = k * math.log(large / small) / (1 / small - 1 / large)
        below_if_small, below_if_large = (gammainc(k / 2, threshold / (2 * v)) for v in (small, large))
        return float(below_if_small + 1 - below_if_large) / 2


@dataclass(frozen=True)
class Maximum(Drawn):
    """The largest of n numbers, uniform in [0, high]; n is uniform in 1, …, set_size (Lee et al. 2019, section 5.1)."""

    set_size: int = 10
    high: float = 100.0
    error: RealLoss = "absolute"
    channels: ClassVar[int] = 1

    @property
    def target(self) -> Real:
        return Real(1, self.error)

    def sample(self, num_sets: int, generator: torch.Generator) -> Bags:
        mask = masks(num_sets, (1, self.set_size), generator)
        x = torch.rand(num_sets, self.set_size, generator=generator, device=generator.device) * self.high * mask
        return Bags(x.unsqueeze(-1), x.amax(-1, keepdim=True), mask)


@dataclass(frozen=True)
class Collected:
    """A fixed collection of bags, and which of them each seed is trained and tested on."""

    split: Split
    target: Target
    folds: int | None = None
    """of which each has a test set of its own"""
    standardize: bool = True

    def training(self, bags: int | None) -> Split:
        """All bags of training, whatever number is asked for."""
        return self.split

    @property
    def overlap(self) -> float:
        """Test bags over bags of training of a fold, 0 without folds; see evaluation.metrics.interval."""
        roles = self.split.roles
        return float((roles == TEST).sum() / (roles == TRAINING).sum()) if self.folds else 0.0

    @property
    def set_size(self) -> int:
        """Objects of the largest bag."""
        return self.split.collection.largest

    @property
    def channels(self) -> int:
        return self.split.collection.objects.shape[1]

    @property
    def bayes_accuracy(self) -> None:
        """Not known for collected bags."""


DrawnTask = UnitSum | GaussianVariance | Maximum | MILTest | Rotations | Blocks | Population | GaussianMixtures
Task = DrawnTask | Collected


def build_task(params: DrawnParams) -> DrawnTask:
    test: dict[str, int] = {"test_sets": params.test_sets, "test_seed": params.test_seed}
    match params:
        case UnitSumParams():
            return UnitSum(params.set_size, (params.subset_sizes[0], params.subset_sizes[1]), **test)
        case GaussianVarianceParams():
            return GaussianVariance(
                params.set_size, params.channels, (params.variances[0], params.variances[1]), **test
            )
        case MaximumParams():
            return Maximum(params.set_size, params.high, params.loss, **test)
        case MILTestParams():
            return MILTest(params.test, params.channels, params.background, **test)
        case RotationsParams():
            return Rotations(params.set_size, params.negatives, **test)
        case BlocksTaskParams():
            return Blocks(params.set_size, params.channels, (params.variances[0], params.variances[1]), **test)
        case PopulationParams():
            return Population(params.statistic, (params.set_sizes[0], params.set_sizes[1]), params.family_seed, **test)
        case GaussianMixturesParams():
            sizes = params.set_sizes[0], params.set_sizes[1]
            return GaussianMixtures(params.components, sizes, params.high, params.deviation, **test)
    raise TypeError(params)


def digits(
    threshold: int,
) -> tuple[Float[np.ndarray, "objects 3"], Int[np.ndarray, " sets"], Float[np.ndarray, "sets 1"]]:
    """Objects (row, column, intensity), sizes and classes of scikit-learn's 1,797 handwritten digits (UCI, 1998)."""
    from sklearn.datasets import load_digits  # Loading it takes a second.

    images, labels = load_digits().images, load_digits().target
    which, row, column = np.nonzero(images >= threshold)
    objects = np.stack([row, column, images[which, row, column]], 1).astype(np.float32)
    return objects, np.bincount(which, minlength=len(images)), labels[:, None].astype(np.float32)
