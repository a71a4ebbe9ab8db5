"""Metrics against scikit-learn's, and intervals against what they claim to hold."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from drawn_outputs import TARGETS, draw
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    log_loss,
    mean_absolute_error,
    mean_squared_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)
from torch import Tensor

from permset.data.randomness import generator
from permset.data.targets import Binary, Classes, Real, Target, accuracy, binary_cross_entropy
from permset.evaluation.intervals import Interval, interval
from permset.evaluation.metrics import area_under_roc, measure
from permset.evaluation.metrics import seed_metrics as metrics_with_influence


def seed_metrics(outputs: Tensor, labels: Tensor, target: Target) -> dict[str, float]:
    return {name: metric.value for name, metric in metrics_with_influence(outputs, labels, target).items()}


def test_accuracy_loss_and_regret_of_known_outputs() -> None:
    logits = torch.tensor([[[9.0], [-9.0], [9.0], [-9.0]], [[9.0], [-9.0], [-9.0], [9.0]]])
    labels = torch.tensor([[1.0], [0.0], [1.0], [0.0]])
    np.testing.assert_allclose(accuracy(logits, labels), [1, 0.5])
    right, wrong = math.log1p(math.exp(-9)), math.log1p(math.exp(9))
    np.testing.assert_allclose(binary_cross_entropy(logits.double(), labels.double()), [right, (right + wrong) / 2])
    metrics = measure([(one, labels) for one in logits], bayes_accuracy=1.0)
    assert (metrics["accuracy"], metrics["regret"], metrics["num_seeds"]) == (0.75, 0.25, 2)
    assert (metrics["accuracy_low"], metrics["accuracy_high"]) == (0, 1), "the t interval of two seeds is wider"
    assert (metrics["regret_low"], metrics["regret_high"]) == (0, 1)
    many = measure([(one, labels) for one in logits.repeat(20, 1, 1)], bayes_accuracy=1.0)
    mean, low, _ = interval(np.tile([1, 0.5], 20))
    assert many["accuracy"] == mean
    assert many["accuracy_low"] < low, "four bags are few"
    assert many["regret_high"] == pytest.approx(1 - many["accuracy_low"])


def test_the_interval_holds_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    ends = [interval(rng.normal(3, 2, 5))[1:] for _ in range(2000)]
    held = np.mean([low <= 3 <= high for low, high in ends])
    assert abs(held - 0.95) < 0.015


def test_from_one_seed_and_one_bag_no_interval_follows() -> None:
    metrics = measure([(torch.ones(1, 1), torch.tensor([[1.0]]))])
    assert metrics["accuracy"] == 1
    assert (metrics["loss_low"], metrics["loss_high"]) == (None, None)
    assert interval(np.ones(1))[0] == 1
    assert np.isnan(interval(np.ones(1))[1:]).all()


SCORES = st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=1, max_size=30)


@settings(max_examples=150)
@given(SCORES)
def test_the_area_under_the_curve_counts_pairs(bags: list[tuple[int, bool]]) -> None:
    """With many ties; against a loop over pairs, and against scikit-learn."""
    scores, positive = (torch.tensor(values) for values in zip(*bags, strict=True))
    area = area_under_roc(scores.float(), positive).value
    pairs = [(a > b) + (a == b) / 2 for a, is_a in bags if is_a for b, is_b in bags if not is_b]
    if not pairs:
        assert math.isnan(area)
        return
    assert area == pytest.approx(np.mean(pairs))
    assert area == pytest.approx(roc_auc_score(positive, scores))
    assert area_under_roc(-scores.float(), positive).value == pytest.approx(1 - area)


@settings(max_examples=60)
@given(SCORES.filter(lambda bags: len({label for _, label in bags}) == 2))
def test_metrics_of_two_classes_are_scikit_learns(bags: list[tuple[int, bool]]) -> None:
    logits, labels = (torch.tensor(values).double().unsqueeze(-1) for values in zip(*bags, strict=True))
    metrics = seed_metrics(logits, labels, Binary())
    expected = {
        "accuracy": accuracy_score(labels, logits > 0),
        "balanced_accuracy": balanced_accuracy_score(labels[:, 0], logits[:, 0] > 0),
        "auc": roc_auc_score(labels[:, 0], logits[:, 0]),
        "loss": log_loss(labels[:, 0], logits[:, 0].sigmoid()),
    }
    assert metrics == pytest.approx(expected)


def unbalanced() -> tuple[Tensor, Tensor]:
    """Logits and labels of three classes of which one is rare."""
    draws = generator(0, "unbalanced")
    labels = torch.tensor([0] * 60 + [1] * 30 + [2] * 10).unsqueeze(-1).double()
    return torch.randn(100, 3, generator=draws, dtype=torch.float64) + (labels == torch.arange(3)), labels


def test_metrics_of_several_classes_are_scikit_learns() -> None:
    """One class against the rest, by probabilities that are as good as given: logits whose softmax they are."""
    logits, labels = unbalanced()
    probabilities, target = logits.softmax(-1), Classes(3)
    metrics = seed_metrics(probabilities.log(), labels, target)
    expected = {
        "accuracy": accuracy_score(labels, logits.argmax(1)),
        "balanced_accuracy": balanced_accuracy_score(labels[:, 0], logits.argmax(1)),
        "auc": roc_auc_score(labels[:, 0], probabilities, multi_class="ovr", average="macro"),
        "loss": log_loss(labels[:, 0], probabilities),
    }
    assert metrics == pytest.approx(expected)
    assert abs(metrics["accuracy"] - metrics["balanced_accuracy"]) > 0.01, "the control: classes have sizes"


def test_what_does_not_change_probabilities_does_not_change_metrics() -> None:
    """A number added to all logits of a bag."""
    logits, labels = unbalanced()
    added = 3 * torch.randn(len(logits), 1, generator=generator(1, "unbalanced"), dtype=torch.float64)
    target = Classes(3)
    assert seed_metrics(logits + added, labels, target) == pytest.approx(seed_metrics(logits, labels, target))


@settings(max_examples=40)
@given(st.integers(2, 40), st.integers(1, 3), st.integers(0, 99), st.floats(-1e3, 1e3))
def test_metrics_of_real_targets_are_scikit_learns(sets: int, outputs: int, seed: int, offset: float) -> None:
    predicted, labels = draw(Real(outputs), sets=sets, seed=seed)
    predicted, labels = predicted + offset, labels + offset
    unit = 1 if outputs == 1 else labels.std(0, correction=0).numpy()
    for error, loss in (("squared", mean_squared_error), ("absolute", mean_absolute_error)):
        metrics = seed_metrics(predicted, labels, Real(outputs, error))  # type: ignore[arg-type]
        expected = {
            "mae": np.mean(mean_absolute_error(labels, predicted, multioutput="raw_values") / unit),
            "rmse": np.mean(root_mean_squared_error(labels, predicted, multioutput="raw_values") / unit),
            "r2": r2_score(labels, predicted),
            "loss": loss(labels, predicted),
        }
        assert metrics == pytest.approx(expected)
        assert metrics["mae"] == pytest.approx(float(Real(outputs).score(predicted, labels)))


def test_errors_of_several_targets_do_not_depend_on_their_units() -> None:
    """A thousandth of the one, and the other, in the units of the file, side by side."""
    predicted, labels = draw(Real(2), 3)
    units, target = torch.tensor([1e-3, 1e3]), Real(2, names=("mass", "energy"))
    table, other = (measure([(one * unit, labels * unit) for one in predicted], target) for unit in (1, units))
    for name in ("mae", "rmse", "r2"):
        for end in ("", "_low", "_high"):
            assert other[f"{name}{end}"] == pytest.approx(table[f"{name}{end}"])
    alone = mean_absolute_error(labels[:, 0].expand(3, -1).T, predicted[:, :, 0].T)
    assert other["targets"]["mass"]["mae"] == pytest.approx(1e-3 * alone)
    energy = measure([(one[:, [1]] * 1e3, labels[:, [1]] * 1e3) for one in predicted], Real(1))
    assert other["targets"]["energy"] == pytest.approx({name: energy[name] for name in other["targets"]["energy"]})
    assert list(measure([(predicted[0], labels)], Real(2))["targets"]) == ["target 0", "target 1"]


def test_a_target_that_is_constant_keeps_its_unit() -> None:
    labels = torch.tensor([[1.0, 7.0], [3.0, 7.0]])
    outputs = labels + torch.tensor([2.0, 5.0])
    assert seed_metrics(outputs, labels, Real(2))["mae"] == pytest.approx((2 / 1 + 5) / 2)
    assert float(Real(2).score(outputs, labels)) == pytest.approx((2 / 1 + 5) / 2)


def test_metrics_of_float32_outputs_have_float64s_digits() -> None:
    predicted, labels = (values.float() for values in draw(Real(1), sets=3000))
    metrics = seed_metrics(predicted + 1000, labels + 1000, Real(1))
    exact = seed_metrics((predicted + 1000).double(), (labels + 1000).double(), Real(1))
    assert metrics == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("target", TARGETS[:2], ids=lambda t: type(t).__name__)
def test_a_metric_that_is_not_defined_is_none(target: Target) -> None:
    outputs, labels = draw(target)
    alone = torch.ones_like(labels)
    metrics = seed_metrics(outputs, alone, target)
    assert math.isnan(metrics["auc"])
    assert metrics["accuracy"] == metrics["balanced_accuracy"] == target.score(outputs, alone).item()
    table = measure([(outputs, alone)] * 3, target)
    assert (table["auc"], table["auc_low"], table["auc_high"]) == (None, None, None)
    mixed = measure([(outputs, alone), (outputs, labels), (outputs, labels.roll(1, 0))], target)
    known = [seed_metrics(outputs, y, target)["auc"] for y in (labels, labels.roll(1, 0))]
    assert mixed["auc"] == pytest.approx(np.mean(known)), "of the seeds in which it is"
    assert mixed["num_seeds"] == 3


def test_of_a_class_that_a_seed_lacks_the_others_metrics_are_left() -> None:
    outputs, labels = draw(TARGETS[1])
    labels[labels == 2] = 1
    areas = [roc_auc_score(labels[:, 0] == k, outputs.softmax(1)[:, k]) for k in (0, 1, 3)]
    metrics = seed_metrics(outputs, labels, TARGETS[1])
    assert metrics["auc"] == pytest.approx(np.mean(areas))
    assert metrics["balanced_accuracy"] == pytest.approx(
        np.mean([(outputs.argmax(1) == k)[labels[:, 0] == k].double().mean() for k in (0, 1, 3)])
    )


def r_squared_of_equal_numbers(value: float, sets: int) -> float:
    return seed_metrics(torch.zeros(sets, 1), torch.full((sets, 1), value), Real(1))["r2"]


def test_equal_numbers_have_no_r_squared() -> None:
    assert math.isnan(r_squared_of_equal_numbers(0.5, 7))
    one, other = draw(Real(2), sets=9)
    other[:, 1] = 2
    assert math.isnan(seed_metrics(one, other, Real(2))["r2"])


def test_equal_numbers_of_which_the_mean_is_rounded_have_no_r_squared() -> None:
    assert math.isnan(r_squared_of_equal_numbers(0.1, 7))


@pytest.mark.parametrize("target", TARGETS, ids=str)
@pytest.mark.parametrize("overlap", [0.0, 1 / 4])
def test_metrics_and_their_intervals_are_those_of_the_seeds(target: Target, overlap: float) -> None:
    """Of seeds that have test bags of their own."""
    results = [draw(target, seed=seed) for seed in range(4)]
    table = measure(results, target, overlap=overlap)
    of_seeds = [seed_metrics(*result, target) for result in results]
    assert {name for name in table if not name.endswith(("_low", "_high"))} - {"targets"} == {
        "num_seeds",
        "bayes_accuracy",
        *of_seeds[0],
    }
    for of_target in table.get("targets", {}).values():
        assert not {"num_seeds", "bayes_accuracy"} & of_target.keys(), "they are said once, of all targets"
    for name in of_seeds[0]:
        mean, low, high = interval(np.array([one[name] for one in of_seeds]), overlap=overlap)
        least = -math.inf if name == "r2" else 0
        most = math.inf if name in ("loss", "mae", "rmse") else 1
        expected = (mean, max(low, least), min(high, most))
        assert (table[name], table[f"{name}_low"], table[f"{name}_high"]) == pytest.approx(expected)


@settings(max_examples=60)
@given(st.lists(st.floats(-10, 10), min_size=2, max_size=30), st.floats(0, 1), st.sampled_from([0.5, 0.9, 0.95]))
@example([1.0, 1.0], 0.5, 0.95)
def test_overlap_widens_the_interval_as_nadeau_and_bengio_say(
    values: list[float], overlap: float, confidence: float
) -> None:
    of_folds = np.array(values)
    mean, low, high = interval(of_folds, confidence, overlap)
    _, naive_low, naive_high = interval(of_folds, confidence)
    assert mean == pytest.approx((low + high) / 2, abs=1e-9) == pytest.approx(of_folds.mean())
    widened = (1 + overlap * len(values)) ** 0.5  # of √(1/k)
    assert high - low == pytest.approx(widened * (naive_high - naive_low), abs=1e-9)


def held(overlap: float, folds: Callable[[np.random.Generator], np.ndarray]) -> float:
    """How often the interval holds the true mean, which is zero."""
    rng = np.random.default_rng(0)
    ends = [interval(folds(rng), 0.95, overlap)[1:] for _ in range(2000)]
    return float(np.mean([low <= 0 <= high for low, high in ends]))


def test_the_interval_of_folds_that_overlap_holds_the_mean_as_often_as_it_says() -> None:
    """Folds correlate by the share ρ of test bags, as the correction supposes; its overlap is ρ/(1 − ρ)."""
    share = 0.1

    def folds(rng: np.random.Generator) -> np.ndarray:
        return share**0.5 * rng.normal() + (1 - share) ** 0.5 * rng.normal(size=20)

    assert abs(held(share / (1 - share), folds) - 0.95) < 0.015
    assert held(0.0, folds) < 0.8, "the control: as if folds were independent"


def test_the_interval_of_means_over_common_bags_is_wide_enough() -> None:
    """Each fold gives the mean of its training bags, of which any two folds share most: real overlap, not supposed."""
    test, training = 10, 40

    def folds(rng: np.random.Generator) -> np.ndarray:
        bags = rng.normal(size=test + training)
        return np.array([bags[rng.permutation(len(bags))[:test]].mean() for _ in range(10)])

    assert held(test / training, folds) > held(0.0, folds) + 0.05
    assert held(test / training, folds) > 0.9


def test_intervals_end_where_possible_values_do() -> None:
    labels = torch.tensor([[0.0], [1.0]])
    right, wrong = torch.tensor([[-9.0], [9.0]]), torch.tensor([[9.0], [-9.0]])
    metrics = measure([(right, labels), (wrong, labels)], bayes_accuracy=0.7)
    assert metrics["regret"] == pytest.approx(0.2)
    assert metrics["regret_low"] == pytest.approx(0.7 - 1)
    assert metrics["regret_high"] == pytest.approx(0.7)
    assert (metrics["loss_low"], metrics["accuracy_low"], metrics["accuracy_high"]) == (0, 0, 1)
    real = measure([(labels, labels), (labels + 5, labels)], Real(1))
    assert (real["mae_low"], real["rmse_low"], real["r2_high"]) == (0, 0, 1)
    assert real["r2_low"] < -1
    assert Interval(0.5, math.nan, math.nan).clipped(0.6, 0.7).mean == 0.5
