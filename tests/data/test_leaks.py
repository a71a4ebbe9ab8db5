"""What is on both sides of a split is found, as slow twins find it, and refused where that is asked for."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from permset import PermsetError
from permset.config.data import ColumnParams, FractionParams, SplitParams
from permset.data.leaks import across, identical, leaks
from permset.data.splits import TEST, TRAINING, VALIDATION

FRACTION = FractionParams(kind="fraction", test=0.3, validation=0.2, seed=0)
COLUMN = ColumnParams(kind="column", column="part")
ROW = np.array([[TRAINING, TRAINING, VALIDATION, TEST, TEST]], np.int8)
NAMES = ["a", "b", "c", "d", "e"]
APART = np.arange(5)


@settings(max_examples=200)
@given(st.lists(st.lists(st.tuples(*[st.sampled_from([0.0, -0.0, 1.0, 2.0])] * 2), max_size=3), min_size=1))
def test_bags_of_the_same_objects_in_any_order_are_identical(bags: list[list[tuple[float, float]]]) -> None:
    """Also where sums agree and bags do not, as of [(0, 1), (1, 0)] and [(0, 0), (1, 1)]."""
    bags = [[(1.0, 2.0)], *bags]
    objects = np.array([one for bag in bags for one in bag], np.float32).reshape(-1, 2)
    first = identical(objects, np.array([len(bag) for bag in bags]))
    contents = [sorted(bag) if bag else [i] for i, bag in enumerate(bags)]
    assert first.tolist() == [contents.index(content) for content in contents]


def test_the_smallest_difference_is_one() -> None:
    one = np.float32(1)
    objects = np.array([1e-30, 2e-30, one, np.nextafter(one, 2 * one), 1e-30], np.float32)[:, None]
    assert identical(objects, np.ones(5, int)).tolist() == [0, 1, 2, 3, 0]


def test_objects_stay_as_they_are() -> None:
    objects = np.array([[2.0], [-0.0], [0.0], [2.0]], np.float32)
    assert identical(objects, np.array([2, 2])).tolist() == [0, 0]
    assert np.signbit(objects[:, 0]).tolist() == [False, True, False, False]
    assert objects[:, 0].tolist() == [2, 0, 0, 2]


@given(st.integers(1, 3), st.lists(st.tuples(st.integers(0, 4), *[st.sampled_from([0, 1, 2])] * 3), min_size=1))
def test_a_key_in_two_parts_is_found(count: int, drawn: list[tuple[int, ...]]) -> None:
    keys, *rows = (np.array(column) for column in zip(*drawn, strict=True))
    rows = np.array(rows[:count], np.int8)
    twin = [
        any(keys[i] == keys[j] and row[i] != row[j] for row in rows for j in range(len(keys))) for i in range(len(keys))
    ]
    assert across(rows, keys).tolist() == twin


def change(split: SplitParams, **values: Any) -> SplitParams:
    return split.model_copy(update=values)


def test_identical_bags_are_counted_in_any_split() -> None:
    assert not leaks(ROW, FRACTION, {}, APART, NAMES).any()
    assert not leaks(ROW, FRACTION, {}, np.array([0, 0, 2, 3, 3]), NAMES).any(), "on one side"
    for split in (FRACTION, COLUMN):
        assert leaks(ROW, split, {}, np.array([0, 1, 0, 3, 0]), NAMES).tolist() == [True, False, True, False, True]
    folds = np.concatenate([ROW, ROW[:, ::-1]])
    assert leaks(folds, FRACTION, {}, np.array([0, 1, 2, 3, 3]), NAMES).sum() == 0
    assert leaks(folds, FRACTION, {}, np.array([0, 1, 1, 3, 4]), NAMES).tolist() == [False, True, True, False, False]


def test_identical_bags_are_refused_where_that_is_asked_for() -> None:
    split = change(FRACTION, identical="refuse")
    assert not leaks(ROW, split, {}, np.array([0, 0, 2, 3, 3]), NAMES).any()
    with pytest.raises(PermsetError) as error:
        leaks(ROW, split, {}, np.array([0, 1, 2, 1, 1]), NAMES)
    assert str(error.value) == (
        "identical bags must be in one part of the split, got bag 'b' in train and bag 'd' in test; "
        "remove one of them, give both one group, or have them counted alone by identical: count"
    )


def test_a_group_in_two_parts_is_refused() -> None:
    split = change(COLUMN, group="who")
    assert not leaks(ROW, split, {"who": ["p", "p", "q", "r", "r"]}, APART, NAMES).any()
    with pytest.raises(
        PermsetError,
        match=r"^'q' in column 'who' must be in one part of the split, got bag 'c' in validation and bag 'e' in test; "
        r"move one of them, or remove group$",
    ):
        leaks(ROW, split, {"who": ["p", "p", "q", "r", "q"]}, APART, NAMES)
    leaks(ROW, COLUMN, {"who": ["p", "p", "q", "r", "q"]}, APART, NAMES)


def test_the_pair_that_is_named_is_of_one_row() -> None:
    """In the first row, in which a and d are on one side, all is well."""
    rows = np.array([[TEST, TRAINING, TRAINING, TEST, TEST], [TEST, TRAINING, TRAINING, VALIDATION, TEST]], np.int8)
    with pytest.raises(PermsetError, match=r"got bag 'a' in test and bag 'd' in validation; move one of them"):
        leaks(rows, change(FRACTION, group="who"), {"who": ["p", "q", "q", "p", "p"]}, APART, NAMES)
