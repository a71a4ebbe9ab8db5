"""Bags that are read some at a time are those of a whole file, wherever it is cut; a mistake is one line."""

import csv
import zipfile
from collections.abc import Iterable
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bag_files import read_csv, read_npz

from permset import PermsetError
from permset.reading.csv_portions import csv_portions
from permset.reading.encoding import UNSEEN, Column, Encoding, fit
from permset.reading.npz_portions import npz_portions
from permset.reading.portions import Expected, Portion, codes_of, cut

SIZES = [3, 0, 1, 40, 2, 0, 7]
LABELS = ["yes", "no", "yes", "yes", "no", "no", "yes"]
PLAIN = Encoding([Column("a"), Column("b")])
EXPECTED = Expected(PLAIN, ["label"], ["no", "yes"], "bag")
REAL = Expected(PLAIN, ["u", "v"], [], "bag")


def objects() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=(size, 2)).astype(np.float32) for size in SIZES]


def write_table(path: Path, header: Iterable[str] = ("a", "bag", "label", "b"), labels: list[Any] = LABELS) -> None:
    rows = []
    for i, (bag, label) in enumerate(zip(objects(), labels, strict=True)):
        for a, b in bag.tolist() or [("", "")]:
            of_row = {"a": a, "b": b, "bag": f"bag {i}", "label": label, "note": "x,\ny", "u": i, "v": ""}
            rows.append([of_row[name] for name in header])
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def joined(portions: Iterable[Portion]) -> Portion:
    return reduce(add, portions)


@pytest.mark.parametrize("block", [64, 100, 333, 1 << 20])
def test_a_table_is_read_as_a_whole_one_is_wherever_blocks_end(tmp_path: Path, block: int) -> None:
    write_table(tmp_path / "bags.csv")
    whole = read_csv(tmp_path / "bags.csv")
    portions = list(csv_portions(tmp_path / "bags.csv", EXPECTED, block))
    assert (len(portions) > 4) == (block < 200)
    bags = joined(portions)
    assert bags.names == whole.names
    assert bags.sizes.tolist() == SIZES
    assert np.array_equal(bags.objects, whole.objects)
    assert np.array_equal(bags.labels, whole.targets)
    shares = [portion.share for portion in portions]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_columns_come_by_name_and_others_are_left_out(tmp_path: Path) -> None:
    write_table(tmp_path / "one.csv")
    write_table(tmp_path / "other.csv", ("b", "note", "bag", "a"))
    one, other = (joined(csv_portions(tmp_path / f"{name}.csv", EXPECTED)) for name in ("one", "other"))
    assert np.array_equal(one.objects, other.objects)
    assert one.sizes.tolist() == other.sizes.tolist()
    assert np.isnan(other.labels).all()


def test_a_bag_may_have_no_label_and_a_number_may_be_written_in_another_way(tmp_path: Path) -> None:
    write_table(tmp_path / "bags.csv", labels=["1", "", "1.0", "01", "2", "2e0", ""])
    codes = joined(csv_portions(tmp_path / "bags.csv", Expected(PLAIN, ["label"], ["1", "2"], "bag"))).labels
    assert np.array_equal(codes[:, 0], [0, np.nan, 0, 0, 1, 1, np.nan], equal_nan=True)
    assert np.array_equal(codes_of(["1", "one", None, "x"], ["1", "one"]), [0, 1, np.nan, -1], equal_nan=True)
    write_table(tmp_path / "bags.csv", ("a", "b", "bag", "v", "u"))
    labels = joined(csv_portions(tmp_path / "bags.csv", REAL)).labels
    assert labels[:, 0].tolist() == list(range(7))
    assert np.isnan(labels[:, 1]).all()


MIXED = """bag,colour,price,label
x,red,1,no
x,,2,no
y,blue,,yes
z,,,no
u,red,3,yes
u,teal,4,yes
"""


