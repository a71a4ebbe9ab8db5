"""Confidence intervals of means over seeds, and of what one run is ahead of another."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit


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
    mean, seeds = float(values.mean()), len(values)
    if seeds < 2:
        return Interval(mean, math.nan, math.nan)
    return _student(mean, [(float(values.var(ddof=1)) * (1 / seeds + overlap), seeds - 1)], confidence)


def crossed_interval(
    values: Float[np.ndarray, " seeds"], influence: Float[np.ndarray, "seeds bags"], confidence: float = 0.95
) -> Interval:
    """Mean over seeds and the ends of its t interval where all k seeds are tested on the same n bags.

    Seeds and bags are both drawn by chance, and crossed: the variance of the mean is s²/k + b²/n − e²/(kn). Here s² is
    the variance of values over seeds, b² the one over bags of their mean influence, and e² the one of what neither
    explains, which the other two both count (the random-effects analysis of variance of two ways; for readers and
    cases Gallas 2006, One-shot estimate of MRMC variance: AUC). Bags take nothing away: their part is no less than 0.
    The influence of a bag is n times what the value changes by its being there, to first order, up to a constant.
    Degrees of freedom are Satterthwaite's (1946), as Hillis (2007, section 3) takes them. From a single seed the
    interval has the bags' part alone: it holds for this network, not for others of its kind.
    """
    mean, scores = float(values.mean()), Scores.of(values, influence)
    if max(influence.shape) < 2:
        return Interval(mean, math.nan, math.nan)
    return _student(mean, [scores.of_seeds, _of_bags(scores.shared, scores.unexplained)], confidence)


class Scores(NamedTuple):
    """What the comparison of two runs on the same test bags asks of each."""

    values: Float[np.ndarray, " seeds"]
    shared: Float[np.ndarray, " bags"]
    """mean influence of each bag over the seeds; none where seeds have test bags of their own"""
    unexplained: float
    """variance of the mean over seeds and bags that neither explains, e²/(kn)"""
    overlap: float
    """of folds, as `interval` takes it"""

    @classmethod
    def of(cls, values: Float[np.ndarray, " seeds"], influence: Float[np.ndarray, "seeds bags"]) -> "Scores":
        """Of seeds that are all tested on the same bags."""
        seeds, bags = influence.shape
        centred = influence - influence.mean(1, keepdims=True)
        shared, unexplained = centred.mean(0), 0.0
        if seeds > 1 and bags > 1:
            squares = float(np.square(centred - shared).sum())
            unexplained = squares / ((seeds - 1) * (bags - 1) * seeds * bags)
        return cls(values, shared, unexplained, 0.0)

    @property
    def of_seeds(self) -> tuple[float, int]:
        """The seeds' part of the variance of the mean, and its degrees of freedom."""
        seeds = len(self.values)
        return (float(self.values.var(ddof=1)) / seeds if seeds > 1 else 0.0), seeds - 1


def difference(first: Scores, second: Scores, confidence: float = 0.95) -> Interval:
    """Mean of the first minus mean of the second, of which the seeds are independent and the test bags the same.

    What both get right, or both get wrong, says nothing of which is better: the bags' part is that of the difference
    of the two runs' influences. Of folds it is the corrected resampled t interval (Nadeau & Bengio 2003) of the folds'
    differences.
    """
    if not len(first.shared):
        folds = min(len(first.values), len(second.values))
        return interval(first.values[:folds] - second.values[:folds], confidence, first.overlap)
    of_bags = _of_bags(first.shared - second.shared, first.unexplained + second.unexplained)
    mean = float(first.values.mean() - second.values.mean())
    return _student(mean, [first.of_seeds, second.of_seeds, of_bags], confidence)


def shortfalls(scores: Mapping[str, Scores], more_is_better: bool) -> dict[str, Interval]:
    """By how much each run falls short of the one with the best mean, on the same test bags; that one by nothing."""
    sign = 1 if more_is_better else -1
    best = max(scores, key=lambda run: sign * scores[run].values.mean())
    found = {}
    for run, own in scores.items():
        pair = (scores[best], own) if more_is_better else (own, scores[best])
        found[run] = Interval(0.0, 0.0, 0.0) if run == best else difference(*pair)
    return found


def _of_bags(shared: Float[np.ndarray, " bags"], unexplained: float) -> tuple[float, int]:
    """The bags' part of the variance of a mean, and its degrees of freedom."""
    bags = len(shared)
    return (max(0.0, float(shared.var(ddof=1)) / bags - unexplained) if bags > 1 else 0.0), bags - 1


def _student(mean: float, parts: Sequence[tuple[float, int]], confidence: float) -> Interval:
    """From the parts of the variance of a mean, each with its degrees of freedom, by Satterthwaite's for their sum."""
    variance = sum(part for part, _ in parts)
    squares = sum(part**2 / degrees for part, degrees in parts if part > 0)
    if squares == 0:  # also where a variance is too small to be squared
        return Interval(mean, mean, mean)
    half = float(stdtrit(variance**2 / squares, (1 + confidence) / 2)) * math.sqrt(variance)
    return Interval(mean, mean - half, mean + half)
