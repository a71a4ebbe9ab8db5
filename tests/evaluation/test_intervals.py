"""Intervals against what they claim to hold, where seeds and test bags are drawn by chance."""

import math

import numpy as np
import pytest
import torch
from scipy.special import stdtrit
from torch import Tensor

from permset.data.targets import Binary, Classes, Real, Target
from permset.evaluation.intervals import crossed_interval, difference, interval, shortfalls
from permset.evaluation.metrics import measure, scores, seed_metrics

TARGETS: list[Target] = [Binary(), Classes(3), Real(1), Real(2)]
DRAWS = 150


def drawn(target: Target, seeds: int, bags: int, rng: np.random.Generator) -> list[tuple[Tensor, Tensor]]:
    """Outputs and labels: seeds differ in skill, bags in what all seeds see of them, and each pair has some noise."""
    several = target.outputs
    skill = 1 + 0.1 * rng.normal(size=(seeds, 1, 1))
    bag, noise = rng.normal(size=(bags, several)), 0.5 * rng.normal(size=(seeds, bags, several))
    match target:
        case Real():
            y = rng.normal(size=(bags, several)) * np.array([1, 1000])[:several]
            outputs = skill * y + (bag + noise) * np.array([1, 1000])[:several] / 2
        case Binary():
            y = (rng.random((bags, 1)) < 0.3).astype(float)
            outputs = skill * (2 * y - 1) + bag + noise
        case Classes():
            y = rng.integers(several, size=(bags, 1)).astype(float)
            outputs = 1.5 * skill * (y == np.arange(several)) + bag + noise
    return [(torch.as_tensor(one), torch.as_tensor(y)) for one in outputs]


def truth(target: Target) -> dict[str, float]:
    """The mean over many seeds and bags."""
    results = drawn(target, 30, 20_000, np.random.default_rng(1))
    of_seeds = [seed_metrics(*result, target) for result in results]
    return {name: float(np.mean([one[name].value for one in of_seeds])) for name in of_seeds[0]}


def coverage(target: Target, seeds: int, bags: int) -> dict[str, tuple[float, float]]:
    """How often intervals hold the truth, over draws of both; and how often those of the seeds alone do."""
    rng, true = np.random.default_rng(0), truth(target)
    held: dict[str, list[tuple[bool, bool]]] = {name: [] for name in true}
    for _ in range(DRAWS):
        results = drawn(target, seeds, bags, rng)
        of_seeds = [seed_metrics(*result, target) for result in results]
        for name, value in true.items():
            values, influence = map(np.array, zip(*(one[name] for one in of_seeds), strict=True))
            both = crossed_interval(values, influence), interval(values)
            held[name].append(tuple(low <= value <= high for _, low, high in both))
    return {name: tuple(np.mean(pairs, axis=0)) for name, pairs in held.items()}


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_intervals_hold_the_mean_over_seeds_and_bags_as_often_as_they_say(target: Target) -> None:
    for name, (held, of_seeds_alone) in coverage(target, seeds=8, bags=100).items():
        assert 0.89 <= held <= 0.99, name
        assert of_seeds_alone < 0.8, f"the control: {name} as if the bags were all there are"


def test_machines_that_are_alike_are_as_uncertain_as_their_test_bags() -> None:
    """A share p of n bags, as Agresti and Coull have it; of few bags that are all right, not certainty."""
    for right, low, high in ((74, 0.85, 0.995), (80, 0.96, 1)):
        labels = torch.ones(80, 1)
        outputs = torch.where(torch.arange(80).unsqueeze(-1) < right, 1.0, -1.0)
        table = measure([(outputs, labels)] * 5)
        assert table["accuracy"] == right / 80
        assert table["accuracy_low"] == pytest.approx(low, abs=0.012)
        assert table["accuracy_high"] == pytest.approx(high, abs=0.012)
        share = (right + 2) / 84
        half = 1.99 * math.sqrt(share * (1 - share) / 83)
        assert table["accuracy"] - table["accuracy_low"] == pytest.approx(half, rel=0.01)


def test_the_variance_is_that_of_two_ways_without_what_both_would_count() -> None:
    """By the textbook: (seeds' mean square + bags' − the remainder's) / (kn)."""
    rng = np.random.default_rng(0)
    k, n = 5, 40
    cells = rng.normal(size=(k, 1)) + rng.normal(size=(1, n)) + rng.normal(size=(k, n))
    seeds, bags, mean = cells.mean(1, keepdims=True), cells.mean(0, keepdims=True), cells.mean()
    of_seeds, of_bags = n * np.square(seeds - mean).sum() / (k - 1), k * np.square(bags - mean).sum() / (n - 1)
    rest = np.square(cells - seeds - bags + mean).sum() / ((k - 1) * (n - 1))
    parts = np.array([of_seeds, of_bags - rest]) / (k * n)
    freedom = parts.sum() ** 2 / (parts**2 / [k - 1, n - 1]).sum()
    found = crossed_interval(cells.mean(1), cells)
    assert found.high - found.mean == pytest.approx(stdtrit(freedom, 0.975) * math.sqrt(parts.sum()))
    assert found.mean == pytest.approx((found.low + found.high) / 2)


def test_bags_that_explain_nothing_take_nothing_away() -> None:
    cells = np.array([[1.0, -1.0, 1.0, -1.0], [-1.0, 1.0, -1.0, 1.0]]) + np.array([[0.0], [1.0]])
    assert crossed_interval(cells.mean(1), cells) == pytest.approx(interval(cells.mean(1)))


