"""How good a network is: metrics with confidence intervals over seeds and test bags, and regret."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from permset.data.targets import BINARY, Mixture, Real, Target, predicted
from permset.evaluation.intervals import Interval, Scores, crossed_interval, interval


class Metric(NamedTuple):
    """The value of a metric, and the influence of each test bag on it; see `intervals.crossed_interval`."""

    value: float
    influence: Float[np.ndarray, " bags"]


POSSIBLE = {"loss": (0.0, math.inf), "mae": (0.0, math.inf), "rmse": (0.0, math.inf), "r2": (-math.inf, 1.0)}
"""values of metrics that are no shares"""


def measure(
    results: Sequence[tuple[Tensor, Tensor]],
    target: Target = BINARY,
    bayes_accuracy: float | None = None,
    overlap: float = 0.0,
) -> dict[str, Any]:
    """Each metric with its interval over seeds; loss in nats.

    `results` are outputs (sets, outputs) and labels (sets, targets) of each seed, of which each may have test bags of
    its own. Accuracy, balanced accuracy (the mean over classes), AUC (area under the ROC curve, one class against the
    rest) and regret (Bayes accuracy − accuracy) where that is known; or for real targets, in their units, mean absolute
    error (mae), root mean square error (rmse) and R². Of several numbers these are means over them, errors in units of
    each number's deviation over the test bags, and `targets` has the metrics of each in its own units.

    Intervals are over seeds and test bags where all seeds have the same bags; for folds, whose `overlap` says what
    they share, the spread of their values has both in it. They end where the values that are possible at all do.
    """
    metrics: dict[str, Any] = {"num_seeds": len(results), "bayes_accuracy": bayes_accuracy}
    of_seeds = [seed_metrics(*result, target) for result in results]
    same_bags = _have_same_bags(results, overlap)
    for name in of_seeds[0]:
        known = [of_seed[name] for of_seed in of_seeds if not math.isnan(of_seed[name].value)]
        found = _interval(known, same_bags, overlap)
        least, most = POSSIBLE.get(name, (0.0, 1.0))
        if isinstance(target, Mixture):  # A density may be larger than one.
            least = -math.inf
        metrics |= _with_ends(name, found.clipped(least, most))
        if name == "accuracy" and bayes_accuracy is not None:
            regret = Interval(*(bayes_accuracy - end for end in (found.mean, found.high, found.low)))
            metrics |= _with_ends("regret", regret.clipped(bayes_accuracy - 1, bayes_accuracy))
    if isinstance(target, Real) and target.outputs > 1:
        one = Real(1, target.error)
        each = [
            measure([(outputs[:, [i]], labels[:, [i]]) for outputs, labels in results], one, overlap=overlap)
            for i in range(target.outputs)
        ]
        names = target.names or [f"target {i}" for i in range(target.outputs)]
        metrics["targets"] = {
            name: {key: value for key, value in found.items() if key not in ("num_seeds", "bayes_accuracy")}
            for name, found in zip(names, each, strict=True)
        }
    return metrics


def scores(results: Sequence[tuple[Tensor, Tensor]], target: Target = BINARY, overlap: float = 0.0) -> Scores:
    """What a comparison with another run on the same test bags asks of a run; as `measure` takes it."""
    of_seeds = [seed_metrics(*result, target)[target.score_name] for result in results]
    values = np.array([metric.value for metric in of_seeds])
    if _have_same_bags(results, overlap):
        return Scores.of(values, np.stack([metric.influence for metric in of_seeds]))
    return Scores(values, np.empty(0), 0.0, overlap)


def seed_metrics(
    outputs: Float[Tensor, "sets outputs"], labels: Float[Tensor, "sets targets"], target: Target
) -> dict[str, Metric]:
    """The metrics of one seed; NaN where one is not defined: AUC if all bags have one class, R² of equal numbers."""
    outputs, labels = outputs.double(), labels.double()
    losses = target.loss(outputs.unsqueeze(1), labels.unsqueeze(1)).numpy()
    loss = Metric(float(target.loss(outputs, labels)), losses)
    if isinstance(target, Mixture):
        return {"loss": loss}
    if isinstance(target, Real):
        return {**_errors(outputs.numpy(), labels.numpy()), "loss": loss}
    right = (predicted(outputs) == labels[:, 0]).double().numpy()
    classes = labels[:, 0].unique().long().tolist()
    members = [labels[:, 0] == label for label in classes]
    scores = target.class_scores(outputs)
    areas = [area_under_roc(scores[:, label], is_class) for label, is_class in zip(classes, members, strict=True)]
    return {
        "accuracy": Metric(float(right.mean()), _with_four(right)),
        "balanced_accuracy": _mean_over_classes([right[is_class.numpy()] for is_class in members]),
        "auc": _mean(areas),
        "loss": loss,
    }


def area_under_roc(scores: Float[Tensor, " sets"], positive: Bool[Tensor, " sets"]) -> Metric:
    """Share of pairs of a positive and another bag in which the positive one scores higher, ties for a half.

    The Mann–Whitney statistic (Hanley & McNeil 1982, Radiology 143, p. 29). A bag's influence is the share of its pairs
    that are in order, over the share of bags of its kind (DeLong, DeLong & Clarke-Pearson 1988, Biometrics 44, p. 837).
    """
    kinds = {True: scores[positive], False: scores[~positive]}
    influence = np.zeros(len(scores))
    area = math.nan
    if all(map(len, kinds.values())):
        for kind, others in ((True, kinds[False]), (False, kinds[True])):
            ordered = others.sort().values
            ranks = [torch.searchsorted(ordered, kinds[kind], right=right) for right in (False, True)]
            below = torch.stack(ranks).double().mean(0) / len(others)
            in_order = (below if kind else 1 - below).numpy()
            area = float(in_order.mean())
            spread_of = math.sqrt(len(in_order) * max(1, len(in_order) - 1))  # which makes the variance unbiased
            influence[(positive == kind).numpy()] = (in_order - area) * len(scores) / spread_of
    return Metric(area, influence)


def _errors(outputs: Float[np.ndarray, "sets targets"], labels: Float[np.ndarray, "sets targets"]) -> dict[str, Metric]:
    """Of several targets the means, errors in units of each one's deviation; what is constant keeps its unit."""
    mae, rmse, r2 = [], [], []
    for given, known in zip(outputs.T, labels.T, strict=True):
        absolute, square = np.abs(given - known), np.square(given - known)
        spread = np.square(known - known.mean())
        errors = Metric(float(absolute.mean()), absolute), _root(Metric(float(square.mean()), square))
        if np.ptp(known) == 0:
            r2.append(Metric(math.nan, np.zeros(len(known))))
        else:
            variance = Metric(float(spread.mean()), spread)
            unexplained = _ratio(Metric(float(square.mean()), square), variance)
            r2.append(Metric(1 - unexplained.value, -unexplained.influence))
            if labels.shape[1] > 1:
                errors = _ratio(errors[0], _root(variance)), _ratio(errors[1], _root(variance))
        mae.append(errors[0])
        rmse.append(errors[1])
    return {"mae": _mean(mae), "rmse": _mean(rmse), "r2": _mean(r2)}


