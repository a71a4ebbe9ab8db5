"""The sentences follow the numbers: each is made from a table, and from one that says the opposite."""

import json
from typing import Any

import numpy as np
import pytest

from permset.report import answers
from permset.report.answers import Ranking, points_of

SEEDS = 16


def table(*points: dict[str, Any]) -> list[dict[str, str]]:
    """Rows of a study's table; a column is one number for all seeds, or a list of them."""
    rows = []
    for point in points:
        numbers, value = {**point}, json.dumps(point["value"])
        del numbers["value"]
        for seed in range(SEEDS):
            values = {key: value[seed] if isinstance(value, list) else value for key, value in numbers.items()}
            values |= {"value": value, "seed": seed}
            rows.append({key: str(value) for key, value in values.items()})
    return rows


DEEPSET = {"accuracy": "1.0", "num_params": "62"}


def capacity(*accuracies: Any) -> str:
    points = [
        {"run": "mlp", "value": [10**i], "num_params": 62 * 10**i, "accuracy": accuracy}
        for i, accuracy in enumerate(accuracies)
    ]
    return answers.mlp_capacity(points_of(table(*points)), DEEPSET, margin=0.001, share=0.9375)


def test_the_smallest_mlp_that_matches_is_named() -> None:
    one_fails, two_fail = [0.5] + [1.0] * 15, [0.5] * 2 + [1.0] * 14
    text = capacity(0.9, two_fail, one_fails, 1.0)
    assert text.startswith("About 100.0 times as many")
    assert "has 6,200 parameters (hidden layers [100])" in text
    assert "fell short" not in text
    assert "larger MLPs that fell short have 62,000 (14 seeds)" in capacity(0.9, 0.9, one_fails, two_fail)
    assert capacity(0.9, 0.95).startswith("None up to 620 parameters")
    assert "620 parameters and 95.00%" in capacity(0.9, 0.95)


def linear(spread: float, accuracy: float) -> str:
    both = {"value": [5], "loss": 0.69}
    points = (
        {"run": "with", "pooled_spread": 1.0, "accuracy": 1.0, **both},
        {
            "run": "without",
            "pooled_spread": spread,
            "accuracy": accuracy,
            **both,
        },
    )
    return answers.element_nonlinearity(points_of(table(*points)))


def test_whether_bags_pool_to_the_same_is_told() -> None:
    assert "nothing can be learnt: at best over all widths, the accuracy is 50.00%" in linear(1e-8, 0.5)
    assert "something is still learnt" in linear(1e-8, 0.9)
    assert "no network pools all bags to the same value" in linear(0.1, 0.9)


def channels(**regrets: Any) -> str:
    rows = ({"run": run, "value": [8], "initial_saturated": 0.5, "regret": regret} for run, regret in regrets.items())
    return answers.channel_reduction(points_of(table(*rows)))


def test_the_best_way_to_bring_channels_together_is_told() -> None:
    prefix = "On average over all widths and depths,"
    assert channels(sum=0.2, mean=0.1).startswith(f"{prefix} mean does best. With sum, 50% of the outputs")
    assert channels(sum=0.05, mean=0.1).startswith(f"{prefix} sum does best. ")
    assert channels(sum=0.1, mean=0.101).startswith(f"{prefix} sum and mean do equally well. ")
    unsure = channels(sum=[0.0, 0.2] * 8, mean=0.11)
    assert unsure.startswith(f"{prefix} sum leads, and it is undecided whether mean is worse. ")


def test_what_is_memorised_is_told() -> None:
    def text(train: float, test: float) -> str:
        points = (
            {"run": "mlp", "value": 100, "train_loss": train, "loss": test},
            {"run": "mlp", "value": "fresh", "train_loss": 0.55, "loss": 0.56},
        )
        return answers.fresh_or_fixed(points_of(table(*points)))

    assert text(0.01, 3.0).startswith("A small fixed sample is memorised")
    assert "for mlp it is 2.990 at 100 bags and 0.010 with fresh bags" in text(0.01, 3.0)
    assert text(0.5, 0.6).startswith("No sample was memorised")


