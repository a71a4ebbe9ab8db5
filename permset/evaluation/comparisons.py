"""Which of two runs is better, or whether they are practically equal: the Bayesian correlated t-test.

The posterior of the mean difference of two runs is Student's t (Corani & Benavoli 2015, Machine Learning 100; Benavoli,
Corani, Demšar & Zaffalon 2017, Journal of Machine Learning Research 18(77)). Its central 95% is the interval that
`intervals.difference` has. Beside the chances that one run is better or worse, it gives the chance that they differ by
no more than what matters to nobody.
"""

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import stdtr

from permset.evaluation.intervals import Scores

Verdict = Literal["better", "equal", "worse", "undecided"]
REGION = 0.01
"""difference below which two runs are practically equal: a point of accuracy; see `region_of_errors` for errors"""
SURE = 0.95
"""least chance of what is said"""


class Chances(NamedTuple):
    """Rounded as tables show them, so that no verdict hangs on a last bit, which processors may not share."""

    worse: float
    equal: float
    better: float

    @property
    def verdict(self) -> Verdict:
        """Of one run against another; undecided where no chance is large enough."""
        given: dict[Verdict, float] = {"better": self.better, "equal": self.equal, "worse": self.worse}
        return next((verdict for verdict, chance in given.items() if chance >= SURE), "undecided")

    @property
    def swapped(self) -> "Chances":
        """Of the other run against the one."""
        return Chances(self.better, self.equal, self.worse)


class Posterior(NamedTuple):
    """Student's t distribution of what one run is ahead of another."""

    mean: float
    scale: float
    degrees: float

    def chances(self, region: float = REGION) -> Chances:
        if self.scale == 0:
            worse, better = float(self.mean < -region), float(self.mean > region)
        else:
            ends = (-region - self.mean) / self.scale, (self.mean - region) / self.scale
            worse, better = (float(stdtr(self.degrees, end)) for end in ends)
        return Chances(round(worse, 3), round(max(0.0, 1 - worse - better), 3), round(better, 3))


class Comparison(NamedTuple):
    run: str
    other: str
    ahead: float
    """by how much the run is better than the other"""
    region: float
    worse: float
    equal: float
    better: float
    verdict: Verdict

    @property
    def chances(self) -> Chances:
        return Chances(self.worse, self.equal, self.better)


def correlated_t(differences: Float[np.ndarray, " pairs"], correlation: float = 0.0) -> Posterior:
    """Of differences on the same folds or seeds that are correlated: the variance of the mean is (1/n + ρ/(1−ρ))·s².

    Folds share bags of training, and ρ is the share of the bags that a fold is tested on. A single pair tells nothing.
    """
    pairs = len(differences)
    if pairs < 2:
        return Posterior(float(differences.mean()), math.inf, 1)
    variance = (1 / pairs + correlation / (1 - correlation)) * float(differences.var(ddof=1))
    return Posterior(float(differences.mean()), math.sqrt(variance), pairs - 1)


def posterior(first: Scores, second: Scores) -> Posterior:
    """Of what the first is ahead of the second, if more is better.

    Seeds that are tested on the same bags are correlated too: a test set that suits one run better does so for all of
    its seeds. How much is not assumed but estimated. The bags' part b² of the variance of the mean is that of the
    difference of the two runs' influences; ρ = b²/(b² + s²) makes (1/n + ρ/(1−ρ))·s² into s²/n + b². Seeds are
    independent, so that s² is the sum of both runs', and degrees of freedom are Satterthwaite's, as in the intervals.
    """
    if not len(first.shared):
        return correlated_t(first.values - second.values, first.overlap / (1 + first.overlap))
    bags, mean = len(first.shared), float(first.values.mean() - second.values.mean())
    of_bags = float((first.shared - second.shared).var()) / max(1, bags - 1) - first.unexplained - second.unexplained
    parts = [first.of_seeds, second.of_seeds, (max(0.0, of_bags), bags - 1)]
    squares = sum(part**2 / degrees for part, degrees in parts if part > 0)
    if squares == 0:  # also where a variance is too small to be squared
        return Posterior(mean, 0.0, 1)
    variance = sum(part for part, _ in parts)
    return Posterior(mean, math.sqrt(variance), variance**2 / squares)


def comparisons(scores: Mapping[str, Scores], region: float, more_is_better: bool) -> list[Comparison]:
    """Every pair of the runs of a task."""
    found = []
    for run, other in combinations(scores, 2):
        pair = (scores[run], scores[other]) if more_is_better else (scores[other], scores[run])
        ahead = posterior(*pair)
        chances = ahead.chances(region)
        found.append(Comparison(run, other, ahead.mean, region, *chances, chances.verdict))
    return found


def both_ways(chances: Mapping[tuple[str, str], Chances]) -> dict[tuple[str, str], Chances]:
    """Of each run against each other one, from every pair once."""
    return {**chances, **{(other, run): found.swapped for (run, other), found in chances.items()}}


def region_of_errors(targets: Float[np.ndarray, "bags targets"]) -> float:
    """A hundredth of the mean absolute error of the best constant answer, the median, in the score's own unit.

    For accuracy, a point is a hundredth of all there is; this is the same for errors. Of several targets it is the mean
    over them in deviations, as the score is.
    """
    targets = targets.astype(np.float64)
    errors = np.abs(targets - np.median(targets, axis=0)).mean(0)
    if targets.shape[1] > 1:
        spread = targets.std(0)
        errors = errors / np.where(spread > 0, spread, 1.0)
    return REGION * float(errors.mean())
