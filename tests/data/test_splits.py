"""Every bag is test exactly once a repeat, and every part has its share of every class; random parts do not.

The same by groups of bags, which stay whole, as far as groups allow.
"""

import hashlib
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from permset import PermsetError
from permset.config.data import ROLES, ColumnParams, FoldsParams, FractionParams, SplitParams
from permset.data.splits import TEST, TRAINING, VALIDATION, numbered, roles

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


def share_of_test(split: Any) -> float:
    return 1 / split.folds if isinstance(split, FoldsParams) else split.test


def furthest(row: np.ndarray, groups: list[np.ndarray], split: Any) -> float:
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
    """To within four bags, since neighbours are shuffled."""
    y = np.random.default_rng(seed).standard_cauchy((count, targets))
    rows = roles(y, split, [])
    assert max(furthest(row, stretches(y[:, 0].argsort()), split) for row in rows) <= 4 + 1e-9


@pytest.mark.parametrize("split", [FOLDS, FRACTION])
def test_parts_drawn_without_regard_to_the_targets_miss_their_shares(split: SplitParams) -> None:
    """The control of what is measured above."""
    y, real = labels([60, 30]), np.random.default_rng(0).normal(size=(90, 1))
    row, draws = roles(y, split, NAMES[:2])[0], np.random.default_rng(0)
    at_random = [draws.permutation(row) for _ in range(10)]
    assert max(furthest(row, by_class(y), split) for row in at_random) > 2
    assert max(furthest(row, stretches(real[:, 0].argsort()), split) for row in at_random) > 4


@settings(max_examples=30)
@given(COUNTS, SPLITS)
def test_the_seed_decides(counts: list[int], split: SplitParams) -> None:
    y, names = labels(counts), NAMES[: len(counts)]
    of_seeds = [roles(y, change(split, seed=seed), names) for seed in range(5)]
    assert all(np.array_equal(of_seeds[seed], roles(y, change(split, seed=seed), names)) for seed in range(5))
    assert len({rows.tobytes() for rows in of_seeds}) > 1


@pytest.mark.parametrize(
    ("split", "classes", "digest"),
    [
        (FOLDS, NAMES[:2], "681420188822552e"),
        (FOLDS, [], "c3890cb181e71359"),
        (FRACTION, NAMES[:2], "8ee53323a9141c13"),
        (FRACTION, [], "1adc5a81a97ed6bf"),
    ],
)
def test_splits_by_bag_stay_as_results_were_made_with_them(split: SplitParams, classes: list[str], digest: str) -> None:
    y = labels([60, 30]) if classes else np.random.default_rng(0).normal(size=(90, 1))
    assert hashlib.sha256(roles(y, split, classes).tobytes()).hexdigest().startswith(digest)


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
        (
            [3, 3],
            change(FRACTION, validation=0.01),
            r"^6 bags are too few: none is left for validation; give more bags, or change split$",
        ),
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


@st.composite
def grouped(draw: st.DrawFn) -> tuple[np.ndarray, list[str], list[str], SplitParams]:
    """Targets, classes and groups of bags in random order; a group has one class, any classes, or real numbers."""
    sizes = draw(st.lists(st.integers(1, draw(st.sampled_from([1, 3, 12]))), min_size=10, max_size=30))
    draws = np.random.default_rng(draw(SEEDS))
    group = draws.permutation(np.repeat(np.arange(len(sizes)), sizes))
    kind = draw(st.sampled_from(["one", "any", "real"]))
    y = {
        "one": np.arange(len(sizes))[group] % 2,
        "any": draws.integers(0, 2, len(group)),
        "real": draws.normal(size=group.shape),
    }
    names = [f"p{number}" for number in group]
    return y[kind][:, None].astype(float), [] if kind == "real" else NAMES[:2], names, change(draw(SPLITS), group="who")


def within_groups(y: np.ndarray, split: SplitParams, classes: list[str], names: list[str]) -> np.ndarray:
    """The roles of bags, where there are groups for all parts and classes."""
    try:
        return roles(y, split, classes, {"who": names})
    except PermsetError as error:
        assume("left for training" not in str(error) and "left for validation" not in str(error))
        raise


