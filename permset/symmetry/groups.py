"""Permutation groups and how they act.

The one convention, said once: a permutation p of n objects is a sequence of n integers, and it acts on
the object axis, the last but one, as `act(p, x) = x[..., p, :]`. Acting by p and then by q is acting by
`p[q]`. SymPy does the group theory: a chain of stabilizers G = G₀ > G₁ > … > 1, in which every element is
one product t₀t₁… of a member tᵢ of each transversal of Gᵢ₊₁ in Gᵢ (Seress 2003, Permutation Group
Algorithms, chapter 4). Listing and sampling compose the transversals in bulk.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import product
from math import factorial, prod
from typing import Any, SupportsInt

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from permset import PermsetError

LISTED_AT_MOST = 4_000_000  # elements: all of S_10, in 40 MB


class Permutation(tuple[int, ...]):
    """A permutation as a map: p(x) reorders objects, p @ q acts by p and then by q. Compared as tuples are."""

    def __new__(cls, images: Iterable[SupportsInt]) -> "Permutation":
        """From the images of 0, …, n−1; PermsetError unless each of 0, …, n−1 comes exactly once."""
        values = tuple(int(i) for i in images)
        if sorted(values) != list(range(len(values))) or not values:
            raise PermsetError(f"a permutation must hold each of 0, …, n−1 once, got {list(values)}")
        return super().__new__(cls, values)

    @classmethod
    def from_cycles(cls, degree: int, *cycles: Sequence[int]) -> "Permutation":
        """The product of disjoint cycles: (0 1 2) takes position 0 to 1, 1 to 2 and 2 to 0."""
        moved = [i for cycle in cycles for i in cycle]
        if len(set(moved)) < len(moved) or not set(moved) <= set(range(degree)):
            raise PermsetError(
                f"cycles must be disjoint and within 0, …, {degree - 1}, got {[list(c) for c in cycles]}"
            )
        images = list(range(degree))
        for cycle in cycles:
            for i, j in zip(cycle, [*cycle[1:], *cycle[:1]], strict=True):
                images[i] = j
        return cls(images)

    def __call__(self, x: Float[Tensor, "*batch n c"]) -> Float[Tensor, "*batch n c"]:
        return act(np.array(self), x)

    def __matmul__(self, other: "Permutation") -> "Permutation":
        return Permutation(self[i] for i in other)

    def __str__(self) -> str:
        """In cycle notation, without the positions that stay: (0 1 2)(3 4)."""
        cycles, left = [], set(range(len(self)))
        while left:
            cycle = [min(left)]
            while self[cycle[-1]] != cycle[0]:
                cycle.append(self[cycle[-1]])
            left -= set(cycle)
            if len(cycle) > 1:
                cycles.append(f"({' '.join(map(str, cycle))})")
        return "".join(cycles) or "()"

    @property
    def inverse(self) -> "Permutation":
        return Permutation(np.argsort(self, kind="stable"))


def act(
    p: Integer[np.ndarray, " n"] | Integer[Tensor, " n"], x: Float[Tensor, "*batch n c"]
) -> Float[Tensor, "*batch n c"]:
    """Reorder the objects: object i of the result is object p[i] of x."""
    return x[..., torch.as_tensor(p, dtype=torch.long, device=x.device), :]


class PermutationGroup:
    """The group that some permutations of the same degree generate."""

    def __init__(self, generators: Iterable[Iterable[SupportsInt]], name: str | None = None):
        permutations = [Permutation(p) for p in generators]
        degrees = {len(p) for p in permutations}
        if len(degrees) != 1:
            what = f"of degrees {sorted(degrees)}" if degrees else "none"
            raise PermsetError(f"a group needs at least one generator, all of one degree; got {what}")
        self.degree = degrees.pop()
        self.permutations = tuple(permutations)
        self.name = name

    @classmethod
    def symmetric(cls, n: int) -> "PermutationGroup":
        """S_n, all permutations, by the transposition (0 1) and the n-cycle."""
        swap = Permutation.from_cycles(n, (0, 1)) if n > 1 else Permutation(range(n))
        group = cls([swap, *cls.cyclic(n).permutations], f"S_{n}")
        group.is_symmetric = True
        return group

    @classmethod
    def cyclic(cls, n: int) -> "PermutationGroup":
        """C_n, the n rotations."""
        return cls([np.roll(np.arange(n), -1)], f"C_{n}")

    @classmethod
    def dihedral(cls, n: int) -> "PermutationGroup":
        """D_n, rotations and reflections of n positions on a circle."""
        return cls([*cls.cyclic(n).permutations, range(n)[::-1]], f"D_{n}")

    @classmethod
    def trivial(cls, n: int) -> "PermutationGroup":
        return cls([range(n)], f"1_{n}")

    @classmethod
    def blocks(cls, sizes: Sequence[int]) -> "PermutationGroup":
        """S_a × S_b × …: permutations within consecutive blocks of these sizes."""
        degree, start, generators = sum(sizes), 0, []
        for size in sizes:
            for p in cls.symmetric(size).permutations:
                generators.append([*range(start), *(start + i for i in p), *range(start + size, degree)])
            start += size
        return cls(generators, " × ".join(f"S_{size}" for size in sizes))

    def __str__(self) -> str:
        """S_n, C_n and D_n by name, also if only their generators were given; other groups by their generators."""
        if self.name:
            return self.name
        for named in (self.symmetric(self.degree), self.cyclic(self.degree), self.dihedral(self.degree)):
            if set(self.permutations) == set(named.permutations):
                return str(named)
        return f"⟨{', '.join(map(str, self.permutations))}⟩"

    def __eq__(self, other: object) -> bool:
        """Whether both hold the same elements, whatever generates them."""
        if not isinstance(other, PermutationGroup) or self.degree != other.degree:
            return False
        return all(p in other for p in self.permutations) and all(p in self for p in other.permutations)

    def __hash__(self) -> int:
        return hash((self.degree, self.order))

    def __getstate__(self) -> dict[str, Any]:
        """What SymPy has found out of the group is found again, for its own objects do not survive being copied."""
        return {name: getattr(self, name) for name in ("degree", "permutations", "name")}

    def __contains__(self, images: Iterable[SupportsInt]) -> bool:
        p = Permutation(images)
        if len(p) != self.degree:
            return False
        from sympy.combinatorics import Permutation as SympyPermutation

        return self.is_symmetric or bool(self._sympy.contains(SympyPermutation(list(p))))

    def generators(self) -> Integer[np.ndarray, "k n"]:
        """A function invariant under these is invariant under the group: its elements are their products."""
        return np.array(self.permutations)

    @cached_property
    def is_symmetric(self) -> bool:
        """Whether this is all of S_n, decided without a chain of stabilizers where it is, and always in the same way.

        A transitive group with a cycle of prime length p, n/2 < p < n − 2, holds all even permutations (Jordan 1873;
        Seress 2003, section 10.2). With an odd generator it then is S_n.
        """
        if self.degree == 1:
            return True
        if self.orbits().any() or all(_is_even(p) for p in self.permutations):
            return False
        return self._has_jordan_cycle() or prod(len(t) for t in self._transversals) == factorial(self.degree)

    @cached_property
    def order(self) -> int:
        """Number of elements."""
        return factorial(self.degree) if self.is_symmetric else prod(len(t) for t in self._transversals)

    def orbits(self) -> Integer[np.ndarray, " n"]:
        """The orbit of each position, numbered by first appearance."""
        return _components(self.generators())

    def pair_orbits(self) -> Integer[np.ndarray, "n n"]:
        """The orbit of each pair of positions, numbered by first appearance."""
        n = self.degree
        pairs = np.stack([p[:, None] * n + p[None, :] for p in self.generators()]).reshape(-1, n * n)
        return _components(pairs).reshape(n, n)

    def blocks_of_elements(self, size: int) -> Iterator[Integer[np.ndarray, "m n"]]:
        """All elements, each once, in arrays of at most `size` (of at least one transversal's length)."""
        identity = np.arange(self.degree, dtype=_smallest_dtype(self.degree))
        inner, outer = identity[None], list(self._transversals)
        while outer and len(outer[-1]) * len(inner) <= size:
            inner = outer.pop()[:, inner].reshape(-1, self.degree)
        for members in product(*outer):
            t = identity
            for member in members:
                t = t[member]
            yield t[inner]

    def elements(self, at_most: int = LISTED_AT_MOST) -> Integer[np.ndarray, "order n"]:
        """All elements, each once; PermsetError if there are more than `at_most`."""
        if self.order > at_most:
            raise PermsetError(
                f"{self} has {_spell(self.order)} elements, more than the {at_most:,} that are listed; "
                "draw from it with sample(), or go through it with blocks_of_elements()"
            )
        return np.concatenate(list(self.blocks_of_elements(at_most)))

    def sample(self, size: int, generator: torch.Generator) -> Integer[Tensor, "size n"]:
        """Uniformly random elements, independent of each other, on the generator's device."""
        device = generator.device
        if self.is_symmetric:
            return torch.rand(size, self.degree, generator=generator, device=device).argsort(-1)
        p = torch.arange(self.degree, device=device).expand(size, -1)
        for transversal in self._transversals:
            members = torch.as_tensor(transversal.astype(np.int64), device=device)
            drawn = torch.randint(len(members), (size,), generator=generator, device=device)
            p = p.gather(-1, members[drawn])
        return p

    def _has_jordan_cycle(self, elements: int = 300) -> bool:
        """Whether one of so many random elements proves that a transitive group holds all even permutations.

        In S_n more than one element in ten does (about ln 2 / ln n), so that S_n is as good as never missed. The
        elements come from product replacement (Celler et al. 1995) with a fixed seed.
        """
        n, draws = self.degree, np.random.default_rng(0)
        pool = [np.array(p) for p in self.permutations]
        pool = [pool[i % len(pool)] for i in range(max(10, len(pool)))]
        for step in range(100 + elements):
            i, j = draws.choice(len(pool), 2, replace=False)
            pool[i] = pool[i][pool[j] if draws.random() < 0.5 else np.argsort(pool[j])]
            if step >= 100 and any(n / 2 < length < n - 2 and _is_prime(length) for length in _cycle_lengths(pool[i])):
                return True
        return False

    @cached_property
    def _sympy(self) -> Any:
        from sympy.combinatorics import Permutation as SympyPermutation  # Loading it takes half a second.
        from sympy.combinatorics import PermutationGroup as SympyGroup

        return SympyGroup([SympyPermutation(list(p)) for p in self.permutations])

    @cached_property
    def _transversals(self) -> list[Integer[np.ndarray, "m n"]]:
        """A transversal of each stabilizer in the one before; an element is t₀[t₁[…]] for one choice of members."""
        dtype = _smallest_dtype(self.degree)
        return [np.array([list(p) for p in t.values()], dtype) for t in self._sympy.basic_transversals]


def _components(maps: Integer[np.ndarray, "k points"]) -> Integer[np.ndarray, " points"]:
    """The connected component of each point under the maps, numbered by first appearance."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    k, points = maps.shape
    starts = np.tile(np.arange(points), k)
    graph = coo_array((np.ones(k * points, bool), (starts, maps.ravel())), shape=(points, points))
    _, labels = connected_components(graph, directed=False)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first, kind="stable"), kind="stable")[inverse]


def _cycle_lengths(p: Sequence[int] | Integer[np.ndarray, " n"]) -> list[int]:
    lengths, left = [], set(range(len(p)))
    while left:
        first = point = left.pop()
        length = 1
        while (point := int(p[point])) != first:
            left.remove(point)
            length += 1
        lengths.append(length)
    return lengths


def _is_even(p: Sequence[int]) -> bool:
    return (len(p) - len(_cycle_lengths(p))) % 2 == 0


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


def _smallest_dtype(degree: int) -> np.dtype[Any]:
    return np.min_scalar_type(degree - 1)


def _spell(number: int) -> str:
    return f"{number:,}" if number < 10**15 else f"about 10^{len(str(number)) - 1}"
