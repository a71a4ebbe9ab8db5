"""The best accuracy of an invariant rule, against rules that are told the orbit, and what is proven."""

from collections import Counter
from itertools import permutations

import pytest
import torch

from permset.data.randomness import generator
from permset.data.subgroups import Blocks, Rotations
from permset.data.tasks import GaussianVariance, Maximum, UnitSum
from permset.evaluation.limits import best_accuracy
from permset.symmetry.groups import PermutationGroup

GROUPS = {
    "trivial": PermutationGroup.trivial(5),
    "C_5": PermutationGroup.cyclic(5),
    "D_5": PermutationGroup.dihedral(5),
    "S_3 × S_2": PermutationGroup.blocks([3, 2]),
    "A_5": PermutationGroup([[1, 2, 0, 3, 4], [0, 1, 3, 4, 2]]),
    "S_5": PermutationGroup.symmetric(5),
}


@pytest.mark.parametrize("negatives", ["swapped", "shuffled"])
@pytest.mark.parametrize("name", GROUPS)
def test_the_best_rule_for_rotations_knows_which_orbits_are_likelier(name: str, negatives: str) -> None:
    """Counted from what the task draws, by orbits that are listed."""
    group = GROUPS[name]
    task = Rotations(5, negatives)
    bags = task.sample(40_000, generator(0, "bags"))
    orders = bags.x[..., 0].argsort(1).argsort(1)
    elements = group.elements().astype(int)
    orbit = {order: min(tuple(order[i] for i in p) for p in elements) for order in permutations(range(5))}
    counts = {label: Counter[tuple[int, ...]]() for label in (0, 1)}
    for order, label in zip(orders.tolist(), bags.y[:, 0].int().tolist(), strict=True):
        counts[label][orbit[tuple(order)]] += 1
    right = sum(max(counts[0][found], counts[1][found]) for found in set(orbit.values()))
    assert best_accuracy(task, group) == pytest.approx(right / 40_000, abs=0.006)


def test_what_rotations_leave_possible() -> None:
    """The right group and smaller ones cost nothing, reflections cost nothing here, and all permutations all."""
    eight = {
        kind: best_accuracy(Rotations(), getattr(PermutationGroup, kind)(8))
        for kind in ("trivial", "cyclic", "dihedral", "symmetric")
    }
    assert eight == {"trivial": 1.0, "cyclic": 1.0, "dihedral": 1.0, "symmetric": 0.5}
    shuffled = Rotations(negatives="shuffled")
    assert best_accuracy(shuffled, PermutationGroup.cyclic(8)) == pytest.approx(shuffled.bayes_accuracy, abs=1e-12)
    assert best_accuracy(shuffled, PermutationGroup.symmetric(8)) == 0.5


def test_what_blocks_leave_possible() -> None:
    task = Blocks()
    inside = PermutationGroup.blocks([5, 5]), PermutationGroup.blocks([5, 1, 1, 1, 1, 1]), PermutationGroup.trivial(10)
    assert [best_accuracy(task, group) for group in inside] == [task.bayes_accuracy] * 3
    assert best_accuracy(task, PermutationGroup.symmetric(10)) == 0.5
    assert best_accuracy(task, PermutationGroup.cyclic(10)) is None


def test_where_the_order_says_nothing_no_group_costs_anything() -> None:
    for task in (UnitSum(), GaussianVariance()):
        assert best_accuracy(task, PermutationGroup.symmetric(10)) == task.bayes_accuracy
    assert best_accuracy(Maximum(), PermutationGroup.symmetric(10)) is None


def test_an_invariant_rule_is_right_half_of_the_time_on_mirrored_blocks() -> None:
    """Sorted squares tell nothing: their distribution is the same in both classes."""
    x = Blocks(test_sets=20_000).test_set()
    ordered = x.x.square().sum(-1).sort(1).values.log()
    first, second = (ordered[x.y[:, 0] == label] for label in (0, 1))
    error = (first.var(0) + second.var(0)).div(len(first)).pow(0.5)
    assert bool(((first.mean(0) - second.mean(0)).abs() < 4.5 * error).all())
    assert torch.equal(x.y[:, 0], torch.arange(20_000) % 2)
