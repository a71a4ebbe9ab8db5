"""Confidence intervals of means over seeds."""

import math
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
    return _student(mean, float(values.var(ddof=1)) * (1 / seeds + overlap), float(seeds - 1), confidence)


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
    (seeds, bags), mean = influence.shape, float(values.mean())
    if max(seeds, bags) < 2:
        return Interval(mean, math.nan, math.nan)
    centred = influence - influence.mean(1, keepdims=True)
    shared = centred.mean(0)
    of_seeds = float(values.var(ddof=1)) / seeds if seeds > 1 else 0.0
    of_bags = float(shared.var(ddof=1)) / bags if bags > 1 else 0.0
    if seeds > 1 and bags > 1:
        unexplained = float(np.square(centred - shared).sum()) / ((seeds - 1) * (bags - 1))
        of_bags = max(0.0, of_bags - unexplained / (seeds * bags))
    variance = of_seeds + of_bags
    if variance == 0:
        return Interval(mean, mean, mean)
    uncertain = sum(part**2 / (count - 1) for part, count in ((of_seeds, seeds), (of_bags, bags)) if part > 0)
    return _student(mean, variance, variance**2 / uncertain, confidence)


def _student(mean: float, variance: float, freedom: float, confidence: float) -> Interval:
    half = float(stdtrit(freedom, (1 + confidence) / 2)) * math.sqrt(variance)
    return Interval(mean, mean - half, mean + half)