def _with_four(right: Float[np.ndarray, " bags"]) -> Float[np.ndarray, " more"]:
    """Also two bags that are right and two that are wrong, so that a share of 1 in few bags is not taken for certain.

    Agresti & Coull 1998, The American Statistician 52, p. 119.
    """
    return np.concatenate([right, [1, 1, 0, 0]])


def _mean_over_classes(right: Sequence[Float[np.ndarray, "_"]]) -> Metric:
    """The mean of each class's share of right answers; of few bags each counts for more."""
    padded = [_with_four(of_class) for of_class in right]
    bags = sum(map(len, padded))
    influence = [(of_class - of_class.mean()) * bags / len(of_class) / len(right) for of_class in padded]
    return Metric(float(np.mean([of_class.mean() for of_class in right])), np.concatenate(influence))


def _mean(metrics: Sequence[Metric]) -> Metric:
    values, influences = zip(*metrics, strict=True)
    return Metric(float(np.mean(values)), np.mean(influences, axis=0))


def _root(metric: Metric) -> Metric:
    """The delta method: √v changes by 1/(2√v) of what v does."""
    root = math.sqrt(metric.value)
    return Metric(root, metric.influence / (2 * root) if root else np.zeros_like(metric.influence))


def _ratio(above: Metric, below: Metric) -> Metric:
    """The delta method: u/v changes by (du − (u/v)·dv)/v."""
    ratio = above.value / below.value
    return Metric(ratio, (above.influence - ratio * below.influence) / below.value)


def _interval(known: Sequence[Metric], same_bags: bool, overlap: float) -> Interval:
    if not known:
        return Interval(math.nan, math.nan, math.nan)
    values = np.array([metric.value for metric in known])
    if same_bags:
        return crossed_interval(values, np.stack([metric.influence for metric in known]))
    return interval(values, overlap=overlap)


def _have_same_bags(results: Sequence[tuple[Tensor, Tensor]], overlap: float) -> bool:
    """Whether all seeds are tested on the same bags; folds never are."""
    return overlap == 0 and all(torch.equal(results[0][1], labels) for _, labels in results)


def over_seeds(
    name: str, of_seeds: Sequence[Metric], results: Sequence[tuple[Tensor, Tensor]], overlap: float
) -> dict[str, float | None]:
    """The mean of a share over seeds, and the ends of its interval, as in `measure`."""
    return _with_ends(name, _interval(of_seeds, _have_same_bags(results, overlap), overlap).clipped(0.0, 1.0))


def _with_ends(name: str, found: Interval) -> dict[str, float | None]:
    ends = zip(("", "_low", "_high"), found, strict=True)
    return {f"{name}{suffix}": None if math.isnan(number) else number for suffix, number in ends}
