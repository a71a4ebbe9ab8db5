"""How often a difference is called, in small: the planted methods are as good as they are said to be."""

from dataclasses import replace

import pytest
import torch
from scipy.special import ndtr

from permset.data.randomness import generator
from verification import comparisons
from verification.comparisons import MEANS, OBJECTS, on_common_bags, on_folds, sample, scores_of_folds, verdicts


def test_two_channels_tell_as_much_of_the_class_and_the_third_less() -> None:
    """By the best rule there is: the sign of the sum of a bag's objects."""
    for channel, mean in enumerate(MEANS):
        bags = sample(20_000, generator(0, "bags"), channel)
        right = ((bags.x.sum((1, 2)) > 0) == (bags.y[:, 0] == 1)).double().mean()
        assert right == pytest.approx(ndtr(mean * OBJECTS**0.5), abs=0.01)
    assert MEANS[0] == MEANS[1] > MEANS[2]
    of_class_one = torch.cat([sample(20_000, generator(0, "bags"), channel).x[1::2] for channel in (0, 1, 2)], -1)
    assert torch.corrcoef(of_class_one.flatten(0, 1).T).fill_diagonal_(0).abs().max() < 0.02, "they are independent"


@pytest.mark.parametrize("rivals", [on_common_bags, on_folds])
def test_every_pair_is_judged_by_every_rule(rivals: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparisons, "SETTINGS", replace(comparisons.SETTINGS, steps=60, batch_size=20))
    found = verdicts(rivals, 2)  # type: ignore[arg-type]
    assert all(counts.total() == 2 for by_rule in found.values() for counts in by_rule.values())
    same = found["the same, other seeds"]["rule"]
    assert same["better"] + same["worse"] == 0
    if rivals is on_common_bags:
        assert found["a weaker one"]["rule"]["better"] == 2, "the control: a difference that there is"


def test_each_method_and_each_pair_has_scores_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparisons, "SETTINGS", replace(comparisons.SETTINGS, steps=20))
    first, again, other_seeds, other_pair = (
        scores_of_folds(method, pair).values.tolist()
        for method, pair in (((0, 0), 0), ((0, 0), 0), ((0, 1), 0), ((0, 0), 1))
    )
    assert first == again
    assert first != other_seeds
    assert first != other_pair
    assert scores_of_folds((0, 0), 0).overlap == pytest.approx(20 / 162)
    [(first, other_seeds)] = (
        [run.values.tolist() for run in pair["the same, other seeds"]] for pair in on_common_bags(1)
    )
    assert first != other_seeds
