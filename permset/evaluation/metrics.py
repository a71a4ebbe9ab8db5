"""How good a network is: metrics with confidence intervals over seeds, and regret."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.special import stdtrit
from torch import Tensor

from permset.data.targets import BINARY, Real, Target, predicted


class Interval(NamedTuple):
    """A mean and the ends of its confidence interval; the ends are NaN where none is known."""

    mean: float
    low: float
    high: float

    def clipped(self, least: float, most: float) -> "Interval":
        """The same interval without the values that are impossible."""
        if math.isnan(self.low):
            return self
        return Interval(self.mean, max(self.low, least), min(self.high, most))


def interval(values: Float[np.ndarray, " seeds"], confidence: float = 0.95, overlap: float = 0.0) -> Interval:
    """Mean over seeds and the ends of its Student t interval; from a single seed none follows, and they are NaN.

    Folds share most of their bags of training, and are no independent draws. `overlap`, test bags over bags of training
    in each, widens the interval for that: the variance of the mean is (1/k + overlap)·s² (Nadeau & Bengio 2003,
    Inference for the generalization error, section 3; for repeated folds Bouckaert & Frank 2004).
    """
    mean = float(values.mean())
    if len(values) < 2:
        return Interval(mean, math.nan, math.nan)
    half = float(
        stdtrit(len(values) - 1, (1 + confidence) / 2) * values.std(ddof=1) * (1 / len(values) + overlap) ** 0.5
    )
    return Interval(mean, mean - half, mean + half)


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
        found = interval(known, overlap=overlap) if len(known) else Interval(math.nan, math.nan, math.nan)
        shown = found.clipped(*possible.get(name, (0.0, 1.0)))
        for suffix, number in zip(("", "_low", "_high"), shown, strict=True):
            metrics[f"{name}{suffix}"] = None if math.isnan(number) else number
    return metrics


def seed_metrics(
    outputs: Float[Tensor, "sets outputs"], labels: Float[Tensor, "sets targets"], target: Target
) -> dict[str, float]:
    """The metrics of one seed; NaN where one is not defined: AUC if all bags have one class, R² of equal numbers."""
    loss = {"loss": float(target.loss(outputs.double(), labels.double()))}
    if isinstance(target, Real):
        away = (outputs - labels).double()
        spread = (labels.double() - labels.double().mean(0)).square().mean(0)
        r2 = float((1 - away.square().mean(0) / spread).mean()) if bool((spread > 0).all()) else math.nan
        return {"mae": float(away.abs().mean()), "rmse": math.sqrt(away.square().mean()), "r2": r2, **loss}
    right = predicted(outputs) == labels[:, 0]
    classes = labels[:, 0].unique()
    scores = target.class_scores(outputs)
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