@pytest.mark.parametrize("block", [30, 50, 1 << 20])
def test_texts_and_missing_numbers_are_read_as_in_training(tmp_path: Path, block: int) -> None:
    """teal is in a test bag alone."""
    (tmp_path / "bags.csv").write_text(MIXED)
    whole = read_csv(tmp_path / "bags.csv", categories=["colour"], missing="mean")
    encoding, values = fit(whole, "mean", np.array([True, True, True, False]))
    bags = joined(csv_portions(tmp_path / "bags.csv", Expected(encoding, ["label"], ["no", "yes"], "bag"), block))
    assert np.array_equal(bags.objects, values, equal_nan=True)
    assert bags.objects[-1].tolist() == [UNSEEN, 4]
    assert bags.sizes.tolist() == [2, 1, 0, 2]
    assert encoding.encode(bags.objects).tolist() == [
        [0, 1, 0, 1, 0],
        [0, 0, 1, 2, 0],
        [1, 0, 0, 1.5, 1],
        [0, 1, 0, 3, 0],
        [0, 0, 0, 4, 0],
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("v,red,red,no", "line 8, column 'price': must be a number"),
        ('v," ",1,no', "line 8, column 'colour': must be a text, got nothing"),
        ("v,red,inf,no", "line 8, column 'price': must be a number between -3.4e+38 and 3.4e+38, got 'inf'"),
        ("u,,,no", "line 8: no features, but bag 'u' has other rows"),
    ],
)
def test_a_mistake_among_texts_is_one_line(tmp_path: Path, row: str, expected: str) -> None:
    path = tmp_path / "bags.csv"
    path.write_text(f"{MIXED}{row}\n")
    encoding = Encoding([Column("price"), Column("colour", ["blue", "red"])], "mean")
    with pytest.raises(PermsetError) as told:
        joined(csv_portions(path, Expected(encoding, ["label"], ["no", "yes"], "bag")))
    assert str(told.value).startswith(f"{path}: {expected}")


def test_arrays_may_lack_numbers_where_training_did(tmp_path: Path) -> None:
    x = np.array([[[1, np.nan], [2, 3]], [[4, 5], [6, 7]]])
    np.savez(tmp_path / "bags.npz", x=x, y=np.array([0, 1]))
    whole = read_npz(tmp_path / "bags.npz", missing="mean")
    encoding, values = fit(whole, "mean", np.array([True, True]))
    assert encoding.channels == ["channel 0", "channel 1", "channel 1 missing"]
    bags = joined(npz_portions(tmp_path / "bags.npz", Expected(encoding, ["target"], ["0", "1"]), "binary"))
    assert np.array_equal(bags.objects, values, equal_nan=True)
    assert encoding.encode(values)[:, 1:].tolist() == [[5, 1], [3, 0], [5, 0], [7, 0]]
    with pytest.raises(PermsetError, match=r"x of bag 0, channel 1, must be a number"):
        joined(npz_portions(tmp_path / "bags.npz", Expected(PLAIN, ["target"], ["0", "1"]), "binary"))
    with pytest.raises(PermsetError, match=r"x\[0, 0, 1\] of bag 0 must be a number"):
        read_npz(tmp_path / "bags.npz")
    x[0, 0, 1] = np.inf
    np.savez(tmp_path / "bags.npz", x=x, y=np.array([0, 1]))
    with pytest.raises(PermsetError, match="must be a number"):
        read_npz(tmp_path / "bags.npz", missing="mean")
    with pytest.raises(PermsetError, match="must be a number"):
        joined(npz_portions(tmp_path / "bags.npz", Expected(encoding, ["target"], ["0", "1"]), "binary"))


ROWS = ["a,bag,label,b", "1,x,no,2", "3,x,no,4", "5,y,yes,6", ",z,yes,"]


