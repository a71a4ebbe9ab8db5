"""Calibration: is a network right as often as it says? As it was trained, and with its temperature.

The calibration error is the expected one of Guo et al. 2017 (On Calibration of Modern Neural Networks,
arXiv:1706.04599): bags are put into 15 bins of equal width by the probability of their likeliest class, and in each bin
the mean probability is compared with the share of bags that are right. The bins hold the test bags of all networks
together, since those of one fold are too few for bins of their own.
"""

import math
from collections.abc import Sequence
from statistics import geometric_mean

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from permset.data.targets import Binary, Classes, predicted
from permset.evaluation.metrics import Metric, over_seeds

BINS = 15
Results = Sequence[tuple[Tensor, Tensor]]
"""outputs (sets, outputs) and labels (sets, 1) of each network"""
Bins = dict[str, np.ndarray]
"""how many `bags` each bin has, and their mean `confidence` and `accuracy`; NaN where it has none"""


def calibration(
    tested: Results,
    validated: Results,
    target: Binary | Classes,
    overlap: float = 0.0,
    posterior: Float[Tensor, " sets"] | None = None,
) -> tuple[dict[str, float | None], Bins]:
    """The calibration error on test bags with its interval, and how far probabilities are from the true posterior.

    What is `_scaled` is after temperature scaling. The bins are (2, bins), as trained and scaled.
    """
    temperatures = [temperature(*result, target) for result in validated]
    scaled = [(outputs.double() / by, labels) for (outputs, labels), by in zip(tested, temperatures, strict=True)]
    metrics: dict[str, float | None] = {"temperature": round(geometric_mean(temperatures), 4)}
    bins = []
    for suffix, results in (("", tested), ("_scaled", scaled)):
        found, errors = calibration_errors(results, target)
        bins.append(found)
        metrics |= over_seeds(f"calibration_error{suffix}", errors, results, overlap)
        if posterior is not None:
            distances = [(torch.sigmoid(outputs[:, 0].double()) - posterior).abs().numpy() for outputs, _ in results]
            of_seeds = [Metric(float(distance.mean()), distance) for distance in distances]
            metrics |= over_seeds(f"posterior_error{suffix}", of_seeds, results, overlap)
    return metrics, {name: np.stack([of_bins[name] for of_bins in bins]) for name in bins[0]}


def calibration_errors(results: Results, target: Binary | Classes) -> tuple[Bins, list[Metric]]:
    """The bins, and the error of each network: over them, the mean is the error of all together."""
    confidences = [confidence(outputs, target) for outputs, _ in results]
    right = [(predicted(outputs) == labels[:, 0]).double().numpy() for outputs, labels in results]
    places = [np.clip(np.ceil(BINS * shares).astype(int) - 1, 0, BINS - 1) for shares in confidences]
    counted, confident, true = (
        np.bincount(np.concatenate(places), weights, BINS)
        for weights in (None, np.concatenate(confidences), np.concatenate(right))
    )
    signs = np.sign(true - confident)
    signed = [
        signs[place] * (is_right - share) for place, is_right, share in zip(places, right, confidences, strict=True)
    ]
    means = [np.where(counted > 0, total / np.maximum(counted, 1), np.nan) for total in (confident, true)]
    bins = {"bags": counted, "confidence": means[0], "accuracy": means[1]}
    return bins, [Metric(float(values.mean()), values) for values in signed]


def confidence(outputs: Float[Tensor, "sets outputs"], target: Binary | Classes) -> Float[np.ndarray, " sets"]:
    """The probability of the likeliest class."""
    return target.reading(outputs.double().abs() if isinstance(target, Binary) else outputs.double()).numpy()


def temperature(
    outputs: Float[Tensor, "sets outputs"], labels: Float[Tensor, "sets 1"], target: Binary | Classes
) -> float:
    """What the outputs of a network are to be divided by, the likeliest number on bags of validation.

    A priori its logarithm is standard normal, which matters where bags are few: if all are right, as eight easily are,
    they alone would ask for a temperature of zero. Four digits, which do not depend on how the number is found.
    """
    from scipy.optimize import minimize_scalar  # Loading it takes half a second.

    outputs, labels = outputs.double(), labels.double()

    def cost(logarithm: float) -> float:
        return float(target.loss(outputs / math.exp(logarithm), labels)) + logarithm**2 / (2 * len(labels))

    return float(f"{math.exp(minimize_scalar(cost, bounds=(-5, 5), method='bounded').x):.4g}")
