"""The mean of a network's outputs over elements of a group: of logits, or of the probabilities that they stand for."""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from permset.config.kinds import Averaged
from permset.data.elementary import log_sum_exp

Logits = Float[Tensor, "*batch outputs"]


class Mean:
    """The mean of logits, or the logit of the mean probability, over elements that come some at a time.

    Probabilities are summed by their logarithms, which tell apart those that round to 0 or 1.
    """

    def __init__(self, averaged: Averaged):
        self.averaged = averaged
        self.count = self.outputs = 0
        self.total: Tensor | None = None

    def add(self, logits: Float[Tensor, "*batch k outputs"]) -> None:
        term = logits.sum(-2) if self.averaged == "logits" else log_sum_exp(_log_probabilities(logits), -2)
        add = torch.add if self.averaged == "logits" else torch.logaddexp
        self.total = term if self.total is None else add(self.total, term)
        self.count, self.outputs = self.count + logits.shape[-2], logits.shape[-1]

    def logits(self) -> Logits:
        assert self.total is not None, "a group has an element"
        if self.averaged == "logits":
            return self.total / self.count
        # The logit is log p − log(1 − p), in which the count cancels out.
        return self.total[..., :1] - self.total[..., 1:] if self.outputs == 1 else self.total - math.log(self.count)


def mean_of(logits: Float[Tensor, "*batch k outputs"], averaged: Averaged) -> Logits:
    mean = Mean(averaged)
    mean.add(logits)
    return mean.logits()


def _log_probabilities(logits: Logits) -> Float[Tensor, "*batch classes"]:
    """Log-probabilities of classes 1 and 0 from one logit, or of each class from its logit."""
    if logits.shape[-1] == 1:
        return F.logsigmoid(torch.cat([logits, -logits], -1))
    return logits.log_softmax(-1)