@pytest.mark.parametrize("block", [20, 1 << 20])
@pytest.mark.parametrize(
    ("line", "row", "expected"),
    [
        (0, "", "line 2: no columns 'bag', 'a', 'b', as training had; there are 4, ['1', 'x', 'no', '2']; correct"),
        (0, "A,bag,label,c", "line 1: no columns 'a', 'b', as training had; there are 4, ['A', 'bag', 'label', 'c']"),
        (0, "a,bag,a,b", "line 1: column 'a' must be there once, got it twice; rename one"),
        (2, "3,x,yes,4", "line 3: bag 'x' must have one label, got ['yes'] here and ['no'] in line 2; make them alike"),
        (2, "3,x,,4", "line 3: bag 'x' must have one label, got [''] here and ['no'] in line 2; make them alike"),
        (
            2,
            "3,x,maybe,4",
            "line 3, column 'label': must be one of the classes of training, 'no', 'yes', or empty, got",
        ),
        (2, "3,x,no,much", "line 3, column 'b': must be a number between -3.4e+38 and 3.4e+38, got 'much'; correct"),
        (2, "3,x,no,", "line 3, column 'b': must be a number between -3.4e+38 and 3.4e+38, got nothing; correct or"),
        (2, "3,x,no,1e39", "line 3, column 'b': must be a number between -3.4e+38 and 3.4e+38, got '1e39'"),
        (2, ",x,no,", "line 3: no features, but bag 'x' has other rows, and only a single row makes an empty bag"),
        (2, "3,x,no", "line 3: must have 4 fields like the header, got 3; complete or remove the row"),
        (2, "3,,no,4", "line 3, column 'bag': must not be empty; fill it in or remove the row"),
        (2, "3,  ,no,4", "line 3, column 'bag': must not be empty; fill it in or remove the row"),
        (3, "5,y,yes,6\n7,x,no,8", "line 5: bag 'x' has other rows, up to line 3, and rows of a bag must follow one"),
        (4, "7,x,no,8", "line 5: bag 'x' has other rows, up to line 3, and rows of a bag must follow one another"),
    ],
)
def test_a_mistake_in_a_table_is_one_line(tmp_path: Path, block: int, line: int, row: str, expected: str) -> None:
    path = tmp_path / "bags.csv"
    path.write_text("\n".join([*ROWS[:line], row, *ROWS[line + 1 :], ""]))
    with pytest.raises(PermsetError) as error:
        joined(csv_portions(path, EXPECTED, block))
    [message] = str(error.value).splitlines()
    assert message.startswith(f"{path}: {expected}"), message


def test_a_table_without_rows_or_text_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "bags.csv"
    for content, expected in {b"": "empty", b"a,bag,b\n": "no rows under", b"\xff\n": "line 1 is no text"}.items():
        path.write_bytes(content)
        with pytest.raises(PermsetError, match=f"bags.csv: {expected}"):
            joined(csv_portions(path, EXPECTED))
    with pytest.raises(PermsetError, match=r"none.csv: no such file; check its name$"):
        joined(csv_portions(tmp_path / "none.csv", EXPECTED))


def test_a_wrong_real_label_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "bags.csv"
    for text in ("nan", "1e39", "much"):
        path.write_text(f"a,b,bag,u,v\n1,2,x,3,{text}\n")
        with pytest.raises(PermsetError, match=r"line 2, column 'v': must be a number between .*, or empty, got"):
            joined(csv_portions(path, REAL))
    path.write_text("a,b,bag,u\n1,2,x,3\n")
    with pytest.raises(PermsetError, match=r"line 1: no column 'v', as training had"):
        joined(csv_portions(path, REAL))


@pytest.mark.parametrize("rows", [1, 5, 1000])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("labels", [LABELS, [1, 0, 1, 1, 0, 0, 1], None])
def test_arrays_are_read_as_whole_ones_are(tmp_path: Path, rows: int, save: Any, labels: Any) -> None:
    x, bags = np.full((7, 40, 2), np.nan, np.float64), objects()
    for row, bag in zip(x, bags, strict=True):
        row[: len(bag)] = bag
    mask = np.arange(40) < np.array(SIZES)[:, None]
    y = {} if labels is None else {"y": np.array(labels)}
    forms = {"flat": {"objects": np.concatenate(bags), "sizes": np.array(SIZES)}, "dense": {"x": x, "mask": mask}}
    for name, arrays in forms.items():
        path = tmp_path / f"{name}.npz"
        save(path, **arrays, **y)
        classes = ["no", "yes"] if labels is LABELS else ["0", "1"]
        found = joined(npz_portions(path, Expected(PLAIN, ["target"], classes), "binary", rows))
        assert found.names == [str(i) for i in range(7)]
        assert np.array_equal(found.objects, np.concatenate(bags))
        assert found.objects.dtype == np.float32
        assert found.sizes.tolist() == SIZES
        if labels is None:
            assert np.isnan(found.labels).all()
        else:
            assert np.array_equal(found.labels, read_npz(path).targets)


