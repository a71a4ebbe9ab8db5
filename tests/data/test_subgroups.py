"""Tasks that are invariant under a proper subgroup: what is drawn, and their Bayes accuracy."""

import numpy as np
import pytest
import torch
from torch import Tensor

from permset import PermsetError
from permset.config.tasks import BlocksTaskParams, RotationsParams
from permset.data.randomness import generator
from permset.data.subgroups import Blocks, Rotations
from permset.data.tasks import build_task


def orders(x: Tensor) -> Tensor:
    """Of each bag, rotated so that the smallest number comes first."""
    ranks = x[..., 0].argsort(1).argsort(1)
    n = ranks.shape[1]
    return ranks.gather(1, (ranks.argmin(1, keepdim=True) + torch.arange(n)) % n)


def shares(numbers: Tensor) -> list[float]:
    return (numbers.bincount() / len(numbers)).tolist()


@pytest.mark.parametrize("n", [3, 8])
def test_positive_bags_are_rotations_of_an_increasing_sequence(n: int) -> None:
    bags = Rotations(n).sample(20_000, generator(0, "bags"))
    positive = bags.y[:, 0] == 1
    assert bags.x.shape == (20_000, n, 1)
    assert torch.equal(bags.y[:, 0], torch.arange(20_000) % 2)
    assert torch.equal(orders(bags.x)[positive], torch.arange(n).expand(10_000, n))
    starts = bags.x[..., 0].argmin(1)
    for label in (positive, ~positive):
        np.testing.assert_allclose(shares(starts[label]), 1 / n, atol=0.02)


def test_negative_bags_have_two_neighbours_swapped() -> None:
    bags = Rotations(8).sample(20_000, generator(0, "bags"))
    found, counts = torch.unique(orders(bags.x)[bags.y[:, 0] == 0], dim=0, return_counts=True)
    expected = []
    for i in range(8):
        order = list(range(8))
        j = (i + 1) % 8
        order[i], order[j] = order[j], order[i]
        start = order.index(0)
        expected.append([*order[start:], *order[:start]])
    assert sorted(found.tolist()) == sorted(expected)
    np.testing.assert_allclose(counts / 10_000, 1 / 8, atol=0.02)


def test_or_are_in_random_order() -> None:
    bags = Rotations(4, "shuffled").sample(24_000, generator(0, "bags"))
    _, counts = torch.unique(bags.x[bags.y[:, 0] == 0, :, 0].argsort(1), dim=0, return_counts=True)
    np.testing.assert_allclose(counts / 12_000, [1 / 24] * 24, atol=0.008)


@pytest.mark.parametrize("negatives", ["swapped", "shuffled"])
def test_numbers_are_uniform_in_both_classes(negatives: str) -> None:
    bags = Rotations(8, negatives).sample(20_000, generator(0, "bags"))
    for label in (0, 1):
        values = bags.x[bags.y[:, 0] == label].flatten()
        np.testing.assert_allclose(values.histc(10, 0, 1) / len(values), 0.1, atol=0.005)


def test_the_bayes_rule_for_rotations_looks_at_the_order() -> None:
    for task in (Rotations(4), Rotations(4, "shuffled")):
        bags = task.sample(40_000, generator(0, "bags"))
        guess = (orders(bags.x) == torch.arange(4)).all(1).float()
        assert (guess == bags.y[:, 0]).float().mean().item() == pytest.approx(task.bayes_accuracy, abs=0.006)


@pytest.mark.parametrize("variances", [(1.0, 0.8), (0.5, 2.0)])
def test_each_half_of_blocks_has_its_variance(variances: tuple[float, float]) -> None:
    bags = Blocks(6, 2, variances).sample(60_000, generator(0, "bags"))
    assert bags.x.shape == (60_000, 6, 2)
    for label in (0, 1):
        found = bags.x[bags.y[:, 0] == label].square().mean((0, 2))
        first, second = variances[label], variances[1 - label]
        np.testing.assert_allclose(found, [first] * 3 + [second] * 3, rtol=0.02)
        assert bags.x[bags.y[:, 0] == label].mean().abs() < 0.01


@pytest.mark.parametrize("variances", [(1.0, 0.8), (0.5, 2.0)])
def test_the_bayes_rule_for_blocks_compares_the_sums_of_squares(variances: tuple[float, float]) -> None:
    task = Blocks(6, 2, variances)
    bags = task.sample(100_000, generator(0, "bags"))
    squares = bags.x.square().sum(-1)
    first_is_larger = squares[:, :3].sum(1) > squares[:, 3:].sum(1)
    guess = (first_is_larger == (variances[1] > variances[0])).float()
    assert (guess == bags.y[:, 0]).float().mean().item() == pytest.approx(task.bayes_accuracy, abs=0.005)
    assert 0.5 < task.bayes_accuracy < 1


@pytest.mark.parametrize("task", [Rotations, Blocks])
def test_a_test_set_follows_from_its_seed_and_size(task: type[Rotations] | type[Blocks]) -> None:
    first, same, other = (task(test_sets=4, test_seed=seed).test_set().x for seed in (0, 0, 1))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    with pytest.raises(PermsetError, match="even and positive"):
        task(test_sets=3).test_set()


def test_they_are_built_with_their_settings() -> None:
    test = {"test_sets": 12, "test_seed": 3}
    rotations = RotationsParams(kind="rotations", set_size=5, negatives="shuffled", **test)
    assert build_task(rotations) == Rotations(5, "shuffled", **test)
    blocks = BlocksTaskParams(kind="blocks", set_size=4, channels=3, variances=[2.0, 1.0], **test)
    assert build_task(blocks) == Blocks(4, 3, (2.0, 1.0), **test)
