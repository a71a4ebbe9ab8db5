"""The least arrangement of a bag that a group can make, by which a bag is brought into canonical form.

An element of the group is a product t₀t₁… of one member of each transversal of its chain of stabilizers, where
tᵢ leaves the places before i alone. So the object at place 0 is settled by t₀, the one at place 1 by t₁, and so on: the
search keeps, place by place, what has the least object there (Linton 2004, Finding the smallest image of a set, for
sequences in place of sets). Objects that tie leave several candidates, of which one of each arrangement is kept. Where
the stabilizer that is left holds all permutations of each of its orbits, sorting these objects ends the search.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import factorial, prod
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int, Integer
from torch import Tensor, library

from permset.symmetry.groups import PermutationGroup


class Level(NamedTuple):
    """A stabilizer in the chain, by what its elements can bring to the first place that they move."""

    place: int
    transversal: Integer[np.ndarray, "orbit n"]


class Chain(NamedTuple):
    levels: Sequence[Level]
    orbits: Integer[np.ndarray, " n"]
    """of the group after these levels, which holds all permutations of each of its orbits"""


def least_arrangement(ranks: Int[Tensor, "*batch n"], group: PermutationGroup) -> Int[Tensor, "*batch n"]:
    """The element p of the group for which `ranks[p]` is lexicographically least; one of those, where ranks tie.

    It is one operation to torch, so that what differs from bag to bag can be traced and vectorised with the rest.
    """
    return _least(ranks, [i for p in group.permutations for i in p], group.degree)


@library.custom_op("permset::least_arrangement", mutates_args=())
def _least(ranks: Tensor, generators: Sequence[int], degree: int) -> Tensor:
    rows = ranks.reshape(-1, degree).cpu().numpy()
    found = search(rows, _chain(tuple(generators), degree))
    return torch.as_tensor(found, device=ranks.device).reshape(ranks.shape)


@_least.register_fake
def _(ranks: Tensor, generators: Sequence[int], degree: int) -> Tensor:
    return torch.empty_like(ranks, dtype=torch.long)


@_least.register_vmap
def _(
    info: object, in_dims: tuple[int, ...], ranks: Tensor, generators: Sequence[int], degree: int
) -> tuple[Tensor, int]:
    return _least(ranks.movedim(in_dims[0], 0), generators, degree), 0


def search(ranks: Integer[np.ndarray, "sets n"], chain: Chain) -> Int[np.ndarray, "sets n"]:
    """For each bag the element that gives the least arrangement."""
    sets, n = ranks.shape
    bags, elements = np.arange(sets), np.tile(np.arange(n), (sets, 1))
    for place, transversal in chain.levels:
        objects = ranks[bags[:, None], elements[:, transversal[:, place]]]
        least = np.full(sets, np.iinfo(ranks.dtype).max, ranks.dtype)
        np.minimum.at(least, bags, objects.min(1))
        candidates, members = np.nonzero(objects == least[bags, None])
        bags, elements = bags[candidates], np.take_along_axis(elements[candidates], transversal[members], 1)
        if len(bags) > sets:
            arranged = np.take_along_axis(ranks[bags], elements, 1)
            _, first = np.unique(np.column_stack([bags, arranged]), axis=0, return_index=True)
            bags, elements = bags[first], elements[first]
    elements = _sorted_in_orbits(elements, np.take_along_axis(ranks[bags], elements, 1), chain.orbits)
    arranged = np.take_along_axis(ranks[bags], elements, 1)
    order = np.lexsort((*arranged.T[::-1], bags))
    _, first = np.unique(bags[order], return_index=True)
    return elements[order][first]


def _sorted_in_orbits(
    elements: Integer[np.ndarray, "m n"], arranged: Integer[np.ndarray, "m n"], orbits: Integer[np.ndarray, " n"]
) -> Integer[np.ndarray, "m n"]:
    """The elements, after which the objects of each orbit are put in order."""
    places = np.argsort(orbits, kind="stable")
    order = np.lexsort((arranged, np.broadcast_to(orbits, arranged.shape)))
    result = np.empty_like(elements)
    result[:, places] = np.take_along_axis(elements, order, 1)
    return result


@lru_cache(maxsize=100)
def _chain(generators: tuple[int, ...], degree: int) -> Chain:
    return chain_of(PermutationGroup(np.reshape(generators, (-1, degree))))


def chain_of(group: PermutationGroup) -> Chain:
    """Stabilizers of the places 0, 1, … in turn, until all permutations of each orbit are left."""
    if group.is_symmetric:
        return Chain([], group.orbits())
    from sympy.combinatorics import Permutation
    from sympy.combinatorics.util import _distribute_gens_by_base, _orbits_transversals_from_bsgs

    base, strong = group._sympy.schreier_sims_incremental(base=list(range(group.degree)))
    stabilizers = _distribute_gens_by_base(base, strong)
    transversals = _orbits_transversals_from_bsgs(base, stabilizers, transversals_only=True)
    levels: list[Level] = []
    for i, place in enumerate(base):
        order = prod(len(transversal) for transversal in transversals[i:])
        moved = [p.array_form for p in stabilizers[i] if isinstance(p, Permutation)] or [list(range(group.degree))]
        orbits = PermutationGroup(moved).orbits()
        if order == prod(factorial(size) for size in np.bincount(orbits).tolist()):
            return Chain(levels, orbits)
        members = np.array([p.array_form for p in transversals[i].values()])
        if len(members) > 1:
            levels.append(Level(place, members))
    return Chain(levels, np.arange(group.degree))