FLAT = {"objects": np.ones((3, 2)), "sizes": np.array([2, 1])}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"objects": np.ones((3, 5))}, "objects must have 2 channels as training had, got 5"),
        (
            {"objects": np.asfortranarray(np.ones((3, 2)))},
            "objects must be stored row by row; save np.ascontiguousarray",
        ),
        ({"sizes": np.array([2, 2])}, "sizes must add up to the 3 rows of objects, got 4"),
        ({"objects": np.array([[1, 2], [3, 4], [5, np.inf]])}, "objects of bag 1, channel 1, must be a number between"),
        ({"sizes": np.array(["2", "1"])}, "sizes must hold whole numbers"),
        ({"x": np.ones((2, 3, 2))}, "arrays must be x, or x and mask, or objects and sizes, and y where labels are"),
        ({"y": np.array(["no", "maybe"])}, "y of bag 1 must be one of 'no', 'yes', or NaN, got ['maybe']"),
        ({"y": np.array(["no"])}, "y must have shape (2,) to go with the bags, got (1,)"),
    ],
)
def test_a_mistake_in_arrays_is_one_line(tmp_path: Path, change: dict[str, Any], expected: str) -> None:
    path = tmp_path / "bags.npz"
    np.savez(path, **FLAT | change)
    with pytest.raises(PermsetError) as error:
        joined(npz_portions(path, EXPECTED, "binary", 1))
    [message] = str(error.value).splitlines()
    assert message.startswith(f"{path}: {expected}"), message


def test_an_archive_that_is_cut_off_or_changed_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "bags.npz"
    np.savez(path, **FLAT)
    whole = path.read_bytes()
    place = whole.index(np.ones(6).tobytes())
    for content in (whole[:200], whole[:place] + np.zeros(1).tobytes() + whole[place + 8 :]):
        path.write_bytes(content)
        with pytest.raises(PermsetError, match=r"bags.npz: cannot be read \(.*\); save it anew with np.savez"):
            joined(npz_portions(path, EXPECTED, "binary", 1))


def test_real_targets_may_be_unknown_one_by_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "bags.npz", **FLAT, y=np.array([[1.0, np.nan], [np.nan, np.nan]]))
    labels = joined(npz_portions(tmp_path / "bags.npz", REAL, "real")).labels
    assert np.array_equal(labels, [[1, np.nan], [np.nan, np.nan]], equal_nan=True)
    np.savez(tmp_path / "bags.npz", **FLAT, y=np.array([1.0, 2.0]))
    with pytest.raises(PermsetError, match=r"y must have 2 numbers a bag as training had, got 1$"):
        joined(npz_portions(tmp_path / "bags.npz", REAL, "real"))


@pytest.mark.parametrize(
    ("sets", "numbers", "ends"), [(3, 10**6, [3, 6, 7]), (100, 8, [3, 4, 7]), (2, 1, [1, 3, 4, 5, 7])]
)
def test_portions_end_where_the_bags_say(tmp_path: Path, sets: int, numbers: int, ends: list[int]) -> None:
    """After so many bags, or the first that brings the numbers to so many; however they were read."""
    write_table(tmp_path / "bags.csv")
    for block in (64, 1 << 20):
        portions = list(cut(csv_portions(tmp_path / "bags.csv", EXPECTED, block), sets, numbers))
        assert np.cumsum([len(portion) for portion in portions]).tolist() == ends
        assert np.array_equal(joined(portions).objects, np.concatenate(objects()))
        assert all(len(portion.objects) == portion.sizes.sum() for portion in portions)


def test_an_array_that_is_longer_than_its_header_says_is_one_line(tmp_path: Path) -> None:
    np.savez(tmp_path / "whole.npz", **FLAT)
    path = tmp_path / "bags.npz"
    with zipfile.ZipFile(tmp_path / "whole.npz") as whole, zipfile.ZipFile(path, "w") as longer:
        for name in whole.namelist():
            longer.writestr(name, whole.read(name) + bytes(8))
    with pytest.raises(PermsetError, match=r"bags.npz: cannot be read \(\w+ is longer than its header says\)"):
        joined(npz_portions(path, EXPECTED, "binary", 1))
