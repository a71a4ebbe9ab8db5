"""What is predicted, and how right outputs are, for one network or for each of a stack.

Each target says how many `outputs` a network has, how they are compared with labels (`loss`, with `loss_name` for the
axis of a figure, and `score`, with `score_name` for the column of a table), and how people read them (`reading`).
Labels are (sets, 1), the index of the class, or real numbers, (sets, outputs).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from permset.config.kinds import LabelKind, RealLoss
from permset.data.elementary import log_sum_exp

Outputs = Float[Tensor, "*seeds sets outputs"]
Labels = Float[Tensor, "*#seeds sets targets"]
Scores = Float[Tensor, "*seeds"]


def class_name(label: str) -> str:
    """Of a class in a sentence, where a number alone would say nothing."""
    return f"class {label}" if label.isdigit() else label


@dataclass(frozen=True)
class Binary:
    """One of two classes. The one output is a logit, of which `torch.sigmoid` is the probability of class 1."""

    names: tuple[str, str] = ("class 0", "class 1")
    """of the classes"""
    outputs: ClassVar[int] = 1
    alternating: ClassVar[int] = 2
    """classes between which drawn bags take turns"""
    loss_name: ClassVar[str] = "binary cross-entropy (nats)"
    score_name: ClassVar[Literal["accuracy"]] = "accuracy"

    def loss(self, outputs: Outputs, labels: Labels) -> Scores:
        """Mean over bags, in nats."""
        return binary_cross_entropy(outputs, labels)

    def score(self, outputs: Outputs, labels: Labels) -> Scores:
        return accuracy(outputs, labels)

    def reading(self, outputs: Float[Tensor, "*sets outputs"]) -> Float[Tensor, " *sets"]:
        """The probability of class 1."""
        return torch.sigmoid(outputs[..., 0])

    def meanings(self, outputs: Float[Tensor, "sets outputs"]) -> list[str]:
        """What the reading of each bag is."""
        return [f"probability of {class_name(self.names[1])}"] * len(outputs)

    def columns(self, labels: Float[Tensor, "sets targets"]) -> list[Tensor]:
        """The labels (sets,) of each of the machines that together make a support-vector machine."""
        return [labels[:, 0]]

    def class_scores(self, outputs: Float[Tensor, "sets 1"]) -> Float[Tensor, "sets 2"]:
        """For each class a number that grows with its probability."""
        return torch.cat([-outputs.double(), outputs.double()], 1)


@dataclass(frozen=True)
class Classes:
    """One of several classes. The network gives a logit for each."""

    outputs: int
    names: tuple[str, ...] = ()
    """of the classes, where a file has them"""
    loss_name: ClassVar[str] = "cross-entropy (nats)"
    score_name: ClassVar[Literal["accuracy"]] = "accuracy"
    alternating: ClassVar[int] = 1

    def loss(self, outputs: Outputs, labels: Labels) -> Scores:
        """Mean over bags, in nats."""
        return cross_entropy(outputs, labels)

    def score(self, outputs: Outputs, labels: Labels) -> Scores:
        return accuracy(outputs, labels)

    def reading(self, outputs: Float[Tensor, "*sets outputs"]) -> Float[Tensor, " *sets"]:
        """The probability of the likeliest class."""
        return outputs.softmax(-1).amax(-1)

    def meanings(self, outputs: Float[Tensor, "sets outputs"]) -> list[str]:
        """What the reading of each bag is."""
        names = [class_name(name) for name in self.names or map(str, range(self.outputs))]
        return [f"probability of {names[likeliest]}" for likeliest in outputs.argmax(-1).tolist()]

    def columns(self, labels: Float[Tensor, "sets targets"]) -> list[Tensor]:
        """Each class against the rest."""
        return [labels[:, 0] == label for label in range(self.outputs)]

    def class_scores(self, outputs: Float[Tensor, "sets outputs"]) -> Float[Tensor, "sets outputs"]:
        """Log-probabilities: a number added to all logits of a bag changes nothing when bags are compared."""
        return outputs.double().log_softmax(1)


@dataclass(frozen=True)
class Real:
    """Real numbers, in the units of the task or of the file."""

    outputs: int
    error: RealLoss = "squared"
    """that the loss is the mean of"""
    names: tuple[str, ...] = ()
    """of the numbers, where a file has them"""
    score_name: ClassVar[Literal["mae"]] = "mae"
    alternating: ClassVar[int] = 1

    @property
    def loss_name(self) -> str:
        return f"mean {self.error} error"

    def loss(self, outputs: Outputs, labels: Labels) -> Scores:
        """Mean over bags and numbers, in the units of the target, or their square."""
        errors = outputs - labels
        return (errors.square() if self.error == "squared" else errors.abs()).mean((-2, -1))

    def score(self, outputs: Outputs, labels: Labels) -> Scores:
        """The mean absolute error; of several numbers, in units of each one's deviation over these bags."""
        errors = (outputs - labels).double().abs().mean(-2)
        if self.outputs == 1:
            return errors[..., 0]
        deviations = labels.double().std(-2, correction=0)
        constant = labels.amax(-2) == labels.amin(-2)
        return (errors / torch.where(constant, 1.0, deviations)).mean(-1)

    def reading(self, outputs: Float[Tensor, "*sets outputs"]) -> Float[Tensor, " *sets"]:
        return outputs[..., 0]

    def meanings(self, outputs: Float[Tensor, "sets outputs"]) -> list[str]:
        """What the reading of each bag is."""
        return [self.names[0] if self.names else "target"] * len(outputs)

    def columns(self, labels: Float[Tensor, "sets targets"]) -> list[Tensor]:
        return list(labels.T)