def test_folds_have_the_error_of_their_bags_in_their_spread() -> None:
    results = drawn(Binary(), 6, 50, np.random.default_rng(0))
    values = np.array([seed_metrics(*result, Binary())["loss"].value for result in results])
    table = measure(results, overlap=0.2)
    assert (table["loss"], table["loss_low"], table["loss_high"]) == pytest.approx(interval(values, overlap=0.2))
    crossed = measure(results)
    assert crossed["loss_low"] < table["loss_low"], "the control"


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_the_influence_of_a_bag_is_what_the_metric_changes_by_it(target: Target) -> None:
    """Against leaving it out: the jackknife's values, which differ in higher orders alone."""
    [(outputs, labels)] = drawn(target, 1, 300, np.random.default_rng(2))
    found = seed_metrics(outputs, labels, target)
    found.pop("balanced_accuracy", None)  # whose influence stands in the order of classes
    for name, (value, influence) in found.items():
        left_out = []
        for bag in range(40):
            others = torch.arange(300) != bag
            left_out.append(299 * (value - seed_metrics(outputs[others], labels[others], target)[name].value))
        expected = influence[:40] - influence.mean()
        np.testing.assert_allclose(left_out, expected, atol=0.1 * np.abs(expected).max(), err_msg=name)


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_intervals_of_a_single_seed_are_those_of_its_bags(target: Target) -> None:
    """They say how it would do on all bags."""
    rng = np.random.default_rng(0)
    lengths: dict[int, list[float]] = {}
    for bags in (100, 400):
        tables = [measure(drawn(target, 1, bags, rng), target) for _ in range(20)]
        lengths[bags] = [
            float(np.mean([table[f"{name}_high"] - table[f"{name}_low"] for table in tables]))
            for name in ("loss", "r2" if isinstance(target, Real) else "auc")
        ]
    np.testing.assert_allclose(lengths[400], np.array(lengths[100]) / 2, rtol=0.15)


def two_runs(bags: int, rng: np.random.Generator, ahead: float) -> tuple[list[tuple[Tensor, Tensor]], ...]:
    """Two runs of six and of nine seeds on the same bags, most of which are easy or hard for both."""
    y = (rng.random((bags, 1)) < 0.5).astype(float)
    bag = 1.5 * rng.normal(size=(bags, 1))

    def outputs(seeds: int, skill: float) -> list[tuple[Tensor, Tensor]]:
        seed, noise = 0.05 * rng.normal(size=(seeds, 1, 1)), 0.4 * rng.normal(size=(seeds, bags, 1))
        return [(torch.as_tensor(one), torch.as_tensor(y)) for one in (skill + seed) * (2 * y - 1) + bag + noise]

    return outputs(6, 1 + ahead), outputs(9, 1.0)


def test_the_difference_of_two_runs_is_held_as_often_as_its_interval_says() -> None:
    rng = np.random.default_rng(0)
    first, second = two_runs(400_000, np.random.default_rng(1), 0.2)
    true = scores(first).values.mean() - scores(second).values.mean()
    held, apart, overlapping = [], [], []
    for _ in range(150):
        first, second = two_runs(400, rng, 0.2)
        _, low, high = difference(scores(first), scores(second))
        held.append(low <= true <= high)
        apart.append(low > 0)
        overlapping.append(measure(first)["accuracy_low"] <= measure(second)["accuracy_high"])
    assert 0.89 <= np.mean(held) <= 0.99
    assert np.mean(apart) > 0.6, "the better run is found"
    assert np.mean(overlapping) > 0.9, "the control: the intervals of the two runs overlap"


def test_runs_that_are_equally_good_are_rarely_told_apart() -> None:
    rng = np.random.default_rng(2)
    apart = []
    for _ in range(150):
        _, low, high = difference(*map(scores, two_runs(400, rng, 0.0)))
        apart.append(not low <= 0 <= high)
    assert np.mean(apart) <= 0.11


def test_the_difference_of_folds_is_the_interval_of_their_differences() -> None:
    rng = np.random.default_rng(0)
    first, second = ([drawn(Binary(), 1, 50, rng)[0] for _ in range(count)] for count in (6, 8))
    differences = scores(first, overlap=0.2).values - scores(second, overlap=0.2).values[:6]
    found = difference(scores(first, overlap=0.2), scores(second, overlap=0.2))
    assert found == pytest.approx(interval(differences, overlap=0.2))


@pytest.mark.parametrize("names", ["abc", "bca", "cab"])
@pytest.mark.parametrize("more_is_better", [True, False])
def test_runs_fall_short_of_the_best(more_is_better: bool, names: str) -> None:
    rng = np.random.default_rng(0)
    target: Target = Binary() if more_is_better else Real(1)
    runs = {name: scores(drawn(target, 3, 80, rng), target) for name in names}
    found = shortfalls(runs, more_is_better)
    means = {name: run.values.mean() * (1 if more_is_better else -1) for name, run in runs.items()}
    best = max(means, key=means.__getitem__)
    assert found.pop(best) == (0, 0, 0)
    for name, (gap, low, high) in found.items():
        assert gap == pytest.approx(means[best] - means[name])
        assert low < gap < high


def test_values_that_hardly_differ_have_an_interval_of_no_width() -> None:
    """Their variance is a number, and its square is zero."""
    values = np.array([0.0, 2e-90])
    assert values.var(ddof=1) > 0
    assert interval(values) == (1e-90, 1e-90, 1e-90)
