"""How good a network is, how far from the best possible, and how invariant: numbers, intervals, a certificate."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.special import stdtrit
from torch import Tensor

from permset import PermsetError
from permset.bags import Bags
from permset.groups import PermutationGroup, act
from permset.masks import Mask
from permset.params import CertificateParams
from permset.randomness import generator
from permset.scores import BINARY, Target, predicted

# Of bags (sets, n, c), and of a mask (sets, n) where there is one: (seeds, sets, outputs).
Predict = Callable[..., Float[Tensor, "seeds sets outputs"]]
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


def interval(
    values: Float[np.ndarray, " seeds"], confidence: float = 0.95, overlap: float = 0.0
) -> tuple[float, float, float]:
    """Mean over seeds and the ends of its Student t interval; from a single seed none follows, and they are NaN.

    Folds share most of their bags of training, and are no independent draws. `overlap`, test bags over bags of training
    in each, widens the interval for that: the variance of the mean is (1/k + overlap)·s² (Nadeau & Bengio 2003,
    Inference for the generalization error, section 3; for repeated folds Bouckaert & Frank 2004).
    """
    mean = float(values.mean())
    if len(values) < 2:
        return mean, math.nan, math.nan
    half = float(
        stdtrit(len(values) - 1, (1 + confidence) / 2) * values.std(ddof=1) * (1 / len(values) + overlap) ** 0.5
    )
    return mean, mean - half, mean + half


@torch.no_grad()
def invariance_error(
    predict: Predict, x: Float[Tensor, "sets n c"], permutations: Int[np.ndarray, "k n"], mask: Mask | None = None
) -> Float[np.ndarray, " seeds"]:
    """Largest relative change of each seed's outputs under any of the permutations, in the precision of x.

    A mask moves with its objects. The change is relative to the seed's largest output, or to 1 where that is less:
    logits have a unit of their own, in which one changes a probability by a quarter at most. A network whose output is
    not finite has error NaN.
    """

    def moved(p: Int[np.ndarray, " n"]) -> Tensor:
        return predict(act(p, x)) if mask is None else predict(act(p, x), mask[:, torch.as_tensor(p)])

    outputs = moved(np.arange(x.shape[1]))
    change = torch.zeros(len(outputs), dtype=x.dtype)
    for p in permutations:
        change = torch.maximum(change, (moved(p) - outputs).abs().amax((1, 2)))
    return (change / outputs.abs().amax((1, 2)).clamp(min=1)).double().numpy()


def certify(
    predict: Predict,
    x: Float[Tensor, "sets n c"],
    group: PermutationGroup,
    num_random: int,
    draws: torch.Generator,
    mask: Mask | None = None,
) -> Certificate:
    """Measure invariance under the group's generators and random elements, in float64 and in float32."""
    permutations = group.generators(), group.sample(num_random, draws).numpy()
    errors = [
        _worst(*invariance_error(predict, x.to(dtype), p, mask))
        for dtype in (torch.float64, torch.float32)
        for p in permutations
    ]
    return Certificate(*errors)


def certified(
    name: str, claimed: PermutationGroup | None, predict: Predict, bags: Bags, limits: CertificateParams
) -> dict[str, float | str]:
    """The certificate under the group that a network claims, all permutations where it claims none, and its verdict.

    Also the error under all permutations. PermsetError if the network claims invariance and has lost it.
    """
    draws = generator(limits.seed, "certificate")
    every = PermutationGroup.symmetric(bags.x.shape[1])
    group = claimed or every
    certificate = certify(predict, bags.x, group, limits.permutations, draws, bags.mask)
    verdict = certificate.verdict(limits.invariant, limits.approximate)
    if claimed and verdict != "invariant":
        raise PermsetError(
            f"{name}: claims to be invariant under {claimed}, but its relative error is {certificate.error:.3g}"
        )
    symmetric = certificate.error
    if group != every:
        some = every.sample(limits.permutations, draws).numpy()
        symmetric = float(invariance_error(predict, bags.x.double(), some, bags.mask).max())
    return {**certificate.as_dict(), "invariance_symmetric": symmetric, "group": str(group), "verdict": verdict}


def example(bags: Bags) -> Float[Tensor, "1 n c"]:
    """One bag without its padding, to be shown: the first of at least two objects, if there is one."""
    if bags.mask is None:
        return bags.x[:1]
    sizes = bags.mask.sum(-1)
    index = int((sizes >= 2).long().argmax())
    return bags.x[index : index + 1, : max(1, int(sizes[index]))]


