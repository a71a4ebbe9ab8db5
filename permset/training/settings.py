"""How a network is trained: steps, batches, the optimizer and its learning rate, and when curves are measured."""

import math
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from permset import PermsetError
from permset.config.kinds import Keep, Schedule


@dataclass(frozen=True)
class Settings:
    steps: int
    batch_size: int
    learning_rate: float
    schedule: Schedule = "constant"
    weight_decay: float = 0.0
    """of AdamW; Adam where it is zero"""
    measure_every: int | None = None
    """steps between two points of the curves of training and validation; none are measured where it is not given"""
    measure_sets: int = 1000
    """bags on which a point is measured"""
    keep: Keep = "last"
    """best: each seed's weights at the point of the curves where its own validation loss is lowest"""

    def __post_init__(self) -> None:
        if self.keep == "best" and self.measure_every is None:
            raise PermsetError("keep='best' chooses among the points of the curves; give measure_every too")

    def rate(self, step: int) -> float:
        """The learning rate of a step: constant, or from its full value towards zero along half a cosine."""
        if self.schedule == "constant":
            return self.learning_rate
        return self.learning_rate * (1 + math.cos(math.pi * step / self.steps)) / 2

    def optimizer(self, weights: list[Tensor]) -> torch.optim.Optimizer:
        if self.weight_decay == 0:
            return torch.optim.Adam(weights, self.learning_rate, fused=True)
        return torch.optim.AdamW(weights, self.learning_rate, weight_decay=self.weight_decay, fused=True)

    def spans(self, done: int, count: int) -> list[tuple[int, int]]:
        """The next `count` steps after those that are done, from and to, cut where a point of the curves is due."""
        every, end = self.measure_every or self.steps, done + count
        return list(pairwise([done, *range(done - done % every + every, end, every), end]))

    def is_measured(self, done: int) -> bool:
        """Whether a point of the curves is due after so many steps."""
        return self.measure_every is not None and (done == self.steps or done % self.measure_every == 0)
