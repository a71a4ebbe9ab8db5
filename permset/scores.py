"""How right outputs are, for one network or for each of a stack."""

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

Logits = Float[Tensor, "*seeds sets 1"]
Labels = Float[Tensor, "*#seeds sets 1"]
Scores = Float[Tensor, "*seeds"]


def binary_cross_entropy(logits: Logits, labels: Labels) -> Scores:
    """Mean of log(1 + eᶻ) − y·z in nats, the cross-entropy of σ(z), which neither overflows nor takes the log of 0."""
    return (F.softplus(logits) - labels * logits).mean((-2, -1))


def accuracy(logits: Logits, labels: Labels) -> Scores:
    """Share of bags whose class is the more probable one."""
    return ((logits > 0) == (labels > 0.5)).double().mean((-2, -1))