class Components(NamedTuple):
    """Mixtures of normal distributions whose channels are independent."""

    log_weights: Float[Tensor, "*sets k"]
    means: Float[Tensor, "*sets k c"]
    log_deviations: Float[Tensor, "*sets k c"]


@dataclass(frozen=True)
class Mixture:
    """The mixture of normal distributions of which a bag's own objects were drawn (Lee et al. 2019, section 5.3).

    The network gives k·(1 + 2c) numbers: for each component the logit of its weight, c means, and the logarithms of c
    deviations. The label of a bag is what it is scored on: its objects, n·c numbers, and its mask, n.
    """

    components: int
    channels: int
    loss_name: ClassVar[str] = "negative log-likelihood of an object (nats)"
    score_name: ClassVar[Literal["loss"]] = "loss"
    alternating: ClassVar[int] = 1

    @property
    def outputs(self) -> int:
        return self.components * (1 + 2 * self.channels)

    def loss(self, outputs: Outputs, labels: Labels) -> Scores:
        """Mean over bags of the mean over a bag's objects, in nats."""
        return -log_likelihoods(self.read(outputs), labels).mean(-1)

    def score(self, outputs: Outputs, labels: Labels) -> Scores:
        return self.loss(outputs, labels).double()

    def read(self, outputs: Float[Tensor, "*sets outputs"]) -> Components:
        numbers = outputs.unflatten(-1, (self.components, -1))
        logits, means, log_deviations = numbers.split([1, self.channels, self.channels], -1)
        return Components(logits[..., 0] - log_sum_exp(logits[..., 0], -1).unsqueeze(-1), means, log_deviations)

    def write(self, mixtures: Components) -> Float[Tensor, "*sets outputs"]:
        """Outputs that are read as these mixtures."""
        parts = mixtures.log_weights.unsqueeze(-1), mixtures.means, mixtures.log_deviations
        return torch.cat(parts, -1).flatten(-2)

    def reading(self, outputs: Float[Tensor, "*sets outputs"]) -> Float[Tensor, " *sets"]:
        """The weight of the largest component."""
        return self.read(outputs).log_weights.amax(-1).exp()

    def meanings(self, outputs: Float[Tensor, "sets outputs"]) -> list[str]:
        """What the reading of each bag is."""
        return ["weight of the largest component"] * len(outputs)


def log_likelihoods(mixtures: Components, labels: Labels) -> Float[Tensor, "*sets"]:
    """Of the objects of each bag, their mean, in nats: log Σ_k w_k·N(x; μ_k, σ_k)."""
    objects, mask = objects_of(labels, mixtures.means.shape[-1])
    each = log_sum_exp(log_joint(mixtures, objects), -1) - objects.shape[-1] / 2 * math.log(2 * math.pi)
    return (each * mask).sum(-1) / mask.sum(-1).clamp(min=1)


def log_joint(mixtures: Components, objects: Float[Tensor, "*#sets n c"]) -> Float[Tensor, "*sets n k"]:
    """log w_k + log N(x; μ_k, σ_k) of each object and component, but for the constant c/2·log 2π."""
    means, log_deviations = mixtures.means.unsqueeze(-3), mixtures.log_deviations.unsqueeze(-3)
    distances = (objects.unsqueeze(-2) - means) * (-log_deviations).exp()
    return mixtures.log_weights.unsqueeze(-2) - (log_deviations + distances.square() / 2).sum(-1)


def objects_of(labels: Labels, channels: int) -> tuple[Float[Tensor, "*sets n c"], Float[Tensor, "*sets n"]]:
    """The objects in the labels of a mixture, and their mask."""
    size = labels.shape[-1] // (channels + 1)
    objects, mask = labels.split([size * channels, size], -1)
    return objects.unflatten(-1, (size, channels)), mask


Target = Binary | Classes | Real | Mixture


def build_target(kind: LabelKind, names: Sequence[str], error: RealLoss) -> Target:
    """`names`: of the classes, or of the real numbers."""
    match kind:
        case "binary":
            return Binary((names[0], names[1]))
        case "classes":
            return Classes(len(names), tuple(names))
        case "real":
            return Real(len(names), error, tuple(names))


BINARY = Binary()


def weighted(
    loss: Callable[[Outputs, Labels], Scores],
    outputs: Outputs,
    labels: Labels,
    weights: Float[Tensor, "*#seeds sets"] | None,
) -> Scores:
    """The mean over bags of a loss, each bag's times its weight; the plain one where there are no weights."""
    if weights is None:
        return loss(outputs, labels)
    return (weights * loss(outputs.unsqueeze(-2), labels.unsqueeze(-2))).mean(-1)


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
