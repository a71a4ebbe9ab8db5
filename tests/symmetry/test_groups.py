import copy
import itertools
import pickle
import re
import subprocess
import sys
from math import factorial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from known_groups import GROUPS as KNOWN
from scipy import stats

from permset import PermsetError
from permset.data.randomness import generator
from permset.symmetry.groups import Permutation, PermutationGroup, _is_prime, act

GROUPS = KNOWN | {
    "A_4": PermutationGroup([Permutation.from_cycles(4, (0, 1, 2)), Permutation.from_cycles(4, (1, 2, 3))]),
    "Klein": PermutationGroup([Permutation.from_cycles(4, (0, 1), (2, 3)), Permutation.from_cycles(4, (0, 2), (1, 3))]),
}
ORDERS = {"S_5": 120, "C_6": 6, "D_4": 8, "S_2 × S_3": 12, "trivial": 1, "S_1": 1, "A_4": 12, "Klein": 4}
permutations = st.integers(1, 7).flatmap(lambda n: st.permutations(range(n)))
pairs = st.integers(1, 6).flatmap(lambda n: st.tuples(st.permutations(range(n)), st.permutations(range(n))))


def closure(generators: np.ndarray) -> set[tuple[int, ...]]:
    """The notebook's way: multiply by generators until nothing new comes."""
    found: set[tuple[int, ...]] = set()
    border = {tuple(range(generators.shape[1]))}
    while border:
        found |= border
        border = {tuple(np.array(p)[g].tolist()) for p in border for g in generators} - found
    return found


@given(pairs)
def test_acting_by_p_and_then_by_q_is_acting_by_p_of_q(both: tuple[list[int], list[int]]) -> None:
    p, q = map(Permutation, both)
    x = torch.randn(2, 3, len(p), 4)
    assert torch.equal(q(p(x)), (p @ q)(x))
    assert torch.equal(act(np.array(q), act(np.array(p), x)), act(np.array(p)[np.array(q)], x))
    assert torch.equal(p.inverse(p(x)), x)
    assert p @ p.inverse == Permutation(range(len(p)))
    assert torch.equal(p(x)[1, 2, -1], x[1, 2, p[-1]])


def test_the_order_of_acting_matters() -> None:
    p, q = Permutation([1, 2, 0]), Permutation([1, 0, 2])
    x = torch.randn(3, 1)
    assert not torch.equal(q(p(x)), (q @ p)(x))


def test_permutations_are_compared_hashed_and_measured() -> None:
    p = Permutation.from_cycles(5, (0, 1, 2), (3, 4))
    assert p == Permutation([1, 2, 0, 4, 3])
    assert (p == Permutation(range(5))) is False
    assert len({p, Permutation([1, 2, 0, 4, 3]), p.inverse}) == 2
    assert len(p) == 5
    assert str(p) == "(0 1 2)(3 4)"
    assert str(Permutation(range(3))) == "()"
    assert str(PermutationGroup([p, p.inverse])) == "⟨(0 1 2)(3 4), (0 2 1)(3 4)⟩"


def test_a_group_given_by_the_generators_of_a_named_one_has_its_name() -> None:
    rotation, swap, reflection = (
        Permutation.from_cycles(6, *cycles) for cycles in ([range(6)], [(0, 1)], [(0, 5), (1, 4), (2, 3)])
    )
    assert str(PermutationGroup([rotation])) == "C_6"
    assert str(PermutationGroup([reflection, rotation])) == "D_6"
    assert str(PermutationGroup([rotation, swap])) == "S_6"
    assert str(PermutationGroup([swap])) == "⟨(0 1)⟩"


@pytest.mark.parametrize("name", GROUPS)
def test_listing_is_the_brute_force_closure(name: str) -> None:
    group = GROUPS[name]
    elements = group.elements()
    expected = closure(group.generators())
    assert len(elements) == len(expected) == group.order == ORDERS[name]
    assert {tuple(p) for p in elements.tolist()} == expected
    for size in (1, 3, 7, 1000):
        listed = list(group.blocks_of_elements(size))
        assert np.array_equal(np.concatenate(listed), elements)
        assert all(len(block) <= size for block in listed)