@settings(max_examples=100)
@given(grouped())
def test_groups_stay_whole_and_every_bag_is_test_once_a_repeat(drawn: Any) -> None:
    y, classes, names, split = drawn
    rows = within_groups(y, split, classes, names)
    repeats, folds = (split.repeats, split.folds) if split.kind == "folds" else (1, 1)
    assert rows.shape == (repeats * folds, len(y))
    assert all(set(row) == {TRAINING, VALIDATION, TEST} for row in rows.tolist())
    assert all(len(set(zip(names, row, strict=True))) == len(set(names)) for row in rows.tolist())
    if split.kind == "folds":
        assert ((rows == TEST).reshape(repeats, folds, -1).sum(1) == 1).all()


def off_by(row: np.ndarray, y: np.ndarray, names: list[str], split: SplitParams) -> float:
    """How far parts are from their share of all bags, and of each class or half, in bags of the largest group."""
    kinds = by_class(y) if set(y[:, 0]) <= {0, 1} else np.array_split(y[:, 0].argsort(), 2)
    return furthest(row, [np.arange(len(y)), *kinds], split) / np.bincount(numbered(names)).max()


@settings(max_examples=100)
@given(grouped())
def test_parts_of_groups_have_their_shares_to_within_a_group(drawn: Any) -> None:
    """To within two of real targets, of which a low number and a high one balance two in between."""
    y, classes, names, split = drawn
    rows = within_groups(y, split, classes, names)
    assert max(off_by(row, y, names, split) for row in rows) <= (1 if classes else 2) + 1e-9


def by_hand(sizes: list[int]) -> tuple[np.ndarray, list[str]]:
    """Groups of so many bags each, of two classes in turns."""
    group = np.repeat(np.arange(len(sizes)), sizes)
    return (group % 2)[:, None].astype(float), [f"p{number}" for number in group]


def test_groups_dealt_at_random_miss_their_shares() -> None:
    """The control."""
    y, names = by_hand([1, 2, 4, 8] * 8)
    row, draws = roles(y, change(FOLDS, group="who"), NAMES[:2], {"who": names})[0], np.random.default_rng(0)
    _, first, group = np.unique(names, return_index=True, return_inverse=True)
    at_random = [draws.permutation(row[first])[group] for _ in range(10)]
    assert np.mean([off_by(one, y, names, FOLDS) for one in at_random]) > 1
    assert off_by(row, y, names, FOLDS) < 0.5


@settings(max_examples=50)
@given(grouped(), st.randoms())
def test_the_seed_and_the_groups_decide_and_not_the_order_of_the_bags(drawn: Any, random: Any) -> None:
    y, classes, names, split = drawn
    rows = within_groups(y, split, classes, names)
    assert np.array_equal(rows, roles(y, split, classes, {"who": names}))
    order = random.sample(range(len(y)), len(y))
    again = roles(y[order], split, classes, {"who": [names[i] for i in order]})
    assert np.array_equal(again, rows[:, order])


@pytest.mark.parametrize("classes", [NAMES[:2], []])
@pytest.mark.parametrize("sizes", [[2] * 20, list(range(10, 30))])
def test_every_seed_and_repeat_has_groups_of_its_own_for_test_and_validation(
    sizes: list[int], classes: list[str]
) -> None:
    y, names = by_hand(sizes)
    split = change(FOLDS, group="who", folds=2, repeats=6, validation=0.3)
    of_seeds = [roles(y, change(split, seed=seed), classes, {"who": names}) for seed in range(5)]
    for role in (VALIDATION, TEST):
        assert len({(row == role).tobytes() for rows in of_seeds for row in rows}) > 30, "of 60"


def test_a_group_that_is_larger_than_its_share_leaves_a_part_for_each_other() -> None:
    y, names = by_hand([90, 90, 1, 1, 1, 1])
    rows = roles(y, change(FOLDS, group="who", repeats=1, folds=4), NAMES[:2], {"who": names})
    assert all(set(row) == {TRAINING, VALIDATION, TEST} for row in rows.tolist())
    of_groups = {name: rows[:, i].tolist() for i, name in enumerate(names)}
    assert of_groups["p0"].index(TEST) != of_groups["p1"].index(TEST), "the large ones are apart"


