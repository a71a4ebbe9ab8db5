"""Chances against closed forms, a posterior that is summed over a grid, and the intervals of the same differences."""

import math

import numpy as np
import pytest
from scipy.special import stdtrit

from permset.evaluation.comparisons import (
    Chances,
    Posterior,
    both_ways,
    comparisons,
    correlated_t,
    posterior,
    region_of_errors,
)
from permset.evaluation.intervals import Scores, difference

DIFFERENCES = np.array([0.03, -0.01, 0.02, 0.05, 0.015])


def crossed(rng: np.random.Generator, seeds: int, mean: float = 0.0) -> Scores:
    """A run of so many seeds, all tested on the same 40 bags."""
    cells = mean + rng.normal(size=(seeds, 1)) + rng.normal(size=(1, 40)) + rng.normal(size=(seeds, 40))
    return Scores.of(cells.mean(1), cells)


def folds(values: list[float], overlap: float = 0.0) -> Scores:
    return Scores(np.array(values), np.empty(0), 0.0, overlap)


def test_runs_without_any_spread_are_compared_by_their_means() -> None:
    def of(mean: float) -> Scores:
        return Scores.of(np.full(3, mean), np.full((3, 40), mean))

    assert posterior(of(0.75), of(0.75)).chances() == (0, 1, 0)
    assert posterior(of(0.75), of(0.5)).chances() == (0, 0, 1)
    assert posterior(of(0.5), of(0.75)).chances() == (1, 0, 0)


def summed(differences: np.ndarray, correlation: float, region: float) -> tuple[float, float, float]:
    """Over a grid of means and deviations: the likelihood of correlated normal numbers, under the prior 1/σ."""
    n = len(differences)
    covariance = (1 - correlation) * np.eye(n) + correlation
    inverse = np.linalg.inv(covariance)
    steps = np.linspace(-9, 9, 4001)
    means, widths = differences.mean() + 0.02 * np.sinh(steps), np.cosh(steps)
    deviations = np.exp(np.linspace(-9, 6, 1500))
    away = differences - means[:, None]
    squares = np.einsum("mi,ij,mj->m", away, inverse, away)
    exponents = -squares[:, None] / (2 * deviations**2) - n * np.log(deviations)
    weights = np.exp(exponents - exponents.max()).sum(1) * widths
    parts = weights[means < -region], weights[np.abs(means) <= region], weights[means > region]
    return tuple(float(part.sum() / weights.sum()) for part in parts)


