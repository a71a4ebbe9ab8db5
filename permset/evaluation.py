"""How good a network is, how far from the best possible, and how invariant: numbers, intervals, a certificate."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.special import stdtrit
from torch import Tensor

from permset import PermsetError
from permset.groups import PermutationGroup, act
from permset.params import CertificateParams
from permset.randomness import generator
from permset.scores import accuracy, binary_cross_entropy

Predict = Callable[[Float[Tensor, "sets n c"]], Float[Tensor, "seeds sets 1"]]
Verdict = Literal["invariant", "approximate", "not invariant"]


@dataclass(frozen=True)
class Certificate:
    """Relative errors max |f(px) − f(x)| / max(1, max |f(x)|), the worst over bags and seeds.

    A network that is exactly invariant under a group's generators is so under all of its elements, which are
    their products. Random elements are measured as well, since an error may add up along a product.
    """

    generators: float
    random: float
    generators_float32: float
    random_float32: float

    @property
    def error(self) -> float:
        """In float64, where invariance is at rounding level or it is broken."""
        return _worst(self.generators, self.random)

    @property
    def error_float32(self) -> float:
        return _worst(self.generators_float32, self.random_float32)

    def as_dict(self) -> dict[str, float]:
        return {
            "invariance_float64": self.error,
            "invariance_float32": self.error_float32,
            **{f"invariance_{name}": value for name, value in asdict(self).items()},
        }

    def verdict(self, invariant: float, approximate: float) -> Verdict:
        """Which of the two thresholds the float64 error keeps; an error that is not a number keeps none."""
        if self.error <= invariant:
            return "invariant"
        return "approximate" if self.error <= approximate else "not invariant"


def interval(values: Float[np.ndarray, " seeds"], confidence: float = 0.95) -> tuple[float, float, float]:
    """Mean over seeds and the ends of its Student t interval; from a single seed none follows, and they are NaN."""
    mean = float(values.mean())
    if len(values) < 2:
        return mean, math.nan, math.nan
    half = float(stdtrit(len(values) - 1, (1 + confidence) / 2) * values.std(ddof=1) / len(values) ** 0.5)
    return mean, mean - half, mean + half


@torch.no_grad()
def invariance_error(
    predict: Predict, x: Float[Tensor, "sets n c"], permutations: Int[np.ndarray, "k n"]
) -> Float[np.ndarray, " seeds"]:
    """Largest relative change of each seed's outputs under any of the permutations, in the precision of x.

    Relative to the seed's largest output, or to 1 where that is less: logits have a unit of their own, in
    which one changes a probability by a quarter at most. A network whose output is not finite has error NaN.
    """
    outputs = predict(x)
    change = torch.zeros(len(outputs), dtype=x.dtype)
    for p in permutations:
        change = torch.maximum(change, (predict(act(p, x)) - outputs).abs().amax((1, 2)))
    return (change / outputs.abs().amax((1, 2)).clamp(min=1)).double().numpy()


def certify(
    predict: Predict, x: Float[Tensor, "sets n c"], group: PermutationGroup, num_random: int, draws: torch.Generator
) -> Certificate:
    """Measure invariance under the group's generators and random elements, in float64 and in float32."""
    permutations = group.generators(), group.sample(num_random, draws).numpy()
    errors = [
        _worst(*invariance_error(predict, x.to(dtype), p))
        for dtype in (torch.float64, torch.float32)
        for p in permutations
    ]
    return Certificate(*errors)


def certified(
    name: str,
    claimed: PermutationGroup | None,
    predict: Predict,
    x: Float[Tensor, "sets n c"],
    limits: CertificateParams,
) -> dict[str, float | str]:
    """The certificate under the group that a network claims, all permutations where it claims none, and its verdict.

    Also the error under all permutations. PermsetError if the network claims invariance and has lost it.
    """
    x, draws = x[: limits.sets], generator(limits.seed, "certificate")
    every = PermutationGroup.symmetric(x.shape[1])
    group = claimed or every
    certificate = certify(predict, x, group, limits.permutations, draws)
    verdict = certificate.verdict(limits.invariant, limits.approximate)
    if claimed and verdict != "invariant":
        raise PermsetError(
            f"{name}: claims to be invariant under {claimed}, but its relative error is {certificate.error:.3g}"
        )
    symmetric = certificate.error
    if group != every:
        some = every.sample(limits.permutations, draws).numpy()
        symmetric = float(invariance_error(predict, x.double(), some).max())
    return {**certificate.as_dict(), "invariance_symmetric": symmetric, "group": str(group), "verdict": verdict}


@torch.no_grad()
def show_permutations(
    predict: Predict, x: Float[Tensor, "1 n c"], permutations: Int[np.ndarray, "k n"], seed_index: int
) -> list[tuple[str, float, float]]:
    """The order, logit and probability of one bag as it is and under each permutation, for one seed."""
    orders = [np.arange(x.shape[1]), *permutations]
    logits = torch.cat([predict(act(p, x))[seed_index, :, 0] for p in orders])
    return [
        (" ".join(map(str, p)), z, torch.sigmoid(torch.tensor(z)).item())
        for p, z in zip(orders, logits.tolist(), strict=True)
    ]


def measure(
    logits: Float[Tensor, "seeds sets 1"], labels: Float[Tensor, "sets 1"], bayes_accuracy: float
) -> dict[str, int | float | None]:
    """Accuracy, loss (nats) and regret (Bayes accuracy − accuracy), each with its interval over seeds.

    Intervals end where the values that are possible at all do.
    """
    right = accuracy(logits, labels).numpy()
    metrics: dict[str, int | float | None] = {"num_seeds": len(right), "bayes_accuracy": bayes_accuracy}
    possible = {"accuracy": (0, 1), "loss": (0, math.inf), "regret": (bayes_accuracy - 1, bayes_accuracy)}
    loss = binary_cross_entropy(logits.double(), labels.double()).numpy()
    values = {"accuracy": right, "loss": loss, "regret": bayes_accuracy - right}
    for name, value in values.items():
        mean, low, high = interval(value)
        least, most = possible[name]
        if math.isnan(low):
            metrics |= {name: mean, f"{name}_low": None, f"{name}_high": None}
        else:
            metrics |= {name: mean, f"{name}_low": max(low, least), f"{name}_high": min(high, most)}
    return metrics


def _worst(*errors: float) -> float:
    """The largest; NaN if one is NaN, which Python's max may lose."""
    return float(np.max(errors))
