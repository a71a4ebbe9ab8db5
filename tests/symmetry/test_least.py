"""Least arrangements against all arrangements that a group can make."""

import numpy as np
import pytest
import torch
from known_groups import GROUPS
from torch import nn

from permset import PermsetError
from permset.data.randomness import generator
from permset.symmetry.groups import PermutationGroup, act
from permset.symmetry.least import chain_of, least_arrangement
from permset.symmetry.symmetrizers import Canonicalization

# Each is generated in its own way: blocks that change places, even permutations, two orbits that move together.
OTHERS = {
    "S_3 wr S_2": PermutationGroup([[1, 0, 2, 3, 4, 5], [1, 2, 0, 3, 4, 5], [3, 4, 5, 0, 1, 2]]),
    "A_5": PermutationGroup([[1, 2, 0, 3, 4], [0, 1, 3, 4, 2]]),
    "S_3 twice": PermutationGroup([[1, 0, 2, 4, 3, 5], [1, 2, 0, 4, 5, 3]]),
    "C_2 among five": PermutationGroup([[0, 3, 2, 1, 4]]),
}
ALL = {**GROUPS, **OTHERS}


@pytest.mark.parametrize("different", [1, 2, 3, 50])
@pytest.mark.parametrize("name", ALL)
def test_it_is_the_least_of_all_arrangements(name: str, different: int) -> None:
    group = ALL[name]
    ranks = np.random.default_rng(0).integers(0, different, (40, group.degree))
    elements = group.elements().astype(int)
    found = least_arrangement(torch.as_tensor(ranks), group).numpy()
    assert np.take_along_axis(ranks, found, 1).tolist() == [list(min(map(tuple, row[elements]))) for row in ranks]
    assert all(p in group for p in found)


def test_groups_far_too_large_to_list_are_searched() -> None:
    """Two halves of 20 that may change places, and ties: the least arrangement sorts both, the lesser half first."""
    sizes = PermutationGroup.blocks([20, 20])
    group = PermutationGroup([*sizes.permutations, [*range(20, 40), *range(20)]])
    assert group.order > 10**36
    ranks = np.random.default_rng(0).integers(0, 15, (10, 40))
    found = np.take_along_axis(ranks, least_arrangement(torch.as_tensor(ranks), group).numpy(), 1)
    halves = [sorted([sorted(row[:20]), sorted(row[20:])]) for row in ranks.tolist()]
    assert found.tolist() == [first + second for first, second in halves]


@pytest.mark.parametrize(("name", "levels"), [("S_5", 0), ("S_2 × S_3", 0), ("C_6", 1), ("S_3 wr S_2", 1), ("A_5", 3)])
def test_the_search_ends_where_sorting_does_the_rest(name: str, levels: int) -> None:
    assert len(chain_of(ALL[name]).levels) == levels


@pytest.mark.parametrize("order", ["lexicographic", "norm"])
def test_under_all_permutations_it_is_the_sorted_bag(order: str) -> None:
    x = torch.randint(0, 3, (50, 6, 2), generator=generator(0, "bags")).float()
    seen = Canonicalization(nn.Flatten(), order, PermutationGroup.symmetric(6))(x)
    assert torch.equal(seen, Canonicalization(nn.Identity(), order).canonical(x).flatten(1))


def test_a_network_sees_the_rotation_that_begins_with_the_least_object() -> None:
    x = torch.tensor([[3.0, 1.0, 2.0, 5.0], [2.0, 1.0, 4.0, 1.0]]).unsqueeze(-1)
    canonical = Canonicalization(nn.Flatten(), group=PermutationGroup.cyclic(4))
    assert canonical(x).tolist() == [[1.0, 2.0, 5.0, 3.0], [1.0, 2.0, 1.0, 4.0]]


def test_gradients_reach_the_bags() -> None:
    x = torch.randn(5, 4, 2, generator=generator(0, "bags")).requires_grad_()
    weights = torch.randn(5, 8, generator=generator(1, "bags"))
    seen = Canonicalization(nn.Flatten(), group=GROUPS["D_4"])(x)
    (gradient,) = torch.autograd.grad((seen * weights).sum(), x)
    assert torch.equal(gradient.flatten(1).sort().values, weights.sort().values)
    torch.testing.assert_close((gradient * x).sum(), (seen * weights).sum())


def test_objects_that_are_no_numbers_tie_with_each_other() -> None:
    x = torch.tensor([torch.nan, 1.0, torch.nan, 2.0, 0.0]).reshape(1, 5, 1)
    canonical = Canonicalization(nn.Flatten(), group=PermutationGroup.cyclic(5))
    for p in PermutationGroup.cyclic(5).elements():
        torch.testing.assert_close(canonical(act(p, x)), canonical(x), rtol=0, atol=0, equal_nan=True)


def test_channels_on_their_own_have_no_group() -> None:
    with pytest.raises(PermsetError, match="each channel on its own"):
        Canonicalization(nn.Identity(), "channels", GROUPS["D_4"])
