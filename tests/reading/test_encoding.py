"""Texts and missing numbers become channels by what the bags of training held, and by nothing else."""

import math

import numpy as np
import pytest
from bag_files import read_csv

from permset import PermsetError
from permset.reading import encoding as module
from permset.reading.checks import FlatBags
from permset.reading.encoding import UNSEEN, Column, Encoding, fit

TABLE = """bag,label,price,colour,weight
a,yes,1,red,0.1
a,yes,,blue,0.2
b,no,7,,0.7
c,no,100,green,
d,yes,2,red,0.4
e,no,,,
"""
TRAINS = np.array([True, True, False, True, True])  # c is a test bag, and e is empty


@pytest.fixture
def bags(tmp_path) -> FlatBags:
    (tmp_path / "bags.csv").write_text(TABLE)
    return read_csv(tmp_path / "bags.csv", categories=["colour"], missing="mean")


def test_a_text_is_a_channel_and_what_is_missing_is_said(bags: FlatBags) -> None:
    encoding, values = fit(bags, "mean", TRAINS)
    assert encoding.channels == ["price", "price missing", "colour = blue", "colour = red", "colour missing", "weight"]
    mean, weights = np.float32((1 + 7 + 2) / 3), np.array([0.1, 0.2, 0.7, 0.4], np.float32)
    assert encoding.encode(values).tolist() == [
        [1, 0, 0, 1, 0, weights[0]],
        [mean, 1, 1, 0, 0, weights[1]],
        [7, 0, 0, 0, 1, weights[2]],
        [100, 0, 0, 0, 0, np.float32(math.fsum(weights) / 4)],  # of a test bag: unseen and missing as never in training
        [2, 0, 0, 1, 0, weights[3]],
    ]
    assert encoding.encode(values).dtype == np.float32
    assert values[:, 1].tolist()[3] == UNSEEN


def test_channels_are_columns_again_but_for_texts_that_were_unseen(bags: FlatBags) -> None:
    encoding, values = fit(bags, "mean", TRAINS)
    decoded = encoding.decode(encoding.encode(values))
    assert decoded["price"] == [1, None, 7, 100, 2]
    assert decoded["colour"] == ["red", "blue", None, None, "red"]
    assert [round(weight, 6) for weight in decoded["weight"]] == [0.1, 0.2, 0.7, 0.35, 0.4], "filled, but by no channel"


def test_bags_of_test_leave_no_trace(bags: FlatBags) -> None:
    """What is known of them may be anything: with it in training, the encoding is another one."""
    encoding, _ = fit(bags, "mean", TRAINS)
    other = bags.objects.copy()
    other[3] = [-5, np.nan, 1e9]
    changed = FlatBags(**{**vars(bags), "objects": other})
    assert fit(changed, "mean", TRAINS)[0] == encoding
    assert fit(changed, "mean", np.ones(5, bool))[0] != encoding


def test_it_comes_back_from_a_text(bags: FlatBags) -> None:
    encoding, _ = fit(bags, "mean", TRAINS)
    assert Encoding.from_json(encoding.to_json()) == encoding
    assert encoding.names == ["price", "colour", "weight"]
    assert encoding.categories == {"colour": ["blue", "red"]}


def test_numbers_alone_are_their_own_channels(tmp_path) -> None:
    (tmp_path / "bags.csv").write_text("bag,label,x,y\na,0,1,2\nb,1,3,4\n")
    bags = read_csv(tmp_path / "bags.csv")
    encoding, values = fit(bags, "refuse", np.array([True, False]))
    assert encoding == Encoding([Column("x"), Column("y")])
    assert encoding.plain
    assert encoding.encode(values) is bags.objects
    ready, values = fit(bags, "mean", np.array([True, False]))
    assert not ready.plain, "new bags may lack numbers"
    assert [column.mean for column in ready.columns] == [1, 2]
    assert ready.channels == ["x", "y"]
    assert np.array_equal(ready.encode(values), bags.objects)


def test_texts_that_name_each_object_are_no_categories(bags: FlatBags, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CATEGORIES", 2)
    fit(bags, "mean", TRAINS)
    monkeypatch.setattr(module, "MOST_CATEGORIES", 1)
    with pytest.raises(PermsetError, match="must have at most 1 categories, got 2, such as 'blue'; leave"):
        fit(bags, "mean", TRAINS)
