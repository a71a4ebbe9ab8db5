import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bag_files import KINDS, mutated, read_csv, said, same_bags, some_bags
from hypothesis import example, given, settings
from hypothesis import strategies as st

from permset.reading import csv as csv_bags

GOOD = """bag,label,width,höhe
a,yes,1,2
b,no,3.5,-4e-3
a,yes,5,6
c,no,,
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For hypothesis, which takes no folder that is made anew for each test."""
    return tmp_path_factory.mktemp("csv_bags")


@settings(max_examples=150)
@given(some_bags(), st.randoms(), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["utf-8", "utf-8-sig"]), st.data())
def test_a_csv_gives_its_bags_back(
    folder: Path, drawn: Any, random: Any, newline: str, encoding: str, data: st.DataObject
) -> None:
    kind, expected = drawn
    texts = st.lists(st.text('ab ,"\n;é☃', min_size=1, max_size=5), min_size=len(expected), max_size=len(expected))
    names = [f"{i}{text}" for i, text in enumerate(data.draw(texts))]
    label_names = [f"label{i}" for i in range(len(expected[0][1]))] if kind == "real" else ["label0"]
    channels = expected[0][0].shape[1]
    rows = []
    for name, (objects, label) in zip(names, expected, strict=True):
        for one in objects.tolist() or [[""] * channels]:
            rows.append([*one, *(label if kind == "real" else [label]), name])
    random.shuffle(rows)
    path = folder / "bags.csv"
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.writer(file, lineterminator=newline, quoting=data.draw(st.sampled_from([0, 1])))
        writer.writerows([[*[f"x{i}" for i in range(channels)], *label_names, "bag, of objects"], *rows])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_bags, "BLOCK", data.draw(st.sampled_from([csv_bags.BLOCK, 300])))
        bags = read_csv(path, kind, bag="bag, of objects", labels=label_names)
    shuffled = {row[-1]: [] for row in rows}
    for row in rows:
        shuffled[row[-1]] += [row[:channels]] * (row[0] != "")
    assert bags.names == list(shuffled)
    labels = dict(zip(names, [label for _, label in expected], strict=True))
    in_order = [(np.array(x, np.float32).reshape(-1, channels), labels[name]) for name, x in shuffled.items()]
    same_bags(bags, in_order, kind)


def test_columns_are_chosen_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("note,y,x,bag,z\nsome,1,2,b,3\ntext,1,4,b,5\n")
    bags = read_csv(tmp_path / "a.csv", "real", labels=["y"], features=["z", "x"])
    assert bags.objects.tolist() == [[3, 2], [5, 4]]
    assert bags.targets.tolist() == [[1]]
    assert "'note': must be a number" in str(
        said(tmp_path / "a.csv", lambda: read_csv(tmp_path / "a.csv", "real", labels=["y"]))
    )


NOTED = """bag,part,label,width,who
a,train,yes,1,ann
b,test,no,3.5,bob
a,train,yes,5,ann
c,test,no,,ann
"""
NOTES = {"who": (), "part": ("train", "test")}


def test_notes_are_texts_of_bags_and_no_features(tmp_path: Path) -> None:
    (tmp_path / "bags.csv").write_text(NOTED)
    bags = read_csv(tmp_path / "bags.csv", notes=NOTES)
    assert bags.notes == {"who": ["ann", "bob", "ann"], "part": ["train", "test", "test"]}
    assert bags.channels == ["width"]
    assert bags.objects.tolist() == [[1], [5], [3.5]]
    assert bags.names == ["a", "b", "c"]
    assert read_csv(tmp_path / "bags.csv", features=["width"]).notes == {}