@given(pairs)
@settings(max_examples=60)
def test_any_two_permutations_generate_their_closure(both: tuple[list[int], list[int]]) -> None:
    group = PermutationGroup(both)
    expected = closure(group.generators())
    assert {tuple(p) for p in group.elements().tolist()} == expected
    assert group.order == len(expected)
    assert group.is_symmetric == (len(expected) == factorial(group.degree))
    members = set(itertools.islice(itertools.permutations(range(group.degree)), 50))
    assert {p for p in members if p in group} == members & expected


@pytest.mark.parametrize("name", ["S_5", "C_6", "D_4", "S_2 × S_3", "A_4"])
def test_samples_are_uniform(name: str) -> None:
    group = GROUPS[name]
    sample = group.sample(200 * group.order, generator(0, name)).numpy()
    elements, counts = np.unique(sample, axis=0, return_counts=True)
    assert {tuple(p) for p in elements.tolist()} == closure(group.generators())
    assert stats.chisquare(counts).pvalue > 1e-3


def test_a_group_far_too_large_to_list_is_sampled() -> None:
    n = 1000
    group = PermutationGroup([Permutation.from_cycles(n, (0, 1)), np.roll(np.arange(n), 1).tolist()])
    assert group.order == factorial(n)
    sample = group.sample(300, generator(0, "large"))
    assert torch.equal(sample.sort(-1).values, torch.arange(n).expand(300, -1))
    fixed = (sample == torch.arange(n)).sum(-1)
    assert 0.7 < fixed.float().mean() < 1.3, "a uniform permutation has one fixed point on average"
    with pytest.raises(PermsetError, match=r"about 10\^2567 elements.* sample\(\)"):
        group.elements()
    with pytest.raises(PermsetError, match="has 120 elements, more than the 100 that are listed"):
        GROUPS["S_5"].elements(at_most=100)


def test_orbits_of_positions_and_of_pairs() -> None:
    assert GROUPS["S_2 × S_3"].orbits().tolist() == [0, 0, 1, 1, 1]
    assert GROUPS["trivial"].orbits().tolist() == [0, 1, 2]
    numbers = {"S_5": 2, "C_6": 6, "D_4": 3, "trivial": 9, "S_1": 1, "A_4": 2, "S_2 × S_3": 6, "Klein": 4}
    for name, number in numbers.items():
        group = GROUPS[name]
        orbits = group.pair_orbits()
        assert orbits.max() + 1 == number
        assert len(np.unique(orbits)) == number
        for p in group.elements():
            assert np.array_equal(orbits[p][:, p], orbits)


def test_groups_are_their_elements() -> None:
    rotations = [np.roll(np.arange(6), -5).tolist()]
    assert PermutationGroup(rotations) == GROUPS["C_6"]
    assert hash(PermutationGroup(rotations)) == hash(GROUPS["C_6"])
    assert PermutationGroup.dihedral(6) != GROUPS["C_6"]
    assert PermutationGroup.dihedral(3) == PermutationGroup.symmetric(3)
    assert str(GROUPS["S_2 × S_3"]) == "S_2 × S_3"