@torch.no_grad()
def show_permutations(
    predict: Predict,
    x: Float[Tensor, "1 n c"],
    permutations: Int[np.ndarray, "k n"],
    seed_index: int,
    target: Target = BINARY,
) -> list[tuple[str, float, float]]:
    """The order, first output and reading of one bag as it is and under each permutation, for one seed."""
    orders = [np.arange(x.shape[1]), *permutations]
    outputs = torch.cat([predict(act(p, x))[seed_index] for p in orders])
    readings = target.reading(outputs).tolist()
    names = [" ".join(map(str, p)) for p in orders]
    return list(zip(names, outputs[:, 0].tolist(), readings, strict=True))


def measure(
    results: Sequence[tuple[Tensor, Tensor]],
    target: Target = BINARY,
    bayes_accuracy: float | None = None,
    overlap: float = 0.0,
) -> dict[str, int | float | None]:
    """Each metric with its interval over seeds; loss in nats.

    `results` are outputs (sets, outputs) and labels (sets, targets) of each seed, of which each may have test bags of
    its own. Accuracy, balanced accuracy (the mean over classes), AUC (area under the ROC curve, one class against the
    rest) and regret (Bayes accuracy − accuracy) where that is known; or for real targets, in their units, mean absolute
    error (mae), root mean square error (rmse) and R². Intervals end where the values that are possible at all do.
    """
    metrics: dict[str, int | float | None] = {"num_seeds": len(results), "bayes_accuracy": bayes_accuracy}
    of_seeds = [seed_metrics(*result, target) for result in results]
    values = {name: np.array([one[name] for one in of_seeds]) for name in of_seeds[0]}
    possible = dict.fromkeys(("loss", "mae", "rmse"), (0.0, math.inf)) | {"r2": (-math.inf, 1.0)}
    if bayes_accuracy is not None:
        values["regret"] = bayes_accuracy - values["accuracy"]
        possible["regret"] = (bayes_accuracy - 1, bayes_accuracy)
    for name, value in values.items():
        known = value[~np.isnan(value)]
        mean, low, high = interval(known, overlap=overlap) if len(known) else (math.nan,) * 3
        least, most = possible.get(name, (0.0, 1.0))
        ends = (max(low, least), min(high, most))
        for suffix, number in zip(("", "_low", "_high"), (mean, *(ends if low == low else (low, high))), strict=True):
            metrics[f"{name}{suffix}"] = None if math.isnan(number) else number
    return metrics


def seed_metrics(
    outputs: Float[Tensor, "sets outputs"], labels: Float[Tensor, "sets targets"], target: Target
) -> dict[str, float]:
    """Of one seed; NaN where a metric is not defined: the AUC of a class that has all bags, the R² of equal numbers."""
    loss = {"loss": float(target.loss(outputs.double(), labels.double()))}
    if target.kind == "real":
        away = (outputs - labels).double()
        spread = (labels.double() - labels.double().mean(0)).square().mean(0)
        r2 = float((1 - away.square().mean(0) / spread).mean()) if bool((spread > 0).all()) else math.nan
        return {"mae": float(away.abs().mean()), "rmse": math.sqrt(away.square().mean()), "r2": r2, **loss}
    right = predicted(outputs) == labels[:, 0]
    classes = labels[:, 0].unique()
    # A number added to all logits of a bag changes nothing: what is compared between bags are probabilities.
    scores = outputs.double().log_softmax(1) if target.kind == "classes" else torch.cat([-outputs, outputs], 1)
    areas = [area_under_roc(scores[:, int(label)], labels[:, 0] == label) for label in classes]
    return {
        "accuracy": float(right.double().mean()),
        "balanced_accuracy": float(np.mean([right[labels[:, 0] == label].double().mean() for label in classes])),
        "auc": float(np.mean(areas)),
        **loss,
    }


def area_under_roc(scores: Float[Tensor, " sets"], positive: Bool[Tensor, " sets"]) -> float:
    """Share of pairs of a positive and another bag in which the positive one scores higher, ties for a half.

    The Mann–Whitney statistic (Hanley & McNeil 1982, Radiology 143, p. 29).
    """
    count = int(positive.sum())
    if count in (0, len(positive)):
        return math.nan
    others = scores[~positive].sort().values
    below = sum(torch.searchsorted(others, scores[positive], right=right) for right in (False, True))
    return float(torch.as_tensor(below).double().mean() / 2 / len(others))


def _worst(*errors: float) -> float:
    """The largest; NaN if one is NaN, which Python's max may lose."""
    return float(np.max(errors))