@settings(max_examples=60)
@given(st.permutations(NOTED.splitlines()[1:]), st.sampled_from([csv_bags.BLOCK, 20]))
def test_rows_of_a_bag_say_the_same_wherever_they_stand(folder: Path, rows: list[str], block: int) -> None:
    (folder / "noted.csv").write_text("\n".join([NOTED.splitlines()[0], *rows]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_bags, "BLOCK", max(block, 40))
        bags = read_csv(folder / "noted.csv", notes=NOTES)
    said = {name: (who, part) for name, who, part in zip(bags.names, *bags.notes.values(), strict=True)}
    assert said == {"a": ("ann", "train"), "b": ("bob", "test"), "c": ("ann", "test")}


MIXED = """bag,label,price,colour
a,yes,1.5,red
b,no,,blue
a,yes,nan,
c,no,,
"""
TEXTS: dict[str, Any] = {"categories": ["colour"], "missing": "mean"}


@pytest.mark.parametrize("block", [csv_bags.BLOCK, 40])
def test_texts_are_counted_and_what_is_missing_is_no_number(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_bags, "BLOCK", block)
    (tmp_path / "bags.csv").write_text(MIXED)
    bags = read_csv(tmp_path / "bags.csv", **TEXTS)
    assert bags.channels == ["price", "colour"]
    assert bags.sizes.tolist() == [2, 1, 0]
    assert np.array_equal(np.isnan(bags.objects), [[False, False], [True, True], [True, False]])
    assert bags.objects[0, 0] == 1.5
    assert [bags.texts["colour"][int(bags.objects[row, 1])] for row in (0, 2)] == ["red", "blue"]


CSV_MISTAKES: dict[str, tuple[str | bytes, dict[str, Any], str]] = {
    "empty": ("", {}, "empty; expected a header"),
    "blank": ("\n\r\n", {}, "empty; expected a header"),
    "header only": ("bag,label,width\n", {}, "no rows under the header"),
    "header only, not ended": ("bag,label,width", {}, "no rows under the header"),
    "no csv": (b"\x89PNG\r\n\x1a\n\x00\x00", {}, "line 1 is no text in UTF-8; save the file as CSV in UTF-8"),
    "an npz": (b"PK\x03\x04\xff\xfe", {}, "line 1 is no text in UTF-8"),
    "latin-1": (GOOD.encode() + "d,né,1,2\n".encode("latin-1"), {}, "line 6 is no text in UTF-8"),
    "semicolons": (
        GOOD.replace(",", ";"),
        {},
        "line 1: no column 'bag'; there are 1, ['bag;label;width;höhe']; correct the name or the file",
    ),
    "missing column": (
        GOOD,
        {"labels": ["Label"]},
        "no column 'Label'; there are 4, ['bag', 'label', 'width', 'höhe']",
    ),
    "missing feature": (GOOD, {"features": ["depth"]}, "no column 'depth'; there are 4"),
    "many columns": (",".join(f"x{i}" for i in range(500)) + "\n", {}, "there are 500, ['x0', "),
    "equal columns": ("bag,label,x,x\n", {}, "line 1: columns must have different names, got 'x' twice; rename one"),
    "nameless column": (",bag,label,x\n0,a,b,1\n", {}, "line 1: column 1 has no name; name it, or list the features"),
    "no features": ("bag,label\na,b\n", {}, "expected a column of features beside bag and label, got none"),
    "label as feature": (GOOD, {"features": ["label"]}, "column 'label' must be used once, as bag, label or feature"),
    "bag as feature": (GOOD, {"features": ["width", "bag"]}, "column 'bag' must be used once"),
    "bag as label": (GOOD, {"labels": ["bag"]}, "column 'bag' must be used once"),
    "two labels": (GOOD, {"labels": ["label", "width"]}, "of kind binary must be one column, got ['label', 'width']"),
    "no label": (GOOD, {"labels": []}, "of kind binary must be one column, got []"),
    "no real label": (GOOD, {"labels": [], "kind": "real"}, "of kind real must be one or more columns, got []"),
    "short row": (GOOD + "d,no,1\n", {}, "line 6: must have 4 fields like the header, got 3; complete or remove"),
    "long row": (GOOD + "d,no,1,2,3\n", {}, "line 6: must have 4 fields like the header, got 5"),
    "truncated": (GOOD[:-6], {}, "line 5: must have 4 fields like the header, got 1"),
    "open quote": (GOOD + 'd,"no,1,2\ne,no,3,4\n', {}, "line 6: must have 4 fields like the header, got 2"),
    "text": (
        GOOD + "\nd,no,1,2m\n",
        {},
        "line 7, column 'höhe': must be a number between -3.4e+38 and 3.4e+38, got '2m'",
    ),
    "text after a long row": (GOOD + '"d\n\n",no,1,2\ne,no,x,2\n', {}, "line 9, column 'width': must be a number"),
    "decimal comma": (GOOD + 'd,no,"1,5",2\n', {}, "line 6, column 'width': must be a number"),
    "hexadecimal": (GOOD + "d,no,0x1,2\n", {}, "got '0x1'; correct or remove the row"),
    "underscore": (GOOD + "d,no,1_0,2\n", {}, "got '1_0'"),
    "hard space": (GOOD + "d,no,1\u00a0,2\n", {}, "line 6, column 'width': must be a number"),
    "nan": (
        GOOD + "d,no,1,nan\n",
        {},
        "line 6, column 'höhe': must be a number between -3.4e+38 and 3.4e+38, got 'nan'",
    ),
    "infinity": (GOOD + "d,no,-inf,1\n", {}, "line 6, column 'width': must be a number"),
    "not available": (GOOD + "d,no,1,NA\n", {}, "line 6, column 'höhe': must be a number"),
    "no features available": (GOOD + "d,no,NA,null\n", {}, "line 6, column 'width': must be a number"),
    "beyond float32": (GOOD + "d,no,1,4e38\n", {}, "line 6, column 'höhe': must be a number"),
    "beyond float64": (GOOD + "d,no,1,1e999\n", {}, "line 6, column 'höhe': must be a number"),
    "missing feature in a row": (GOOD + "d,no,1,\n", {}, "line 6, column 'höhe': must be a number"),
    "long text": (GOOD + f"d,no,1,{'y' * 9999}\n", {}, "line 6, column 'höhe': must be a number"),
    "endless field": (GOOD + f'd,no,1,"{"y" * 200_000}"\n', {}, "line 6: field larger than field limit"),
    "bag of two labels": (
        GOOD + "b,yes,1,2\n",
        {},
        "line 6: bag 'b' must have one label, got ['yes'] here and ['no'] in line 3; make them alike",
    ),
    "bag of two numbers": (
        "bag,label,x\na,1,1\na,1.0,1\na,2,1\n",
        {"kind": "real"},
        "line 4: bag 'a' must have one label, got [2.0] here and [1.0] in line 2",
    ),
    "empty bag with objects": (GOOD + "c,no,1,2\n", {}, "line 5: no features, but bag 'c' has other rows"),
    "objects of an empty bag": (GOOD + "a,yes,,\n", {}, "line 6: no features, but bag 'a' has other rows"),
    "empty bag twice": (GOOD + "c,no,,\n", {}, "line 6: no features, but bag 'c' has other rows"),
    "all bags empty": ("bag,label,x\na,0,\nb,1,\n", {}, "all 2 bags are empty; expected objects in some"),
    "label missing": (GOOD + "d,,1,2\n", {}, "line 6, column 'label': must not be empty"),
    "label blank": (GOOD + "d, ,1,2\n", {}, "line 6, column 'label': must not be empty"),
    "number missing": ("bag,label,x\na,,1\n", {"kind": "real"}, "line 2, column 'label': must be a number"),
    "number infinite": ("bag,label,x\na,inf,1\n", {"kind": "real"}, "got 'inf'"),
    "bag missing": (GOOD + ",no,1,2\n", {}, "line 6, column 'bag': must not be empty; fill it in or remove the row"),
    "one class": ("bag,label,x\na,1,1\nb,1,1\n", {}, "a target of kind binary must have two labels, got 1, ['1']"),
    "three classes": (
        GOOD + "d,maybe,1,2\n",
        {},
        "must have two labels, got 3, ['yes', 'no', 'maybe']; choose another",
    ),
    "no classes": ("bag,label,x\na,1,1\n", {"kind": "classes"}, "of kind classes must have at least two labels, got 1"),
    "one number, two labels": ("bag,label,x\na,1,1\nb,1.0,1\n", {}, "labels '1' and '1.0' are one number; write it"),
    "note missing": (NOTED, {"notes": {"what": ()}}, "line 1: no column 'what'; there are 5, ['bag', 'part', 'label',"),
    "note as label": (
        NOTED,
        {"notes": {"label": ()}},
        "column 'label' must be used once, as bag, label, feature, split or group, got it again",
    ),
    "note as feature": (NOTED, {"notes": {"width": ()}, "features": ["width"]}, "column 'width' must be used once, as"),
    "note empty": (
        NOTED + "d,test,no,1,\n",
        {"notes": NOTES},
        "line 6, column 'who': must not be empty; fill it in or remove the row",
    ),
    "note blank": (NOTED + 'd,test,no,1," "\n', {"notes": {"who": ()}, "features": ["width"]}, "line 6, column 'who'"),
    "note of two texts": (
        NOTED + "a,train,yes,1,bob\n",
        {"notes": NOTES},
        "line 6: bag 'a' must have one 'who', got 'bob' here and 'ann' in line 2; make them alike",
    ),
    "note of none of the texts": (
        NOTED + "d,Test,no,1,cid\n",
        {"notes": NOTES},
        "line 6, column 'part': must be one of train, test, got 'Test'; correct it",
    ),
    "texts without a number": (
        MIXED,
        {"categories": ["colour"]},
        "line 3, column 'price': must be a number between -3.4e+38 and 3.4e+38, got nothing; correct or remove the "
        "row, or set missing: mean in params.yaml (and 1 more row)",
    ),
    "nan without leave": (MIXED.replace(",,b", ",2,b"), {"categories": ["colour"]}, "got 'nan'; correct or remove the"),
    "text missing": (
        MIXED.replace("nan", "2").replace(",,b", ",2,b"),
        {"categories": ["colour"]},
        "line 4, column 'colour': must be a text, got nothing; correct or remove the row, or set missing: mean",
    ),
    "text blank": (
        MIXED.replace("blue", " "),
        TEXTS,
        "line 3, column 'colour': must be a text, got nothing",
    ),
    "texts as numbers": (
        MIXED,
        {"missing": "mean"},
        "line 2, column 'colour': must be a number between -3.4e+38 and 3.4e+38, got 'red'; correct or remove the row, "
        "or list a column of texts under categories in params.yaml (and 1 more row)",
    ),
    "date": (
        GOOD + "d,no,2024-03-01,1\n",
        {},
        "got '2024-03-01'; write a date as a number, such as days since the first one, or leave the column out of",
    ),
    "date and time": (GOOD + "d,no,1.3.2024 10:15,1\n", {}, "write a date as a number"),
    "infinite where numbers may be missing": (GOOD + "d,no,inf,1\n", {"missing": "mean"}, "got 'inf'; correct or"),
    "label missing where numbers may be": (
        GOOD + "d,,1,\n",
        {"missing": "mean"},
        "line 6, column 'label': must not be empty; fill it in or remove the row; bags without labels belong in a file",
    ),
    "real label missing where numbers may be": (
        "bag,label,x\na,nan,1\n",
        {"kind": "real", "missing": "mean"},
        "line 2, column 'label': must be a number between -3.4e+38 and 3.4e+38, got 'nan'; correct or remove the row",
    ),
    "category that is no feature": (
        MIXED,
        {"categories": ["colour"], "features": ["price"]},
        "column 'colour' of categories must be one of the features; add it to them",
    ),
    "category that is no column": (MIXED, {"categories": ["color"]}, "line 1: no column 'color'; there are 4"),
    "too large": (
        GOOD,
        {"most_bytes": 23},
        "the first objects take 2.4e-05 MB of memory, more than the 2.3e-05 MB allowed",
    ),
}


@pytest.mark.parametrize("name", CSV_MISTAKES)
def test_a_mistake_in_a_csv_is_told(tmp_path: Path, name: str) -> None:
    content, settings, message = CSV_MISTAKES[name]
    path = tmp_path / "bags.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert message in str(said(path, lambda: read_csv(path, **settings)))


def test_the_good_csv_has_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "bags.csv").write_text(GOOD)
    assert said(tmp_path / "bags.csv", lambda: read_csv(tmp_path / "bags.csv", most_bytes=24)) is None


