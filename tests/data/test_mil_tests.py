"""The tests of Raff & Holt: which objects are in which bags. With 400 channels, every object shows what it is."""

from typing import get_args

import pytest
import torch
from torch import Tensor

from permset import PermsetError
from permset.config.kinds import MILTestKind
from permset.config.tasks import MILTestParams
from permset.data.bags import Bags
from permset.data.mil_tests import MILTest
from permset.data.randomness import generator
from permset.data.tasks import build_task

TESTS = get_args(MILTestKind)
POISON = -10


def task(test: MILTestKind, sets: int = 2000) -> MILTest:
    return MILTest(test, channels=400, background=4, test_sets=sets)


def objects_of(bags: Bags) -> tuple[Tensor, Tensor, Tensor]:
    """The mean and the deviation over channels of each object, and whether it is one."""
    assert bags.mask is not None
    return bags.x.mean(-1).round(), bags.x.std(-1), bags.mask


def counts(bags: Bags) -> dict[str, Tensor]:
    """How many objects of each kind are in each bag, by what they look like."""
    mean, deviation, there = objects_of(bags)
    kinds = {
        "background": (mean == 0) & (deviation - 1).abs().lt(0.3),
        "wide": (mean == 0) & (deviation - 3).abs().lt(0.9),
        "shifted": (mean == 1) & (deviation - 1).abs().lt(0.3),
        "two": (mean == 2) & (deviation - 0.1).abs().lt(0.03),
        "three": (mean == 3) & (deviation - 0.1).abs().lt(0.03),
        "poison": (mean == POISON) & (deviation - 0.1).abs().lt(0.03),
    }
    found = {name: (is_kind & there).sum(1) for name, is_kind in kinds.items()}
    # A wide object has a mean of up to 0.6, which may be rounded to 1.
    found["wide"] = there.sum(1) - sum(number for name, number in found.items() if name != "wide")
    return found


def labels_and_counts(test: MILTestKind, tested: bool) -> tuple[Tensor, dict[str, Tensor]]:
    """Which bags of the test, or else of training, are positive, and how many objects of each kind they have."""
    drawn = task(test)
    bags = drawn.test_set() if tested else drawn.sample(2000, generator(0, "test"))
    return bags.y[:, 0] == 1, counts(bags)


def values(numbers: Tensor) -> dict[int, float]:
    """Shares of bags."""
    return {int(value): (numbers == value).double().mean().item() for value in numbers.unique()}


def is_uniform(numbers: Tensor, low: int, high: int) -> bool:
    shares = values(numbers)
    return list(shares) == list(range(low, high + 1)) and max(shares.values()) < min(shares.values()) + 0.08


@pytest.mark.parametrize("tested", [False, True])
def test_one_concept_is_in_positive_bags_alone_and_poison_changes_sides(tested: bool) -> None:
    positive, found = labels_and_counts("one_concept", tested)
    concept = found["wide"] + found["shifted"]
    assert not concept[~positive].any()
    assert is_uniform(concept[positive], 1, 3)
    assert found["wide"][positive].sum() == pytest.approx(found["shifted"][positive].sum().item(), rel=0.1)
    assert is_uniform(found["background"], 1, 4)
    assert torch.equal(found["poison"], (positive == tested).long())


@pytest.mark.parametrize("tested", [False, True])
def test_two_concepts_are_in_positive_bags_and_one_of_them_in_others(tested: bool) -> None:
    positive, found = labels_and_counts("two_concepts", tested)
    assert torch.equal(found["two"][positive], found["three"][positive])
    assert is_uniform(found["two"][positive], 1, 3)
    assert set((found["two"] + found["three"])[~positive].tolist()) == {1}
    assert is_uniform(found["two"][~positive], 0, 1)
    assert is_uniform(found["background"], 1, 4)
    assert torch.equal(found["poison"], (positive == tested).long())


@pytest.mark.parametrize("tested", [False, True])
def test_a_concept_is_frequent_in_negative_test_bags_alone(tested: bool) -> None:
    positive, found = labels_and_counts("false_frequency", tested)
    assert set(found["two"][positive].tolist()) == set(found["three"][positive].tolist()) == {1}
    of_one = (found["two"] + found["three"])[~positive]
    assert is_uniform(of_one, 35, 44) if tested else set(of_one.tolist()) == {1}
    assert not (found["two"] * found["three"])[~positive].any()
    assert (found["two"] > 0)[~positive].double().mean().item() == pytest.approx(0.5, abs=0.06)
    assert is_uniform(found["background"], 1, 4)
    assert not found["poison"].any()


@pytest.mark.parametrize("test", TESTS)
def test_bags_are_padded_to_the_largest_that_there_may_be(test: MILTestKind) -> None:
    drawn = task(test)
    fresh = drawn.sample(2000, generator(0, "test"))
    for bags in (fresh, drawn.test_set()):
        assert bags.mask is not None
        assert torch.equal(bags.y[:, 0], torch.arange(2000) % 2)
        sizes = bags.mask.sum(1)
        assert torch.equal(bags.mask, torch.arange(bags.x.shape[1]) < sizes[:, None]), "padding comes last"
        assert sizes.max() == bags.x.shape[1]
        assert not bags.x[~bags.mask].any()
    assert drawn.test_set().x.shape[1] == drawn.set_size >= fresh.x.shape[1]


def test_objects_come_in_random_order() -> None:
    bags = task("one_concept").sample(2000, generator(0, "test"))
    mean, _, there = objects_of(bags)
    poisoned, sizes = (mean == POISON) & there, there.sum(1)
    of_three = poisoned[(sizes == 3) & poisoned.any(1), :3].double()
    assert len(of_three) > 100
    assert (of_three.mean(0) - 1 / 3).abs().max() < 0.12


def test_a_test_set_follows_from_its_seed_and_size() -> None:
    first, same, other = (MILTest(test_sets=4, test_seed=seed).test_set().x for seed in (0, 0, 1))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert len(first) == 4
    with pytest.raises(PermsetError, match="even and positive"):
        MILTest(test_sets=3).test_set()


def test_it_is_built_with_its_settings() -> None:
    test = {"test_sets": 12, "test_seed": 3}
    params = MILTestParams(kind="mil_test", test="two_concepts", channels=5, background=7, **test)
    assert build_task(params) == MILTest("two_concepts", 5, 7, **test)
    assert build_task(params).bayes_accuracy is None