@pytest.mark.parametrize("correlation", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("region", [0.0, 0.01, 0.03])
def test_chances_are_those_of_the_likelihood_of_correlated_differences(correlation: float, region: float) -> None:
    found = correlated_t(DIFFERENCES, correlation).chances(region)
    assert found == pytest.approx(summed(DIFFERENCES, correlation, region), abs=0.002)
    if correlation:
        independent = summed(DIFFERENCES, 0.0, region)
        assert found != pytest.approx(independent, abs=0.002), "the control: differences as if they were independent"


def test_chances_of_two_differences_are_those_of_a_cauchy_distribution() -> None:
    found = correlated_t(np.array([0.02, 0.06]), correlation=0.2)
    scale = 0.02 * math.sqrt(2) * math.sqrt(1 / 2 + 0.25)
    better, worse = (0.5 + math.atan((sign * 0.04 - 0.01) / scale) / math.pi for sign in (1, -1))
    assert found.chances(0.01) == pytest.approx((worse, 1 - better - worse, better), abs=0.0006)


@pytest.mark.parametrize(("of_first", "of_second"), [(6, 6), (6, 9), (1, 1), (1, 4)])
def test_the_posterior_has_the_interval_of_the_difference(of_first: int, of_second: int) -> None:
    """On the same bags, and of folds."""
    rng = np.random.default_rng(0)
    pairs = [(crossed(rng, of_first, 1.0), crossed(rng, of_second))]
    if of_first == of_second > 1:
        pairs.append((folds([*rng.normal(size=of_first)], 0.25), folds([*rng.normal(size=of_first)], 0.25)))
    for first, second in pairs:
        mean, scale, degrees = posterior(first, second)
        half = stdtrit(degrees, 0.975) * scale
        assert (mean, mean - half, mean + half) == pytest.approx(difference(first, second))


def test_the_other_way_round_the_chances_are_swapped() -> None:
    rng = np.random.default_rng(0)
    for first, second in ((crossed(rng, 6), crossed(rng, 6)), (folds([0.9, 0.7, 0.8]), folds([0.7, 0.7, 0.9]))):
        worse, equal, better = posterior(first, second).chances(0.1)
        assert worse != better
        assert min(worse, equal, better) > 0
        assert posterior(second, first).chances(0.1) == (better, equal, worse)
        assert both_ways({("a", "b"): Chances(worse, equal, better)})["b", "a"] == (better, equal, worse)


def test_differences_without_any_spread_leave_no_doubt() -> None:
    for ahead, verdict in ((0.0, "equal"), (0.0099, "equal"), (0.02, "better"), (-0.02, "worse")):
        assert correlated_t(np.full(4, ahead), 0.1).chances().verdict == verdict
    same = Scores.of(np.full(3, 0.7), np.zeros((3, 20)))
    assert posterior(same, same).chances() == (0, 1, 0)
    assert Posterior(0.0, 0.0, 1).chances(0.0) == (0, 1, 0)


def test_test_bags_that_favour_one_run_are_a_source_of_doubt_although_all_seeds_agree() -> None:
    values, influence = np.full(5, 0.5), np.random.default_rng(0).normal(size=(1, 30)) + np.zeros((5, 1))
    ahead = posterior(Scores.of(values + 0.1, influence), Scores.of(values, -influence))
    assert ahead.scale == pytest.approx(2 * influence[0].std(ddof=1) / math.sqrt(30))
    assert ahead.chances().verdict == "undecided"
    assert correlated_t(np.full(5, 0.1)).chances().verdict == "better", "the control: as if bags were all there are"


def test_a_single_pair_decides_nothing() -> None:
    assert correlated_t(np.array([0.3])).chances() == (0.5, 0, 0.5)


@pytest.mark.parametrize(
    ("chances", "verdict"),
    [
        ((0.0, 0.05, 0.95), "better"),
        ((0.0, 0.051, 0.949), "undecided"),
        ((0.95, 0.05, 0.0), "worse"),
        ((0.02, 0.95, 0.03), "equal"),
        ((0.0, 0.949, 0.051), "undecided"),
    ],
)
def test_what_is_said_is_as_certain_as_it_has_to_be(chances: tuple[float, float, float], verdict: str) -> None:
    assert Chances(*chances).verdict == verdict


def test_every_pair_is_compared_once_and_of_errors_less_is_better() -> None:
    scores = {"a": folds([0.2, 0.21, 0.2]), "b": folds([0.3, 0.31, 0.3]), "c": folds([0.305, 0.315, 0.305])}
    found = comparisons(scores, 0.01, more_is_better=True)
    assert [(pair.run, pair.other, pair.verdict) for pair in found] == [
        ("a", "b", "worse"),
        ("a", "c", "worse"),
        ("b", "c", "equal"),
    ]
    assert found[0].ahead == pytest.approx(-0.1)
    errors = comparisons(scores, 0.001, more_is_better=False)
    assert [pair.verdict for pair in errors] == ["better", "better", "better"]
    assert errors[0].ahead == pytest.approx(0.1)
    assert errors[0].region == 0.001


def test_errors_are_practically_equal_within_a_hundredth_of_what_a_constant_answer_has() -> None:
    y = np.array([[0.0], [1.0], [2.0], [3.0], [14.0]])
    assert region_of_errors(y) == pytest.approx(0.01 * (2 + 1 + 0 + 1 + 12) / 5)
    deviations = 0.01 * 3.2 / y.std()
    assert region_of_errors(np.hstack([y, 1000 * y])) == pytest.approx(deviations), "several, in deviations"
    assert region_of_errors(np.hstack([y, np.ones_like(y)])) == pytest.approx(deviations / 2), "one is constant"
