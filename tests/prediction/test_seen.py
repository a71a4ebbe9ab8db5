"""A bag is outside exactly where it has more objects, or larger or smaller numbers, than any of training."""

import numpy as np
import pytest
import torch

from permset.data.bags import Collection
from permset.data.batches import Split
from permset.prediction.seen import Seen
from permset.reading.encoding import UNSEEN, Column, Encoding
from permset.reading.portions import Portion

PLAIN = Encoding([Column("price"), Column("weight")])
OBJECTS = [[1, -5], [2, 5], [3, 0], [99, 99], [0, 0.5], [1, 1]]


def split(roles: list[list[int]], sizes: list[int]) -> Split:
    objects = torch.tensor(OBJECTS[: sum(sizes)], dtype=torch.float32)
    return Split(Collection(objects, torch.tensor(sizes), torch.zeros(len(sizes), 1)), torch.tensor(roles))


def outside(seen: Seen, *bags: list[list[float]]) -> list[str]:
    objects = np.array([x for bag in bags for x in bag], np.float32).reshape(-1, len(seen.encoding.columns))
    sizes = np.array([len(bag) for bag in bags])
    return seen.outside(Portion([""] * len(bags), objects, sizes, np.full((len(bags), 1), np.nan), 1.0))


def test_only_bags_of_training_count() -> None:
    """The fourth object is of a test bag, and the fifth of one for validation."""
    seen = Seen.of(split([[0, 0, 2, 1]], [2, 1, 1, 1]), PLAIN)
    assert seen.low.tolist() == [1, -5]
    assert seen.high.tolist() == [3, 5]
    assert (seen.fewest, seen.most) == (1, 2)


def test_of_folds_a_bag_counts_that_any_network_was_trained_on() -> None:
    seen = Seen.of(split([[0, 0, 2, 1], [2, 0, 0, 1]], [2, 1, 1, 1]), PLAIN)
    assert seen.high.tolist() == [99, 99]


@pytest.mark.parametrize(
    ("bag", "expected"),
    [
        ([[1, -5], [3, 5]], ""),
        ([[2, 0]], ""),
        ([[3.5, 0]], "price 3.5 > 3"),
        ([[2, 0], [0.5, -6]], "price 0.5 < 1; weight -6 < -5"),
        ([[2, 7], [0.5, 0]], "weight 7 > 5; price 0.5 < 1"),
        ([[2, 0]] * 3, "objects 3 > 2"),
        ([], "objects 0 < 1"),
        ([[2, 0]] * 2 + [[4, 0]], "objects 3 > 2; price 4 > 3"),
    ],
)
def test_it_is_said_in_which_way_a_bag_is_outside(bag: list[list[float]], expected: str) -> None:
    seen = Seen.of(split([[0, 0, 2, 1]], [2, 1, 1, 1]), PLAIN)
    inside = [[1.0, 0.0]]
    for place in range(3):
        bags = [inside, [[2.0, 1.0], [2.0, 2.0]]]
        bags.insert(place, bag)
        found = outside(seen, *bags)
        assert found.pop(place) == expected
        assert found == ["", ""], "the bags beside it are as they were"


def test_of_many_channels_three_are_named() -> None:
    encoding = Encoding([Column(f"c{i}") for i in range(6)])
    seen = Seen(encoding, np.zeros(6, np.float32), np.ones(6, np.float32), 1, 1)
    assert outside(seen, [[2, 2, 2, 2, 2, -1]]) == ["c0 2 > 1; c1 2 > 1; c2 2 > 1; and 3 more"]
    assert outside(seen, [[2, 2, 2, 1, 1, 0]]) == ["c0 2 > 1; c1 2 > 1; c2 2 > 1"]


def test_where_all_bags_of_training_were_empty_every_object_is_outside() -> None:
    seen = Seen.of(split([[0, 0, 2]], [0, 0, 1]), PLAIN)
    found, empty = outside(seen, [[1, 1]], [])
    assert found.startswith("objects 1 > 0; price 1 > -inf; ")
    assert empty == ""


def test_texts_that_were_not_seen_and_numbers_that_were_never_missing_are_outside() -> None:
    columns = [Column("colour", ["blue", "red"]), Column("price", lacks=True), Column("weight")]
    low, high = np.array([-np.inf, 1, 1]), np.array([np.inf, 3, 3])
    seen = Seen(Encoding(columns, "mean"), low, high, 1, 3)
    none = np.nan
    assert outside(seen, [[0, none, 2], [1, 2, 2]], [[none, 2, 2]], [[1, 1, 1]]) == ["", "colour missing", ""]
    assert outside(seen, [[0, 2, 2], [UNSEEN, 4, none]], [[0, 2, 2]]) == [
        "price 4 > 3; colour unseen; weight missing",
        "",
    ]


def test_numbers_have_their_ranges_beside_channels_of_texts() -> None:
    columns = [Column("colour", ["blue", "red"], lacks=True), Column("price", lacks=True), Column("weight")]
    channels = torch.tensor([[1, 0, 0, 7, 0, 5], [0, 1, 0, 9, 1, 6]], dtype=torch.float32)
    data = Split(Collection(channels, torch.tensor([1, 1]), torch.zeros(2, 1)), torch.tensor([[0, 0]]))
    seen = Seen.of(data, Encoding(columns, "mean"))
    assert seen.low.tolist() == [-np.inf, 7, 5]
    assert seen.high.tolist() == [np.inf, 9, 6]