def test_the_winner_at_each_size_is_told() -> None:
    def text(regret: float, spread: float = 0.0) -> str:
        points = (
            {"run": "a", "value": 1000, "regret": [0.1 - spread, 0.1 + spread] * 8},
            {"run": "b", "value": 1000, "regret": regret},
            {"run": "c", "value": 1000, "regret": 0.0},
        )
        return answers.sample_efficiency(points_of(table(*points)), {"a": "one", "b": "one", "c": "two"})

    assert text(0.2) == ("On one, a wins at 1,000 bags (regret 0.1000). On two, c wins at 1,000 bags (regret 0.0000).")
    assert "On one, b wins at 1,000 bags (regret 0.0500)." in text(0.05)
    assert "On one, b and a tie at 1,000 bags (regret 0.0920 to 0.1000)." in text(0.092)
    # Of 16 seeds with a deviation s = 0.1·√(16/15), chances are those of Student's t with 15 degrees of freedom, of
    # which 0.95 lie below 1.753. So b is better by more than 0.01 if it is ahead by 0.01 + 1.753·s/4 = 0.0553.
    assert "b leads at 1,000 bags (regret 0.0449), and it is undecided whether a is worse." in text(0.0449, spread=0.1)
    assert "On one, b wins at 1,000 bags (regret 0.0445)." in text(0.0445, spread=0.1)


def test_runs_are_ranked_seed_by_seed() -> None:
    """What differs from seed to seed for both alike says nothing of which is better."""
    hard = np.linspace(0, 0.5, 16)
    ranking = Ranking.of({"a": hard + 0.05, "b": hard, "c": hard[::-1]})
    assert (ranking.level, ranking.undecided, ranking.has_winner) == (["b"], ["c"], False)
    assert Ranking.of({"a": hard + 0.05, "b": hard}).has_winner


def test_which_pooling_works_on_other_sizes_is_told() -> None:
    def text(at_hundred: float) -> str:
        regrets = {("sum", 10): 0.0, ("sum", 100): at_hundred, ("mean", 10): 0.005, ("mean", 100): 0.002}
        rows = ({"run": run, "value": size, "regret": regret} for (run, size), regret in regrets.items())
        return answers.set_size(points_of(table(*rows)))

    assert "sum pooling loses at most 0.200, at 100 objects" in text(0.2)
    assert text(0.2).endswith("mean pooling works on all of them.")
    assert text(0.001).endswith("sum and mean pooling work on all of them.")


def test_where_no_pooling_works_it_is_told_which_comes_closest() -> None:
    def text(of_mean: Any) -> str:
        regrets = {"sum": 0.2, "mean": of_mean}
        rows = ({"run": run, "value": 100, "regret": regret} for run, regret in regrets.items())
        return answers.set_size(points_of(table(*rows)))

    assert text(0.1).endswith(": mean pooling comes closest.")
    assert text(0.195).endswith(": mean and sum pooling come closest.")
    assert text([0.0, 0.38] * 8).endswith(": mean pooling comes closest, and it is undecided whether sum is worse.")


@pytest.mark.parametrize("slope", [-0.5, -1.0])
def test_the_slope_of_the_error_is_told(slope: float) -> None:
    rows = ({"run": "r", "value": k, "invariance": k**slope, "accuracy": 0.7 if k >= 4 else 0.6} for k in (1, 2, 4, 8))
    text = answers.averaging_samples(points_of(table(*rows)))
    assert f"falls as k to the power −{-slope:.2f}, and from k = 4 on" in text


def test_a_study_of_ones_own_tells_where_each_run_did_best() -> None:
    rows = ({"run": "r", "value": how, "regret": regret, "loss": 0.1} for how, regret in (("sum", 0.2), ("max", 0.1)))
    assert answers.in_general(points_of(table(*rows))).startswith('Least regret: r at "max" (regret 0.1000')
