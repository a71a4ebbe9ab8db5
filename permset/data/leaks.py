"""What leaks across the parts of a split: a group of bags on both sides, or an identical bag."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, Int8

from permset import PermsetError
from permset.config.data import ROLES, SplitParams
from permset.config.mistakes import show
from permset.data.splits import numbered


def leaks(
    rows: Int8[np.ndarray, "rows sets"],
    split: SplitParams,
    notes: Mapping[str, Sequence[str]],
    same: Int[np.ndarray, " sets"],
    names: Sequence[str],
) -> Bool[np.ndarray, " sets"]:
    """Which bags have an identical one in another part of the split, in any row. `same` numbers them by `identical`.

    PermsetError if a group is in two parts, or such a bag, where the split refuses them. `names` are those of the bags.
    """
    if split.group is not None:
        group = numbered(notes[split.group])
        if across(rows, group).any():
            one, pair = _example(rows, group, names)
            what = f"{show(notes[split.group][one])} in column {split.group!r} must be in one part of the split"
            raise PermsetError(f"{what}, got {pair}; move one of them, or remove group")
    found = across(rows, same)
    if split.identical == "refuse" and found.any():
        _, pair = _example(rows, same, names)
        how = "remove one of them, give both one group, or have them counted alone by identical: count"
        raise PermsetError(f"identical bags must be in one part of the split, got {pair}; {how}")
    return found


def identical(
    objects: Float[np.ndarray, "objects channels"], sizes: Int[np.ndarray, " sets"]
) -> Int[np.ndarray, " sets"]:
    """For each bag the first one of the same objects, in whatever order; empty bags are not compared.

    Those are compared whole that have equal sums, in each channel, of float32's bits as whole numbers.
    """
    objects = objects + 0.0  # −0 is 0
    first, starts, full = np.arange(len(sizes)), np.cumsum(sizes) - sizes, np.flatnonzero(sizes)
    sums = np.add.reduceat(objects.view(np.uint32), starts[full])
    _, alike, times = np.unique(sums, axis=0, return_inverse=True, return_counts=True)
    known: dict[bytes, int] = {}
    for bag in full[times[alike.ravel()] > 1]:
        content = objects[starts[bag] : starts[bag] + sizes[bag]]
        first[bag] = known.setdefault(content[np.lexsort(content.T)].tobytes(), bag)
    return first


def across(rows: Int8[np.ndarray, "rows sets"], keys: Int[np.ndarray, " sets"]) -> Bool[np.ndarray, " sets"]:
    """Which bags have one of their own key in another part, in any row."""
    found = np.zeros(len(keys), bool)
    for row in rows:
        parts = np.zeros((keys.max() + 1, len(ROLES)), bool)
        parts[keys, row] = True
        found |= parts.sum(1)[keys] > 1
    return found


def _example(
    rows: Int8[np.ndarray, "rows sets"], keys: Int[np.ndarray, " sets"], names: Sequence[str]
) -> tuple[int, str]:
    """The first bag of one key in two parts of a row, and in words where it and the other are."""
    row = next(row for row in rows if across(row[None], keys).any())
    one = int(across(row[None], keys).argmax())
    other = ((keys == keys[one]) & (row != row[one])).argmax()
    return one, " and ".join(f"bag {show(names[bag])} in {ROLES[row[bag]]}" for bag in (one, other))
