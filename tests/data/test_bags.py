"""Bags out of a flat collection against loops, and the batches that seeds are given of it."""

import math
from itertools import pairwise

import pytest
import torch
from flat_collections import collect, loop
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from permset.data.bags import in_like_sizes

SIZES = st.lists(st.one_of(st.integers(0, 4), st.integers(0, 40)), min_size=1, max_size=30)
LEAST = st.sampled_from([1 / 8, 1 / 4, 1 / 2, 0.0])


def padded(some: list[Tensor], size: int) -> Tensor:
    return torch.stack([torch.cat([bag, torch.zeros(size - len(bag), bag.shape[1])]) for bag in some])


@settings(max_examples=80)
@given(SIZES, st.data())
def test_bags_of_a_collection_are_those_of_a_loop(sizes: list[int], data: st.DataObject) -> None:
    collection = collect(sizes)
    which = data.draw(st.lists(st.integers(0, len(sizes) - 1), min_size=1, max_size=12))
    expected = loop(collection, which)
    largest = max(1, *(len(bag) for bag in expected))
    wide = data.draw(st.integers(largest, largest + 3))
    for bags, size in (
        (collection.bags(torch.tensor(which)), largest),
        (collection.bags(torch.tensor(which), wide), wide),
    ):
        assert torch.equal(bags.x, padded(expected, size))
        assert bags.mask is not None
        assert torch.equal(bags.mask, torch.arange(size) < collection.sizes[which].unsqueeze(-1))
        assert bags.y[:, 0].tolist() == which
        assert all(torch.equal(bags.alone(i)[0], bag) for i, bag in enumerate(expected))


@settings(max_examples=40)
@given(SIZES, st.integers(1, 4), st.integers(1, 3), st.data())
def test_indices_may_have_any_shape(sizes: list[int], rows: int, columns: int, data: st.DataObject) -> None:
    collection, count = collect(sizes), rows * columns
    which = torch.tensor(data.draw(st.lists(st.integers(0, len(sizes) - 1), min_size=count, max_size=count)))
    flat, table = collection.bags(which), collection.bags(which.view(rows, columns))
    for one, other in zip((flat.x, flat.y, flat.mask), (table.x, table.y, table.mask), strict=True):
        assert torch.equal(one.unflatten(0, (rows, columns)), other)  # type: ignore[union-attr]


def test_what_follows_a_bag_is_not_taken_for_its_own() -> None:
    """The control: without the mask, the objects of the next bag are in its place."""
    collection = collect([2, 0, 3], channels=1)
    bags = collection.bags(torch.tensor([1, 0]), 3)
    assert bags.x[..., 0].tolist() == [[0, 0, 0], [1, 2, 0]]
    starts = collection.sizes.cumsum(0) - collection.sizes
    assert collection.objects[starts[[1, 0]].unsqueeze(-1) + torch.arange(3), 0].tolist() == [[3, 4, 5], [1, 2, 3]]


@settings(max_examples=60)
@given(SIZES, st.data())
def test_all_objects_of_some_bags_come_once(sizes: list[int], data: st.DataObject) -> None:
    collection = collect(sizes)
    which = data.draw(st.lists(st.integers(0, len(sizes) - 1), max_size=12))
    expected = torch.cat([collection.objects[:0], *loop(collection, sorted(set(which)))])
    assert torch.equal(collection.objects_of(torch.tensor(which, dtype=torch.long)), expected)


@settings(max_examples=100)
@given(SIZES, LEAST)
def test_ranges_of_like_sizes_halve_and_hold_their_share(sizes: list[int], least: float) -> None:
    ends = collect(sizes).like_sizes(least)
    assert ends[0] == max(1, *sizes)
    assert all(1 <= end <= before // 2 for before, end in pairwise(ends))
    lowers = [*ends[1:], -1]
    held = [sum(low < size <= end for size in sizes) / len(sizes) for end, low in zip(ends, lowers, strict=True)]
    assert sum(held) == pytest.approx(1)
    assert all(share >= least for share in held)
    if len(set(sizes)) == 1 and least > 0:
        assert len(ends) == 1


def test_ranges_are_found_where_there_are_any() -> None:
    """Lest one range for all would do."""
    assert collect([1] * 5 + [3] * 5 + [10] * 5).like_sizes(1 / 8) == [10, 5, 2]
    assert collect([1] * 5 + [3] * 5 + [10] * 5).like_sizes(1 / 3) == [10, 5, 2]
    assert collect([1] * 5 + [3] * 5 + [10] * 5).like_sizes(2 / 5) == [10]
    assert collect([1] * 5 + [3] * 5 + [10] * 10).like_sizes(2 / 5) == [10, 5]
    assert collect([1] * 5 + [10] * 50).like_sizes(1 / 8) == [10]


@settings(max_examples=60)
@given(SIZES, st.integers(1, 7), st.data())
def test_portions_of_like_sizes_have_each_bag_once(sizes: list[int], at_once: int, data: st.DataObject) -> None:
    collection = collect(sizes)
    which = data.draw(st.lists(st.integers(0, len(sizes) - 1), min_size=1, max_size=20, unique=True))
    portions = [few.tolist() for few in in_like_sizes(collection, torch.tensor(which), at_once)]
    assert all(1 <= len(few) <= at_once for few in portions)
    assert len(portions) == math.ceil(len(which) / at_once)
    assert sorted(i for few in portions for i in few) == sorted(which)
    in_turn = [sizes[i] for few in portions for i in few]
    assert in_turn == sorted(in_turn)


def test_bags_of_all_sizes_come_from_all_over_and_make_up_so_many_objects() -> None:
    """One bag of each size, here the first and the last, and others at even distances."""
    many = collect([1] * 20 + [5])
    assert many.of_all_sizes(12).tolist() == [0, 1, 5, 10, 15, 19, 20], "6 + 5 objects, of 25/21 a bag on average"
    assert many.of_all_sizes(1).tolist() == [0, 20]
    assert many.of_all_sizes(999).tolist() == list(range(21))
    assert collect([0] * 8 + [2]).of_all_sizes(6).tolist() == [0, 1, 3, 5, 7, 8], "an empty bag counts for one object"
