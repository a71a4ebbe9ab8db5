"""The distinct arrangements of a bag under a group, where equal objects make many permutations give the same one."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from jaxtyping import Integer

from permset.symmetry.groups import PermutationGroup

# Arrangements that are listed once and kept.
FEW = 1000


def arrangements(
    group: PermutationGroup, pattern: Integer[np.ndarray, " n"], size: int
) -> Iterator[Integer[np.ndarray, "arrangements n"]]:
    """Elements that give each distinct arrangement of a bag once, in arrays (at most `size`, n).

    pattern[i] == pattern[j] says that objects i and j are equal. Without equal ones that is the whole group;
    else the arrangements are found from the first by applying generators, as many as there are and no more.
    """
    listed = _few_arrangements(group, tuple(pattern.tolist()))
    if listed is None:
        yield from _search(group, pattern, size)
    else:
        yield from (listed[start : start + size] for start in range(0, len(listed), size))


@lru_cache(maxsize=1000)  # Bag after bag has the same patterns.
def _few_arrangements(
    group: PermutationGroup, pattern: tuple[int, ...]
) -> Integer[np.ndarray, "arrangements n"] | None:
    """All of them, where there are so few that they are worth keeping."""
    found: list[Integer[np.ndarray, "arrangements n"]] = []
    for elements in _search(group, np.array(pattern), FEW):
        found.append(elements)
        if sum(map(len, found)) > FEW:
            return None
    return np.concatenate(found)


def _search(
    group: PermutationGroup, pattern: Integer[np.ndarray, " n"], size: int
) -> Iterator[Integer[np.ndarray, "arrangements n"]]:
    if len(np.unique(pattern)) == len(pattern):
        for block in group.blocks_of_elements(size):
            yield from np.array_split(block, -(-len(block) // size))
        return
    border = np.arange(group.degree)[None]
    seen = np.empty(0, np.dtype((np.void, pattern.astype(np.uint16).nbytes)))
    while len(border):
        keys = np.ascontiguousarray(pattern.astype(np.uint16)[border]).view(seen.dtype).ravel()
        keys, first = np.unique(keys, return_index=True)
        new = ~np.isin(keys, seen)
        border, seen = border[first[new]], np.concatenate([seen, keys[new]])
        for start in range(0, len(border), size):
            yield border[start : start + size]
        border = np.concatenate([border[:, p] for p in group.generators()])