@settings(max_examples=300)
@given(st.binary() | mutated(GOOD.encode(), b',"\n\r \x000129.-eabn\xef\xbb\xbf'), KINDS)
@example(b"bag,label,x\r1,2,3\r2,3,4\r", "binary")
@example(b'bag,label,x\n"1"",2,3\n', "binary")
def test_any_bytes_are_a_csv_or_told_not_to_be(folder: Path, content: bytes, kind: str) -> None:
    path = folder / "any.csv"
    path.write_bytes(content)
    said(path, lambda: read_csv(path, kind))


@settings(max_examples=200)
@given(mutated(MIXED.encode(), b',"\n\r \x000129.-eabnan\xef\xbb\xbf'))
def test_any_bytes_are_a_csv_with_texts_or_told_not_to_be(folder: Path, content: bytes) -> None:
    path = folder / "any.csv"
    path.write_bytes(content)
    said(path, lambda: read_csv(path, **TEXTS), missing=True)


@settings(max_examples=200)
@given(mutated(NOTED.encode(), b',"\n\r \x000129.-eabn\xef\xbb\xbf'))
def test_any_bytes_are_a_csv_with_notes_or_told_not_to_be(folder: Path, content: bytes) -> None:
    path = folder / "any.csv"
    path.write_bytes(content)
    said(path, lambda: read_csv(path, notes=NOTES))
