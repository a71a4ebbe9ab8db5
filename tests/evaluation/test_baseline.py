"""What a classifier must beat."""

import pytest
import torch

from permset.data.bags import Collection
from permset.data.batches import Split
from permset.data.splits import TEST, TRAINING
from permset.data.targets import BINARY, Real
from permset.data.tasks import Collected, Maximum, UnitSum
from permset.evaluation.baseline import doubts, majority
from permset.evaluation.metrics import measure


def test_the_largest_class_is_that_of_the_bags_of_training() -> None:
    y = torch.tensor([1.0, 1, 0, 0, 0, 1, 0, 0]).unsqueeze(-1)
    roles = torch.tensor([[0, 0, 0, 2, 2, 2, 1, 1], [2, 2, 0, 0, 0, 2, 0, 1]], dtype=torch.int8)
    assert (TRAINING, TEST) == (0, 2)
    split = Split(Collection(torch.zeros(8, 1), torch.ones(8, dtype=torch.long), y), roles)
    tested = [y[split.bags_of(seed, TEST)] for seed in (0, 1)]
    # Class 1 in the first fold, which one of three test bags is in; class 0 in the second, whose test bags are of 1.
    assert majority(Collected(split, BINARY, folds=2), tested) == pytest.approx((1 / 3 + 0) / 2)
    assert majority(Collected(split, Real(1)), tested) is None


def test_drawn_bags_have_as_many_of_each_class() -> None:
    assert majority(UnitSum(), [UnitSum(test_sets=10).test_set().y] * 3) == 0.5
    assert majority(Maximum(), [Maximum(test_sets=10).test_set().y]) is None


def test_a_network_that_finds_no_positive_is_told_and_one_that_does_is_not() -> None:
    draws = torch.Generator().manual_seed(0)
    labels = (torch.arange(400) % 50 == 0).float().unsqueeze(-1)
    blind = [(torch.randn(400, 1, generator=draws) - 9, labels) for _ in range(4)]
    line = doubts(measure(blind) | {"majority": 0.98})
    assert line is not None
    assert line.startswith("an accuracy of 98.00% is no better than always the largest class, and its AUC is no better")
    assert "(balanced accuracy 50.00% and AUC 0." in line
    ranks = [(torch.randn(400, 1, generator=draws) + 4 * labels - 9, labels) for _ in range(4)]
    line = doubts(measure(ranks) | {"majority": 0.98})
    assert line is not None
    assert "than chance" not in line, "though it says 0 of all bags, it tells the classes apart"
    right = [(20 * labels - 9, labels)] * 4
    assert doubts(measure(right) | {"majority": 0.98}) is None
    assert doubts(measure([(labels + 1, labels)] * 2, Real(1)) | {"majority": None}) is None
