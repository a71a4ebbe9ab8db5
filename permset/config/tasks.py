"""The tasks in params.yaml whose bags are drawn."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from permset.config.constraints import Count, EvenCount, Positive, SetSize, Strict
from permset.config.kinds import MILTestKind, Negatives, PopulationStatistic, RealLoss, TargetKind
from permset.config.mistakes import show

Seed = Annotated[int, Field(ge=0)]


def _differ(variances: list[float]) -> list[float]:
    if variances[0] == variances[1]:
        raise ValueError(f"must differ to tell the classes apart, got {show(variances[0])} twice")
    return variances


def _ascend(sizes: list[int]) -> list[int]:
    if sizes[0] > sizes[1]:
        raise ValueError(f"must begin with the smaller size, got {show(sizes)}")
    return sizes


SetSizes = Annotated[list[SetSize], Field(min_length=2, max_length=2), AfterValidator(_ascend)]
Variances = Annotated[list[Positive], Field(min_length=2, max_length=2), AfterValidator(_differ)]


class DrawnParams(Strict):
    """Bags that are drawn afresh whenever they are needed."""

    drawn: ClassVar[bool] = True

    test_sets: EvenCount
    """bags in the fixed test set"""
    test_seed: Seed


class UnitSumParams(DrawnParams):
    """Bags in which a random subset of the objects shares a sum of one; its size is the class."""

    target: ClassVar[TargetKind] = "binary"

    kind: Literal["unit_sum"]
    set_size: SetSize
    """objects in a bag"""
    subset_sizes: Annotated[list[Count], Field(min_length=2, max_length=2)]
    """non-zero objects in a bag of class 0 and of class 1"""

    @model_validator(mode="after")
    def _subsets_fit(self) -> "UnitSumParams":
        check_subset_sizes(self.set_size, self.subset_sizes)
        return self


class GaussianVarianceParams(DrawnParams):
    """Bags of independent normal numbers of mean zero; their variance is the class."""

    target: ClassVar[TargetKind] = "binary"

    kind: Literal["gaussian_variance"]
    set_size: SetSize
    """objects in a bag"""
    channels: Count
    """numbers an object"""
    variances: Variances
    """of class 0 and of class 1"""


class MaximumParams(DrawnParams):
    """Bags of uniform numbers; the target is the largest."""

    target: ClassVar[TargetKind] = "real"

    kind: Literal["maximum"]
    set_size: SetSize
    """most objects in a bag; sizes are uniform in 1, …, set_size"""
    high: Positive
    """numbers are uniform in [0, high]"""
    loss: RealLoss


class MILTestParams(DrawnParams):
    """Bags in which objects of a concept decide; test bags break a rule that holds by chance in those of training."""

    target: ClassVar[TargetKind] = "binary"
    set_size: ClassVar[None] = None
    """bags of training and of the test have their own sizes"""

    kind: Literal["mil_test"]
    test: MILTestKind
    """which of the three of Raff & Holt (2023, arXiv:2310.17867)"""
    channels: Count
    """numbers an object"""
    background: Count
    """most objects in a bag that do not matter; 1, …, background are equally likely"""


class RotationsParams(DrawnParams):
    """Numbers in a row: are they a rotation of an increasing sequence?"""

    target: ClassVar[TargetKind] = "binary"

    kind: Literal["rotations"]
    set_size: Annotated[SetSize, Field(ge=3)]
    """numbers in a bag"""
    negatives: Negatives
    """with two neighbours swapped, or in random order"""


class BlocksTaskParams(DrawnParams):
    """Objects of two kinds, in halves: which kind has which of two variances?"""

    target: ClassVar[TargetKind] = "binary"

    kind: Literal["blocks"]
    set_size: Annotated[SetSize, Field(multiple_of=2)]
    """objects in a bag, half of them of each kind"""
    channels: Count
    """numbers an object"""
    variances: Variances
    """of the first kind, in class 0 and in class 1; the other kind has the other one"""


class SizedParams(DrawnParams):
    """Bags whose sizes are uniform in a range."""

    set_sizes: SetSizes
    """objects in the smallest and in the largest bag"""

    @property
    def set_size(self) -> int:
        """Objects of the largest bag."""
        return self.set_sizes[1]


class PopulationParams(SizedParams):
    """Samples of normal distributions; the target is a number that the covariance of each has."""

    target: ClassVar[TargetKind] = "real"

    kind: Literal["population"]
    statistic: PopulationStatistic
    """which of the four of Zaheer et al. (2017, arXiv:1703.06114, section 4.1.1)"""
    family_seed: Seed
    """of what the covariances of all bags have in common"""


class GaussianMixturesParams(SizedParams):
    """Points of mixtures of normal distributions in the plane; a network says which mixture each bag is of."""

    target: ClassVar[TargetKind] = "mixture"

    kind: Literal["gaussian_mixtures"]
    components: Annotated[Count, Field(ge=2)]
    """of each mixture"""
    high: Positive
    """means are uniform in [-high, high]²"""
    deviation: Positive
    """of every component, in both directions"""


DrawnTaskParams = (
    UnitSumParams
    | GaussianVarianceParams
    | MaximumParams
    | MILTestParams
    | RotationsParams
    | BlocksTaskParams
    | PopulationParams
    | GaussianMixturesParams
)


def check_subset_sizes(set_size: int, subset_sizes: list[int] | tuple[int, int]) -> None:
    """Raise ValueError unless the two sizes fit into the set and tell the classes apart."""
    first, second = subset_sizes
    for size in (first, second):
        if not 1 <= size <= set_size:
            raise ValueError(f"subset_sizes must lie between 1 and set_size {set_size}, got {size}")
    if first == second:
        raise ValueError(f"subset_sizes must differ to tell the classes apart, got {first} twice")
