"""Splits of a collection into bags for training, validation and test: stratified, by bag, seeded."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int8

from permset import PermsetError
from permset.config.data import FoldsParams, SplitParams

# Roles of a collection's bags.
TRAINING, VALIDATION, TEST = 0, 1, 2


def roles(
    y: Float[np.ndarray, "sets targets"], split: SplitParams, classes: Sequence[str]
) -> Int8[np.ndarray, "rows sets"]:
    """One row for each fold of each repeat, or a single row. `classes` names the labels; it is empty for real targets.

    Bags stand in a line, class by class in random order, or by the first number and then shuffled among neighbours.
    What is taken is taken at even distances along it, so that every part has its share of each class, to within one
    bag, or of small and large numbers.
    PermsetError if a class has fewer bags than folds, or if a part would be empty.
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
    for role in range(3):
        if not all((row == role).any() for row in rows):
            part = ("training", "validation", "test")[role]
            raise PermsetError(f"{len(y)} bags are too few: none is left for {part}; give more bags, or change split")
    return np.stack(rows)


def _evenly(count: int, share: float) -> Bool[np.ndarray, " count"]:
    """Systematic sampling: every (1/share)-th, from the middle of the first stretch on."""
    steps = np.floor(np.arange(count + 1) * share + 0.5)
    return np.diff(steps) > 0


def _check(y: Float[np.ndarray, "sets targets"], split: SplitParams, classes: Sequence[str]) -> None:
    counts = np.bincount(y[:, 0].astype(int), minlength=len(classes)) if classes else np.array([len(y)])
    least, part = (split.folds, "folds") if isinstance(split, FoldsParams) else (3, "parts")
    for name, count in zip(classes or [""], counts, strict=True):
        if count < least:
            what = f"class {name!r} has {count} bags" if name else f"there are {count} bags"
            need = f"each of the {least} {part} needs one"
            how = "leave the class out, or ask for fewer folds" if part == "folds" else "or leave the class out"
            raise PermsetError(f"{what}, and {need}; give more bags, {how}")
