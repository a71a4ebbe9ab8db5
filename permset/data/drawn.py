"""What all tasks have in common whose bags are drawn."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from permset import PermsetError
from permset.data.bags import Bags
from permset.data.batches import STEPS_A_DRAW, Sample, Stream, Training, by_step, divide, epochs, first_bag
from permset.data.randomness import generator as stream
from permset.data.targets import Real, Target

Units = Callable[[Bags], Training]
"""what networks take the units of their inputs and outputs from"""
BAGS_OF_UNITS = 1000
"""that are drawn for it where bags are fresh"""


class Stratum(NamedTuple):
    """Bags of similar sizes, and the share of all bags that have such sizes."""

    share: float
    sample: Sample


@dataclass(frozen=True)
class Fresh:
    """Bags drawn afresh for every step."""

    sample: Sample
    units: Units | None = None
    """None where bags already have the units that they should have"""
    strata: tuple[Stratum, ...] = ()
    """a batch has a part of each, the largest sizes first; () where it has one part, with bags of all sizes"""
    bags: ClassVar[None] = None
    first_steps: ClassVar[int] = STEPS_A_DRAW

    @property
    def shares(self) -> list[float]:
        return [stratum.share for stratum in self._strata]

    @property
    def _strata(self) -> tuple[Stratum, ...]:
        return self.strata or (Stratum(1.0, self.sample),)

    def stream(self, seed: int, device: torch.device) -> Stream:
        draws = stream(seed, "batches", device)

        def take_steps(steps: int, size: int) -> list[Bags]:
            counts = divide(size, self.shares)
            drawn = [stratum.sample(steps * count, draws) for stratum, count in zip(self._strata, counts, strict=True)]
            return [by_step(bags, steps) for bags in drawn]

        return take_steps

    def validation(self, seed: int, sets: int, device: torch.device) -> list[Bags]:
        return [self.sample(sets, stream(seed, "validation", device))]

    def typical(self, batch_size: int) -> Float[Tensor, "1 n c"]:
        return first_bag(self.stream(0, torch.device("cpu")), batch_size)

    def training(self, seed: int) -> Training | None:
        return self.units and self.units(self.sample(BAGS_OF_UNITS, stream(seed, "units")))

    def class_weights(self, seed: int) -> None:
        """Of drawn bags, every class has as many."""


@dataclass(frozen=True)
class Fixed:
    """A sample of so many bags, another one for each seed, epoch after epoch.

    Labels of drawn bags alternate between so many classes. They take turns in every epoch too, so that batches of fixed
    and of fresh bags are alike.
    """

    sample: Sample
    bags: int
    classes: int = 2
    units: Units | None = None
    first_steps: ClassVar[int] = STEPS_A_DRAW

    @property
    def shares(self) -> list[float]:
        return [1.0]

    def drawn(self, seed: int, device: torch.device) -> Bags:
        """The sample of a seed."""
        return self.sample(self.bags, stream(seed, "bags", device))

    def stream(self, seed: int, device: torch.device) -> Stream:
        bags = self.drawn(seed, device)
        turns = torch.arange(self.bags, device=device).view(-1, self.classes).T
        take = epochs(turns, stream(seed, "order", device))
        return lambda steps, size: [by_step(bags[take(steps * size)], steps)]

    def validation(self, seed: int, sets: int, device: torch.device) -> list[Bags]:
        return Fresh(self.sample).validation(seed, sets, device)

    def typical(self, batch_size: int) -> Float[Tensor, "1 n c"]:
        return first_bag(self.stream(0, torch.device("cpu")), batch_size)

    def training(self, seed: int) -> Training | None:
        return self.units and self.units(self.drawn(seed, torch.device("cpu")))

    def class_weights(self, seed: int) -> None:
        """Of drawn bags, every class has as many."""


@dataclass(frozen=True, kw_only=True)
class Drawn(ABC):
    """Bags that are drawn afresh whenever they are needed; the test set has a seed of its own."""

    test_sets: int = 10_000
    """bags of the test set, which is the same for all networks"""
    test_seed: int = 0
    folds: ClassVar[None] = None
    overlap: ClassVar[float] = 0.0
    standardize: ClassVar[bool] = False
    """whether networks see channels, and real targets, by their mean and standard deviation"""

    @property
    @abstractmethod
    def target(self) -> Target: ...

    @abstractmethod
    def sample(self, num_sets: int, generator: torch.Generator) -> Bags:
        """So many bags, on the generator's device."""

    @property
    def bayes_accuracy(self) -> float | None:
        """None where there are no classes, or where it is not known."""
        return None

    def strata(self) -> tuple[Stratum, ...]:
        """Ranges of similar sizes, from which fresh batches are put together so that little of them is padding."""
        return ()

    def test_set(self) -> Bags:
        return self.sample(self.test_sets, stream(self.test_seed, "test"))

    def training(self, bags: int | None) -> Fresh | Fixed:
        """Fresh bags at every step, or a fixed sample of so many."""
        units = self._units if self.standardize else None
        if bags is None:
            return Fresh(self.sample, units, self.strata())
        return Fixed(self.sample, bags, self.target.alternating, units)

    def _units(self, bags: Bags) -> Training:
        objects = bags.x.flatten(0, 1) if bags.mask is None else bags.x[bags.mask]
        return Training(objects, bags.y if isinstance(self.target, Real) else None)


def masks(num_sets: int, sizes: tuple[int, int], generator: torch.Generator) -> Bool[Tensor, "sets n"]:
    """Of bags whose sizes are uniform between the smallest and the largest, padded to the largest."""
    smallest, largest = sizes
    drawn = torch.randint(smallest, largest + 1, (num_sets, 1), generator=generator, device=generator.device)
    return torch.arange(largest, device=generator.device) < drawn


def alternating(num_sets: int, device: torch.device) -> Int[Tensor, " sets"]:
    """The labels 0, 1, 0, 1, …; PermsetError if the classes would not be balanced."""
    if num_sets < 2 or num_sets % 2:
        raise PermsetError(f"the number of bags must be even and positive to balance the classes, got {num_sets}")
    return torch.arange(num_sets, device=device) % 2
