"""The rows that are told of objects are where the file has them, and come in the order in which objects are read."""

import linecache
from pathlib import Path

import numpy as np
import pytest

from permset.reading import object_rows
from permset.reading.csv_portions import csv_portions
from permset.reading.encoding import Column, Encoding
from permset.reading.npz_portions import npz_portions
from permset.reading.object_rows import csv_object_rows, npz_object_rows
from permset.reading.portions import Expected, Portion

EXPECTED = Expected(Encoding([Column("a"), Column("b")]), ["label"], ["no", "yes"], "bag")
TABLE = """
bag,note,a,b
x,,1,2

x,"two
lines, a comma",3,4
empty,,,
y,,5,6


y,"",7.5,8
"""


def objects_of(portions: list[Portion]) -> np.ndarray:
    return np.concatenate([portion.objects for portion in portions])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_row_of_a_table_is_the_line_that_an_editor_shows(tmp_path: Path, end: str) -> None:
    """Where it begins: beside blank lines, texts of two lines and bags without objects."""
    path = tmp_path / "bags.csv"
    path.write_bytes(TABLE.replace("\n", end).encode())
    rows = list(csv_object_rows(path, EXPECTED.encoding.names))
    assert rows == [3, 5, 8, 11]
    objects = objects_of(list(csv_portions(path, EXPECTED)))
    for row, (a, _) in zip(rows, objects.tolist(), strict=True):
        assert f"{a:g}" in linecache.getline(str(path), row) + linecache.getline(str(path), row + 1)


def test_a_row_of_flat_arrays_is_the_place_among_all_objects(tmp_path: Path) -> None:
    np.savez(tmp_path / "bags.npz", objects=np.random.default_rng(0).normal(size=(6, 2)), sizes=[2, 0, 4])
    assert list(npz_object_rows(tmp_path / "bags.npz", "binary")) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("rows", [1, 7, 1 << 17])
@pytest.mark.parametrize("masked", [True, False])
def test_a_row_of_arrays_with_padding_is_the_place_within_the_bag(
    tmp_path: Path, masked: bool, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_rows, "ROWS", rows)
    path, draws = tmp_path / "bags.npz", np.random.default_rng(0)
    x, mask = draws.normal(size=(5, 4, 2)).astype(np.float32), draws.random((5, 4)) < 0.6
    np.savez(path, x=x, **({"mask": mask} if masked else {}))
    places = list(npz_object_rows(path, "binary"))
    portions = list(npz_portions(path, EXPECTED, "binary"))
    bags = [bag for portion in portions for bag in np.repeat(np.arange(5), portion.sizes)]
    np.testing.assert_array_equal(x[bags, places], objects_of(portions))
    assert places == [place for there in mask for place in np.flatnonzero(there | (not masked))]


def test_bags_of_no_places_have_no_objects(tmp_path: Path) -> None:
    np.savez(tmp_path / "bags.npz", x=np.zeros((3, 0, 2)))
    assert list(npz_object_rows(tmp_path / "bags.npz", "binary")) == []
