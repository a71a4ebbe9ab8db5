"""How a network is trained: steps, batches, the optimizer and its learning rate, and when curves are measured."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from permset.config.kinds import Schedule


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

    def rate(self, step: int) -> float:
        """The learning rate of a step: constant, or from its full value towards zero along half a cosine."""
        if self.schedule == "constant":
            return self.learning_rate
        return self.learning_rate * (1 + math.cos(math.pi * step / self.steps)) / 2

    def optimizer(self, weights: list[Tensor]) -> torch.optim.Optimizer:
        if self.weight_decay == 0:
            return torch.optim.Adam(weights, self.learning_rate, fused=True)
        return torch.optim.AdamW(weights, self.learning_rate, weight_decay=self.weight_decay, fused=True)

    def is_measured(self, before: int, after: int) -> bool:
        """Whether a point of the curves is due once `after` steps are done, of which `before` were when last asked."""
        return self.measure_every is not None and (
            after == self.steps or before // self.measure_every < after // self.measure_every
        )