def test_a_copy_is_the_same_group_also_when_it_has_been_used() -> None:
    for group in GROUPS.values():
        group.elements()
        for copied in (copy.deepcopy(group), pickle.loads(pickle.dumps(group))):
            assert copied == group
            np.testing.assert_array_equal(copied.elements(), group.elements())
            assert str(copied) == str(group)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Permutation([0, 0, 1]), r"each of 0, …, n−1 once, got \[0, 0, 1\]"),
        (lambda: Permutation([1, 2, 3]), "each of 0, …, n−1 once"),
        (lambda: Permutation([]), "each of 0, …, n−1 once"),
        (lambda: Permutation.from_cycles(4, (0, 1), (1, 2)), "cycles must be disjoint"),
        (lambda: Permutation.from_cycles(3, (0, 3)), "within 0, …, 2"),
        (lambda: PermutationGroup([]), "at least one generator, all of one degree; got none"),
        (lambda: PermutationGroup([[0, 1], [0, 1, 2]]), r"of degrees \[2, 3\]"),
    ],
)
def test_what_is_no_group_is_refused(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(PermsetError, match=message):
        make()


def projective_line(p: int, squares: bool) -> PermutationGroup:
    """PSL(2, p), or PGL(2, p), on the p + 1 points of a projective line: primitive, and far from all permutations."""
    root = next(g for g in range(2, p) if len({pow(g, k, p) for k in range(p - 1)}) == p - 1)
    factor = root * root % p if squares else root
    shift = [*((x + 1) % p for x in range(p)), p]
    scale = [*(x * factor % p for x in range(p)), p]
    invert = [p if x == 0 else -pow(x, -1, p) % p for x in range(p)] + [0]
    return PermutationGroup([shift, scale, invert])


@pytest.mark.parametrize("n", [2, 3, 5, 7, 8, 9, 12, 30, 100])
def test_all_permutations_are_recognised_by_any_generators_and_no_others(n: int) -> None:
    swap, cycle = PermutationGroup.symmetric(n).permutations
    conjugate = np.random.default_rng(n).permutation(n)
    back = np.argsort(conjugate)
    generators = [conjugate[np.array(p)[back]] for p in (swap, cycle)]
    assert PermutationGroup(generators).is_symmetric
    assert PermutationGroup(generators).order == factorial(n)
    if n > 2:
        threes = [Permutation.from_cycles(n, (0, 1, i)) for i in range(2, n)]
        assert not PermutationGroup(threes).is_symmetric, "even permutations alone"
        assert not PermutationGroup.cyclic(n).is_symmetric
        assert not PermutationGroup.blocks([n - 1, 1]).is_symmetric


@pytest.mark.parametrize("p", [5, 7, 13, 23])
def test_primitive_groups_with_odd_permutations_are_not_taken_for_all(p: int) -> None:
    linear = projective_line(p, squares=False)
    assert linear.order == p * (p * p - 1)
    assert not linear.is_symmetric
    assert projective_line(p, squares=True).order == p * (p * p - 1) // 2


def test_large_groups_are_recognised_in_no_time() -> None:
    """Without a chain of stabilizers, which takes minutes; in a process that is ended where it does take them."""
    program = """
from permset.symmetry.groups import PermutationGroup
PermutationGroup._sympy = property(lambda group: 1 / 0)
for n in (8, 43, 100, 500):
    swap, cycle = PermutationGroup.symmetric(n).permutations
    assert PermutationGroup.symmetric(n).is_symmetric
    assert PermutationGroup([swap, cycle]).is_symmetric
    assert PermutationGroup([swap, cycle]) == PermutationGroup.symmetric(n)
"""
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=True, timeout=60)


def test_a_permutation_acts_alike_whatever_integers_it_is_made_of() -> None:
    x = torch.randn(5, 3, 2)
    for p in (np.array([2, 0, 1], kind) for kind in (np.uint8, np.int32, np.int64)):
        assert torch.equal(act(p, x), x[:, [2, 0, 1]])
        assert torch.equal(act(torch.as_tensor(p), x), x[:, [2, 0, 1]])


def test_primes_are_those_of_the_sieve() -> None:
    composite = {i * j for i in range(2, 10) for j in range(2, 51)}
    assert [n for n in range(101) if _is_prime(n)] == [n for n in range(2, 101) if n not in composite]


def test_too_many_elements_are_told_by_their_number_or_its_size() -> None:
    for n, number in ((12, "479,001,600"), (17, "355,687,428,096,000"), (20, "about 10^18")):
        with pytest.raises(PermsetError, match=re.escape(f"S_{n} has {number} elements, more than the 4,000,000 that")):
            PermutationGroup.symmetric(n).elements()
