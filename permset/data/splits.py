"""Splits of a collection into bags for training, validation and test: stratified, by bag or by group, seeded."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int, Int8

from permset import PermsetError
from permset.config.data import ROLES, ColumnParams, FoldsParams, FractionParams, SplitParams
from permset.config.mistakes import show

# Roles of a collection's bags.
TRAINING, VALIDATION, TEST = 0, 1, 2


def roles(
    y: Float[np.ndarray, "sets targets"],
    split: SplitParams,
    classes: Sequence[str],
    notes: Mapping[str, Sequence[str]] | None = None,
) -> Int8[np.ndarray, "rows sets"]:
    """One row for each fold of each repeat, or a single row. `classes` names the labels; it is empty for real targets.

    `notes` are the texts of each bag in the columns that the split names. PermsetError if a class has fewer bags than
    folds, or there are fewer groups, if a part would be empty, or a class be missing where groups or a column decide.
    """
    notes = notes or {}
    if isinstance(split, ColumnParams):
        rows = np.array([[ROLES.index(role) for role in notes[split.column]]], np.int8)
        few, remedy = f"column {show(split.column)}:", "correct the column"
    elif split.group is not None:
        rows = _by_group(y, split, classes, notes[split.group])
        few, remedy = f"{len(set(notes[split.group]))} groups are too few:", "give more groups, or change split"
    else:
        rows = _by_bag(y, split, classes)
        few, remedy = f"{len(y)} bags are too few:", "give more bags, or change split"
    for role, part in enumerate(("training", "validation", "test")):
        if not all((row == role).any() for row in rows):
            raise PermsetError(f"{few} none is left for {part}; {remedy}")
    for label, name in enumerate(classes if split.notes else ()):
        if not all((y[row == TRAINING, 0] == label).any() for row in rows):
            raise PermsetError(f"{few} no bag of class {name!r} is left for training; leave the class out, or {remedy}")
    return rows


def _by_bag(
    y: Float[np.ndarray, "sets targets"], split: FoldsParams | FractionParams, classes: Sequence[str]
) -> Int8[np.ndarray, "rows sets"]:
    """Bags stand in a line, class by class in random order, or by the first number and then shuffled among neighbours.

    What is taken is taken at even distances along it, so that every part has its share of each class, to within one
    bag, or of small and large numbers.
    """
    _check(y, split, classes)
    draws = np.random.default_rng(split.seed)
    neighbours = split.folds if isinstance(split, FoldsParams) else math.ceil(1 / split.test)
    rows = []
    for _ in range(split.repeats if isinstance(split, FoldsParams) else 1):
        line = draws.permutation(len(y))
        line = line[np.argsort(y[line, 0], kind="stable")]
        if not classes:
            line = line[np.argsort(np.arange(len(y)) // neighbours + draws.random(len(y)), kind="stable")]
        if isinstance(split, FoldsParams):
            tests = [np.arange(len(y)) % split.folds == fold for fold in range(split.folds)]
        else:
            tests = [_evenly(len(y), split.test)]
        for test in tests:
            row = np.zeros(len(y), np.int8)
            row[line[test]] = TEST
            rest = line[~test]
            row[rest[_evenly(len(rest), split.validation)]] = VALIDATION
            rows.append(row)
    return np.stack(rows)


def _evenly(count: int, share: float) -> Bool[np.ndarray, " count"]:
    """Systematic sampling: every (1/share)-th, from the middle of the first stretch on."""
    steps = np.floor(np.arange(count + 1) * share + 0.5)
    return np.diff(steps) > 0


def _by_group(
    y: Float[np.ndarray, "sets targets"],
    split: FoldsParams | FractionParams,
    classes: Sequence[str],
    groups: Sequence[str],
) -> Int8[np.ndarray, "rows sets"]:
    """Bags of one group have one role, which does not depend on the order of the bags.

    A group weighs what it has of each class and its number of bags; with real targets the ranks of the first number,
    counted from below and from above.
    """
    group = numbered(groups)
    if classes:
        weights = np.column_stack([y[:, :1] == np.arange(len(classes)), np.ones(len(y))])
    else:
        rank = np.searchsorted(np.sort(y[:, 0]), y[:, 0])
        weights = np.column_stack([1 + rank, len(y) - rank])
    amounts = np.stack([np.bincount(group, column) for column in weights.T], axis=1)
    least, part = (split.folds, "folds") if isinstance(split, FoldsParams) else (3, "parts")
    if len(amounts) < least:
        raise PermsetError(
            f"there are {len(amounts)} groups, and each of the {least} {part} needs one; give more, or change split"
        )
    draws = np.random.default_rng(split.seed)
    rows = []
    for _ in range(split.repeats if isinstance(split, FoldsParams) else 1):
        if isinstance(split, FoldsParams):
            folds = _dealt(amounts, [1 / split.folds] * split.folds, draws)
            tests = [folds == fold for fold in range(split.folds)]
        else:
            tests = [_dealt(amounts, [1 - split.test, split.test], draws) == 1]
        for test in tests:
            row = np.full(len(amounts), TEST, np.int8)
            row[~test] = _dealt(amounts[~test], [1 - split.validation, split.validation], draws)
            rows.append(row[group])
    return np.stack(rows)


def _dealt(
    amounts: Float[np.ndarray, "groups kinds"], shares: Sequence[float], draws: np.random.Generator
) -> Int[np.ndarray, " groups"]:
    """A part for each group: the one by which χ² = Σ (amount − share·total)² / (share·total) grows least.

    Large groups come first, in an order that chance changes by a factor of up to two. No part stays empty while there
    are groups for all.
    """
    expected = np.array(shares)[:, None] * np.maximum(amounts.sum(0), 1)
    there = np.zeros_like(expected)
    parts = np.zeros(len(amounts), int)
    empty = set(range(len(shares)))
    order = np.argsort(-amounts.sum(1) * (1 + draws.random(len(amounts))))
    for left, group in zip(range(len(order), 0, -1), order, strict=True):
        growth = (amounts[group] * (2 * there + amounts[group]) / expected).sum(1)
        if left <= len(empty):
            growth[[part not in empty for part in range(len(shares))]] = math.inf
        parts[group] = part = int(growth.argmin())
        there[part] += amounts[group]
        empty.discard(part)
    return parts


def numbered(texts: Sequence[str]) -> Int[np.ndarray, " sets"]:
    """The place of each text among the sorted different ones."""
    place = {text: i for i, text in enumerate(sorted(set(texts)))}
    return np.array([place[text] for text in texts])


def _check(y: Float[np.ndarray, "sets targets"], split: FoldsParams | FractionParams, classes: Sequence[str]) -> None:
    counts = np.bincount(y[:, 0].astype(int), minlength=len(classes)) if classes else np.array([len(y)])
    least, part = (split.folds, "folds") if isinstance(split, FoldsParams) else (3, "parts")
    for name, count in zip(classes or [""], counts, strict=True):
        if count < least:
            what = f"class {name!r} has {count} bags" if name else f"there are {count} bags"
            need = f"each of the {least} {part} needs one"
            how = "leave the class out, or ask for fewer folds" if part == "folds" else "or leave the class out"
            raise PermsetError(f"{what}, and {need}; give more bags, {how}")