def test_no_part_stays_empty_while_there_are_groups_for_all() -> None:
    """The smallest shares, which no group fits, get one each."""
    split = change(FRACTION, group="who", test=0.01, validation=0.01)
    [row] = roles(np.zeros((15, 1)), split, [], {"who": by_hand([5, 5, 5])[1]})
    assert sorted(row.tolist()) == [TRAINING] * 5 + [VALIDATION] * 5 + [TEST] * 5


@pytest.mark.parametrize(
    ("split", "classes", "digest"),
    [
        (FOLDS, NAMES[:3], "95e1287a948181f5"),
        (FOLDS, [], "523396e77376ae4c"),
        (FRACTION, NAMES[:3], "4b6089319c538002"),
        (FRACTION, [], "7b5f6303b7786983"),
    ],
)
def test_splits_by_group_stay_as_results_were_made_with_them(
    split: SplitParams, classes: list[str], digest: str
) -> None:
    draws = np.random.default_rng(0)
    names = [f"p{number}" for number in draws.permutation(np.repeat(np.arange(40), 1 + np.arange(40) % 7))]
    y = draws.integers(0, 3, (len(names), 1)).astype(float) if classes else draws.normal(size=(len(names), 1))
    rows = roles(y, change(split, group="who"), classes, {"who": names})
    assert hashlib.sha256(rows.tobytes()).hexdigest().startswith(digest)


@pytest.mark.parametrize(
    ("sizes", "split", "message"),
    [
        ([5] * 4, FOLDS, r"^there are 4 groups, and each of the 5 folds needs one; give more, or change split$"),
        ([5] * 2, FRACTION, r"^there are 2 groups, and each of the 3 parts needs one; give more, or change split$"),
        (
            [5] * 2,
            change(FOLDS, folds=2),
            r"^2 groups are too few: none is left for validation; give more groups, or change split$",
        ),
        ([5] * 3, change(FOLDS, folds=2), r"^3 groups are too few: none is left for validation; "),
        (
            [5, 0, 5, 0, 5, 5, 5, 0, 5],
            FOLDS,
            r"^6 groups are too few: no bag of class 'b' is left for training; leave the class out, or give more gr",
        ),
    ],
)
def test_too_few_groups_are_told(sizes: list[int], split: SplitParams, message: str) -> None:
    y, names = by_hand(sizes)
    with pytest.raises(PermsetError, match=message):
        roles(y, change(split, group="who"), NAMES[:2], {"who": names})
    y, names = by_hand([5] * 12)
    roles(y, change(split, group="who"), NAMES[:2], {"who": names})


COLUMN = ColumnParams(kind="column", column="part")


@given(st.lists(st.sampled_from(ROLES), min_size=4), st.sampled_from([NAMES[:2], []]))
def test_a_column_says_who_has_which_role(said: list[str], classes: list[str]) -> None:
    said = ["train", "train", "validation", "test", *said]
    rows = roles(np.arange(len(said))[:, None] % 2.0, COLUMN, classes, {"part": said})
    assert rows.dtype == np.int8
    known = {"train": TRAINING, "validation": VALIDATION, "test": TEST}
    assert rows.tolist() == [[known[one] for one in said]]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (["train", "train", "test"], r"^column 'part': none is left for validation; correct the column$"),
        (["train", "validation", "train"], r"^column 'part': none is left for test; "),
        (["test", "validation", "test"], r"^column 'part': none is left for training; "),
        (["train", "test", "validation"], r"^column 'part': no bag of class 'b' is left for training; leave the class"),
    ],
)
def test_a_part_that_a_column_leaves_empty_is_told(said: list[str], message: str) -> None:
    y = np.array([[0.0], [1.0], [0.0]])
    with pytest.raises(PermsetError, match=message):
        roles(y, COLUMN, NAMES[:2], {"part": said})
    roles(y, COLUMN, [], {"part": ["test", "train", "validation"]})
