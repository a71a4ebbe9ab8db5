"""Every bag is test exactly once a repeat, and every part has its share of every class; random parts do not."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from permset import PermsetError
from permset.config.data import FoldsParams, FractionParams, SplitParams
from permset.data.splits import TEST, TRAINING, VALIDATION, roles

FOLDS = FoldsParams(kind="folds", folds=5, repeats=3, validation=0.2, seed=0)
FRACTION = FractionParams(kind="fraction", test=0.3, validation=0.2, seed=0)
NAMES = ["a", "b", "c", "d"]
SHARES = st.floats(0.1, 0.6)
SEEDS = st.integers(0, 9)
SPLITS = st.one_of(
    st.builds(FoldsParams, kind=st.just("folds"), folds=st.integers(2, 6), repeats=st.integers(1, 3),
              validation=SHARES, seed=SEEDS),
    st.builds(FractionParams, kind=st.just("fraction"), test=SHARES, validation=SHARES, seed=SEEDS),
)  # fmt: skip
COUNTS = st.lists(st.integers(6, 40), min_size=2, max_size=4)


def labels(counts: list[int], seed: int = 0) -> np.ndarray:
    """So many bags of each class, in random order."""
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))[:, None].astype(float)


def change(split: SplitParams, **values: Any) -> SplitParams:
    return split.model_copy(update=values)


def share_of_test(split: SplitParams) -> float:
    return 1 / split.folds if isinstance(split, FoldsParams) else split.test


def furthest(row: np.ndarray, groups: list[np.ndarray], split: SplitParams) -> float:
    """How many bags the parts are away from their share of a group, at worst; the validation's is of what is no test.

    Training is what is left, and so is as far away as both together at most.
    """
    away = []
    for group in groups:
        test, validation = ((row[group] == role).sum() for role in (TEST, VALIDATION))
        away.append(abs(test - share_of_test(split) * len(group)))
        away.append(abs(validation - split.validation * (len(group) - test)))
    return max(away)


def by_class(y: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(y[:, 0] == label) for label in np.unique(y)]


@settings(max_examples=60)
@given(COUNTS, SPLITS, SEEDS)
def test_every_part_has_its_share_of_every_class_and_every_bag_is_test_once_a_repeat(
    counts: list[int], split: SplitParams, seed: int
) -> None:
    y = labels(counts, seed)
    rows = roles(y, split, NAMES[: len(counts)])
    repeats, folds = (split.repeats, split.folds) if isinstance(split, FoldsParams) else (1, 1)
    assert rows.shape == (repeats * folds, len(y))
    assert all(set(row) == {TRAINING, VALIDATION, TEST} for row in rows.tolist())
    assert max(furthest(row, by_class(y), split) for row in rows) <= 1 + 1e-9
    if isinstance(split, FoldsParams):
        assert ((rows == TEST).reshape(repeats, folds, -1).sum(1) == 1).all()
        assert all((rows[:, group] == TEST).any(1).all() for group in by_class(y)), "no fold lacks a class"


def stretches(order: np.ndarray) -> list[np.ndarray]:
    """Neighbours in the order, some hundred of the many choices of them."""
    ends = [(start, end) for start in range(len(order)) for end in range(start + 1, len(order) + 1)]
    return [order[start:end] for start, end in ends[:: max(1, len(ends) // 300)]]


@settings(max_examples=60)
@given(st.integers(12, 80), SPLITS, SEEDS, st.integers(1, 2))
def test_every_part_has_its_share_of_every_stretch_of_real_targets(
    count: int, split: SplitParams, seed: int, targets: int
) -> None:
    """To within three bags, since neighbours are shuffled."""
    y = np.random.default_rng(seed).standard_cauchy((count, targets))
    rows = roles(y, split, [])
    assert max(furthest(row, stretches(y[:, 0].argsort()), split) for row in rows) <= 3 + 1e-9


@pytest.mark.parametrize("split", [FOLDS, FRACTION])
def test_parts_drawn_without_regard_to_the_targets_miss_their_shares(split: SplitParams) -> None:
    """The control of what is measured above."""
    y, real = labels([60, 30]), np.random.default_rng(0).normal(size=(90, 1))
    row, draws = roles(y, split, NAMES[:2])[0], np.random.default_rng(0)
    at_random = [draws.permutation(row) for _ in range(10)]
    assert max(furthest(row, by_class(y), split) for row in at_random) > 2
    assert max(furthest(row, stretches(real[:, 0].argsort()), split) for row in at_random) > 3


@settings(max_examples=30)
@given(COUNTS, SPLITS)
def test_the_seed_decides(counts: list[int], split: SplitParams) -> None:
    y, names = labels(counts), NAMES[: len(counts)]
    of_seeds = [roles(y, change(split, seed=seed), names) for seed in range(5)]
    assert all(np.array_equal(of_seeds[seed], roles(y, change(split, seed=seed), names)) for seed in range(5))
    assert len({rows.tobytes() for rows in of_seeds}) > 1


def repeats(y: np.ndarray, split: FoldsParams, names: list[str]) -> int:
    """How many of them differ, by the test bags of each fold in any order of the folds."""
    tests = (roles(y, split, names) == TEST).reshape(split.repeats, split.folds, -1)
    return len({frozenset(fold.tobytes() for fold in one) for one in tests})


def test_repeats_have_folds_of_their_own() -> None:
    assert repeats(labels([20, 12]), FOLDS, NAMES[:2]) == FOLDS.repeats
    tied = np.arange(60.0)[:, None] // 15
    assert repeats(tied, FOLDS, []) == FOLDS.repeats, "equal numbers stand in random order"


def test_repeats_have_folds_of_their_own_for_real_targets() -> None:
    y = np.random.default_rng(0).normal(size=(60, 1))
    assert repeats(y, FOLDS, []) == FOLDS.repeats


@pytest.mark.parametrize(
    ("counts", "split", "message"),
    [
        (
            [9, 4],
            FOLDS,
            r"^class 'b' has 4 bags, and each of the 5 folds needs one; give more bags, leave the class out, or "
            r"ask for fewer folds$",
        ),
        (
            [9, 2],
            FRACTION,
            r"^class 'b' has 2 bags, and each of the 3 parts needs one; give more bags, or leave the class out$",
        ),
        ([9, 0], FRACTION, r"^class 'b' has 0 bags"),
        ([3, 3], change(FRACTION, test=0.01), r"^6 bags are too few: none is left for test; [^\n]*$"),
        ([3, 3], change(FRACTION, validation=0.01), r"^6 bags are too few: none is left for validation; "),
        ([3, 3], change(FRACTION, test=0.97), r"^6 bags are too few: none is left for training; "),
        ([5, 5], change(FOLDS, validation=0.01), r"^10 bags are too few: none is left for validation; "),
    ],
)
def test_too_few_bags_are_told(counts: list[int], split: SplitParams, message: str) -> None:
    with pytest.raises(PermsetError, match=message):
        roles(labels(counts), split, NAMES[:2])
    roles(
        labels([40, 30]), change(split, validation=0.2, **({} if split.kind == "folds" else {"test": 0.3})), NAMES[:2]
    )


def test_too_few_real_targets_are_told() -> None:
    with pytest.raises(PermsetError, match=r"^there are 4 bags, and each of the 5 folds needs one; give more bags"):
        roles(np.arange(4.0)[:, None], FOLDS, [])
    with pytest.raises(PermsetError, match=r"^there are 2 bags, and each of the 3 parts needs one; give more bags"):
        roles(np.arange(2.0)[:, None], FRACTION, [])


@pytest.mark.parametrize(("split", "group"), [(FOLDS, 5), (change(FRACTION, test=0.25), 4)])
def test_of_neighbours_in_a_real_target_each_part_has_one(split: SplitParams, group: int) -> None:
    """In groups of as many as there are folds, or of the test's share: at random, and not always the same one."""
    y = np.random.default_rng(0).permutation(200)[:, None].astype(float)
    rows = roles(y, split, [])
    order = np.argsort(y[:, 0])
    ranks = [(rows[0][order].reshape(-1, group) == TEST).argmax(1), (rows[0] == TEST).sum()]
    assert ((rows[:, order].reshape(len(rows), -1, group) == TEST).sum(-1) == 1).all()
    assert len(set(ranks[0].tolist())) == group, "any of the neighbours may be taken"
