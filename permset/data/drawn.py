"""What all tasks have in common whose bags are drawn."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from permset import PermsetError
from permset.data.bags import Bags
from permset.data.batches import Fixed, Fresh
from permset.data.randomness import generator as stream
from permset.data.targets import Target


@dataclass(frozen=True, kw_only=True)
class Drawn(ABC):
    """Bags that are drawn afresh whenever they are needed; the test set has a seed of its own."""

    test_sets: int = 10_000
    """bags of the test set, which is the same for all networks"""
    test_seed: int = 0
    folds: ClassVar[None] = None
    overlap: ClassVar[float] = 0.0
    standardize: ClassVar[bool] = False
    """what is drawn has the units that it was given"""

    @property
    @abstractmethod
    def target(self) -> Target: ...

    @abstractmethod
    def sample(self, num_sets: int, generator: torch.Generator) -> Bags:
        """So many bags, on the generator's device."""

    def test_set(self) -> Bags:
        return self.sample(self.test_sets, stream(self.test_seed, "test"))

    def training(self, bags: int | None) -> Fresh | Fixed:
        """Fresh bags at every step, or a fixed sample of so many."""
        return Fresh(self.sample) if bags is None else Fixed(self.sample, bags, self.target.alternating)


def alternating(num_sets: int, device: torch.device) -> Int[Tensor, " sets"]:
    """The labels 0, 1, 0, 1, …; PermsetError if the classes would not be balanced."""
    if num_sets < 2 or num_sets % 2:
        raise PermsetError(f"the number of bags must be even and positive to balance the classes, got {num_sets}")
    return torch.arange(num_sets, device=device) % 2
