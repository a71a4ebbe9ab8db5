"""What is predicted, and how right outputs are, for one network or for each of a stack."""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from permset.elementary import log_sum_exp

Outputs = Float[Tensor, "*seeds sets outputs"]
Labels = Float[Tensor, "*#seeds sets targets"]
Scores = Float[Tensor, "*seeds"]


@dataclass(frozen=True)
class Target:
    """What is predicted: one of two classes (a logit), one of several (a logit each), or real numbers.

    Labels are (sets, 1), the index of the class, or the numbers themselves, (sets, outputs).
    """

    kind: Literal["binary", "classes", "real"] = "binary"
    outputs: int = 1
    """of a network"""
    error: Literal["squared", "absolute"] = "squared"
    """that the loss of real targets is the mean of"""

    def loss(self, outputs: Outputs, labels: Labels) -> Scores:
        """Mean over bags: cross-entropy in nats, or the error of real targets in their units."""
        match self.kind:
            case "binary":
                return binary_cross_entropy(outputs, labels)
            case "classes":
                return cross_entropy(outputs, labels)
            case "real":
                away = outputs - labels
                return (away.square() if self.error == "squared" else away.abs()).mean((-2, -1))

    @property
    def loss_name(self) -> str:
        if self.kind == "real":
            return f"mean {self.error} error"
        return f"{'binary ' if self.kind == 'binary' else ''}cross-entropy (nats)"

    @property
    def score_name(self) -> Literal["accuracy", "mae"]:
        return "mae" if self.kind == "real" else "accuracy"

    def score(self, outputs: Outputs, labels: Labels) -> Scores:
        """Accuracy, or the mean absolute error of real targets."""
        if self.kind == "real":
            return (outputs - labels).double().abs().mean((-2, -1))
        return accuracy(outputs, labels)

    def reading(self, outputs: Float[Tensor, "*sets outputs"]) -> Float[Tensor, " *sets"]:
        """One number a bag for people: the probability of class 1 or of the likeliest class, or the first number."""
        match self.kind:
            case "binary":
                return torch.sigmoid(outputs[..., 0])
            case "classes":
                return outputs.softmax(-1).amax(-1)
            case "real":
                return outputs[..., 0]


BINARY = Target()


def binary_cross_entropy(logits: Outputs, labels: Labels) -> Scores:
    """Mean of log(1 + eᶻ) − y·z in nats, the cross-entropy of σ(z), which neither overflows nor takes the log of 0."""
    return (F.softplus(logits) - labels * logits).mean((-2, -1))


def cross_entropy(logits: Outputs, labels: Labels) -> Scores:
    """Mean of log Σ_k eᶻᵏ − z_y in nats, the cross-entropy of the softmax."""
    right = labels == torch.arange(logits.shape[-1], device=logits.device)
    return (log_sum_exp(logits, -1) - torch.where(right, logits, 0.0).sum(-1)).mean(-1)


def accuracy(logits: Outputs, labels: Labels) -> Scores:
    """Share of bags whose class is the most probable one."""
    return (predicted(logits) == labels[..., 0].round()).double().mean(-1)


def predicted(logits: Outputs) -> Float[Tensor, "*seeds sets"]:
    """Index of the most probable class, from one logit or one for each class."""
    return ((logits[..., 0] > 0) if logits.shape[-1] == 1 else logits.argmax(-1)).to(logits.dtype)
