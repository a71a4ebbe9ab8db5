import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from permset import PermsetError, readers
from permset.readers import FlatBags, read_csv_bags, read_npz_bags

MOST = 10**8
HEADER = ["bag", "label", "width", "höhe"]
GOOD = """bag,label,width,höhe
a,yes,1,2
b,no,3.5,-4e-3
a,yes,5,6
c,no,,
"""
X, Y = np.arange(24, dtype=np.float32).reshape(4, 3, 2), np.array([0, 1, 1, 0])
FLAT = {"objects": X.reshape(12, 2), "sizes": np.array([2, 0, 7, 3]), "y": Y}
KINDS = st.sampled_from(["binary", "classes", "real"])


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For hypothesis, which takes no folder that is made anew for each test."""
    return tmp_path_factory.mktemp("readers")


def read_csv(path: Path, kind: Any = "binary", **settings: Any) -> FlatBags:
    given = {"bag": "bag", "labels": ["label"], "features": None, "most_bytes": MOST} | settings
    return read_csv_bags(path, kind=kind, **given)


def read_npz(path: Path, kind: Any = "binary", most_bytes: int = MOST) -> FlatBags:
    return read_npz_bags(path, kind, most_bytes=most_bytes)


def said(path: Path, read: Callable[[], FlatBags]) -> str | None:
    """The one line about a mistake, after the path, or None where there is none; any other exception gets through."""
    try:
        bags = read()
    except PermsetError as error:
        message = str(error)
    else:
        assert bags.sizes.sum() == len(bags.objects) > 0
        assert len(bags.sizes) == len(bags.targets) == len(bags.names)
        assert np.isfinite(bags.objects).all()
        assert np.isfinite(bags.targets).all()
        return None
    assert len(message.splitlines()) == 1
    assert len(message) < 600
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def same_bags(bags: FlatBags, expected: list[tuple[np.ndarray, Any]], kind: str) -> None:
    assert bags.sizes.tolist() == [len(objects) for objects, _ in expected]
    assert bags.objects.dtype == np.float32
    for got, (objects, _) in zip(np.split(bags.objects, np.cumsum(bags.sizes)[:-1]), expected, strict=True):
        assert np.array_equal(got, objects)
    labels = [label for _, label in expected]
    if kind == "real":
        assert bags.targets.tolist() == [list(label) for label in labels]
    else:
        assert [bags.classes[int(index)] for index in bags.targets[:, 0]] == labels


@st.composite
def some_bags(draw: st.DrawFn) -> tuple[str, list[tuple[np.ndarray, Any]]]:
    """A kind of target, and bags with their labels, of which the first has an object and all classes occur."""
    kind, channels, outputs = draw(KINDS), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    numbers = st.floats(-(2.0**100), 2.0**100, width=32)
    sizes = draw(st.lists(st.integers(0, 8), min_size=3, max_size=6))
    sizes[0] += 1
    if kind == "real":
        labels = draw(st.lists(st.tuples(*[numbers] * outputs), min_size=len(sizes), max_size=len(sizes)))
    else:
        classes = draw(
            st.lists(
                st.sampled_from(["no", 'a "b", c', "é\n☃", "10", "9", "-1.5"]),
                min_size=2,
                max_size=2 if kind == "binary" else 3,
                unique=True,
            )
        )
        labels = [classes[i % len(classes)] for i in range(len(sizes))]
    bags = [
        np.array(draw(st.lists(numbers, min_size=n * channels, max_size=n * channels)), np.float32).reshape(n, channels)
        for n in sizes
    ]
    return kind, list(zip(bags, labels, strict=True))


@settings(max_examples=150, deadline=None)
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
        patch.setattr(readers, "BLOCK", data.draw(st.sampled_from([readers.BLOCK, 300])))
        bags = read_csv(path, kind, bag="bag, of objects", labels=label_names)
    shuffled = {row[-1]: [] for row in rows}
    for row in rows:
        shuffled[row[-1]] += [row[:channels]] * (row[0] != "")
    assert bags.names == list(shuffled)
    labels = dict(zip(names, [label for _, label in expected], strict=True))
    in_order = [(np.array(x, np.float32).reshape(-1, channels), labels[name]) for name, x in shuffled.items()]
    same_bags(bags, in_order, kind)


@settings(max_examples=150, deadline=None)
@given(some_bags(), st.booleans(), st.sampled_from([np.float32, np.float64, ">f4"]), st.data())
def test_an_npz_gives_its_bags_back(folder: Path, drawn: Any, dense: bool, dtype: Any, data: st.DataObject) -> None:
    kind, expected = drawn
    y = np.array([label for _, label in expected])
    sizes = np.array([len(objects) for objects, _ in expected])
    path = folder / "bags.npz"
    if dense:
        garbage = data.draw(st.sampled_from([np.nan, np.inf, 7.0]))
        x = np.full((len(expected), max(sizes) + 1, expected[0][0].shape[1]), garbage, dtype)
        mask = np.zeros(x.shape[:2], bool)
        for i, (objects, _) in enumerate(expected):
            mask[i, data.draw(st.permutations(range(x.shape[1])))[: len(objects)]] = True
            x[i, mask[i]] = objects
        np.savez(path, x=x, y=y, mask=mask)
    else:
        np.savez_compressed(path, objects=np.concatenate([x for x, _ in expected]).astype(dtype), sizes=sizes, y=y)
    bags = read_npz(path, kind)
    assert bags.names == [str(i) for i in range(len(expected))]
    same_bags(bags, expected, kind)


def test_a_dense_npz_needs_no_mask(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    bags = read_npz(tmp_path / "a.npz")
    assert np.array_equal(bags.objects, X.reshape(12, 2))
    assert bags.sizes.tolist() == [3] * 4
    assert bags.targets.tolist() == [[0], [1], [1], [0]]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["10", "9"], ["9", "10"]),
        (["yes", "no"], ["no", "yes"]),
        (["10", "9", "x"], ["10", "9", "x"]),
        (["1e1", "-2", "+3"], ["-2", "+3", "1e1"]),
        (["nan", "9"], ["9", "nan"]),
    ],
)
def test_classes_are_sorted_as_numbers_if_all_are(tmp_path: Path, labels: list[str], classes: list[str]) -> None:
    (tmp_path / "a.csv").write_text("bag,label,x\n" + "".join(f"{i},{label},1\n" for i, label in enumerate(labels)))
    np.savez(tmp_path / "a.npz", x=np.ones((len(labels), 1, 1)), y=np.array(labels))
    for bags in (read_csv(tmp_path / "a.csv", "classes"), read_npz(tmp_path / "a.npz", "classes")):
        assert bags.classes == classes
        assert bags.targets[:, 0].tolist() == [classes.index(label) for label in labels]


def test_columns_are_chosen_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("note,y,x,bag,z\nsome,1,2,b,3\ntext,1,4,b,5\n")
    bags = read_csv(tmp_path / "a.csv", "real", labels=["y"], features=["z", "x"])
    assert bags.objects.tolist() == [[3, 2], [5, 4]]
    assert bags.targets.tolist() == [[1]]
    assert "'note': must be a number" in str(
        said(tmp_path / "a.csv", lambda: read_csv(tmp_path / "a.csv", "real", labels=["y"]))
    )


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


def npz(**changes: Any) -> dict[str, Any]:
    """Good dense arrays with some changed; None leaves one out."""
    return {k: v for k, v in ({"x": X, "y": Y} | changes).items() if v is not None}


NPZ_MISTAKES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no y": (npz(y=None), {}, "arrays must be x and y, or x, mask and y, or objects, sizes and y, got ['x']"),
    "no x": (npz(x=None, a=X), {}, "got ['y', 'a']; save it with np.savez(path, x=x, y=y)"),
    "no sizes": ({"objects": FLAT["objects"], "y": Y}, {}, "arrays must be"),
    "both layouts": (FLAT | {"x": X}, {}, "arrays must be x and y, or"),
    "no arrays": ({}, {}, "arrays must be x and y, or x, mask and y, or objects, sizes and y, got []"),
    "x of two axes": (npz(x=X[..., 0]), {}, "x must have shape (sets, n, channels), got (4, 3); add a channel axis"),
    "x of four axes": (npz(x=X[None]), {}, "x must have shape (sets, n, channels), got (1, 4, 3, 2)"),
    "no bags": (npz(x=X[:0], y=Y[:0]), {}, "x must have shape (sets, n, channels), got (0, 3, 2); give it a set"),
    "no channels": (npz(x=X[..., :0]), {}, "x must have shape (sets, n, channels), got (4, 3, 0)"),
    "no objects": (npz(x=X[:, :0]), {}, "all 4 bags are empty; expected objects in some"),
    "x of texts": (npz(x=X.astype(str)), {}, "x must hold numbers, got dtype <U"),
    "x of complex numbers": (npz(x=X + 1j), {}, "x must hold numbers, got dtype complex64; save x.astype(np.float32)"),
    "x of python objects": (npz(x=X.astype(object)), {}, "x must hold numbers, got dtype object"),
    "y of python objects": (
        npz(y=Y.astype(object)),
        {},
        "y must hold numbers or texts, got dtype object; save y.astype",
    ),
    "y of records": (npz(y=np.zeros(4, [("a", "f4")])), {}, "y must hold numbers or texts, got dtype [('a', '<f4')]"),
    "y of unicode records": (npz(y=np.zeros(4, [("☃", "f4")])), {}, "y must hold numbers or texts, got dtype [("),
    "y of texts, real": (npz(y=Y.astype(str)), {"kind": "real"}, "y must hold numbers, got dtype <U"),
    "y too short": (npz(y=Y[:3]), {}, "y must have shape (4,) to go with the bags, got (3,)"),
    "y of no axis": (npz(y=np.array(1)), {}, "y must have shape (4,) to go with the bags, got ()"),
    "y of two outputs": (npz(y=np.zeros((4, 2))), {}, "y must have shape (4,) to go with the bags, got (4, 2)"),
    "y of three axes": (npz(y=np.zeros((4, 2, 2))), {"kind": "real"}, "y must have shape (4,) or (4, outputs)"),
    "y of no outputs": (npz(y=np.zeros((4, 0))), {"kind": "real"}, "y must have shape (4,) or (4, outputs)"),
    "mask of numbers": (
        npz(mask=np.ones((4, 3))),
        {},
        "mask must hold bool, got dtype float64; save mask.astype(bool)",
    ),
    "mask too short": (
        npz(mask=np.ones((4, 2), bool)),
        {},
        "mask must have shape (4, 3) like x without channels, got (4, 2)",
    ),
    "mask of channels": (npz(mask=np.ones((4, 3, 2), bool)), {}, "mask must have shape (4, 3)"),
    "nothing under the mask": (npz(mask=np.zeros((4, 3), bool)), {}, "all 4 bags are empty"),
    "nan": (
        npz(x=np.where(X == 15, np.nan, X)),
        {},
        "x[2, 1, 1] of bag 2 must be a number between -3.4e+38 and 3.4e+38, got nan",
    ),
    "beyond float32": (npz(x=X.astype(float) * 1e38), {}, "x[0, 2, 0] of bag 0 must be a number"),
    "infinite y": (npz(y=[0, 1, np.inf, 0]), {}, "y[2] of bag 2 must be a number"),
    "nan in a real y": (npz(y=[[0], [np.nan], [1], [0]]), {"kind": "real"}, "y[1, 0] of bag 1 must be a number"),
    "nan in flat objects": (
        FLAT | {"objects": np.where(X == 10, np.nan, X).reshape(12, 2)},
        {},
        "objects[5, 0] of bag 2",
    ),
    "empty label": (npz(y=["a", "b", " ", "a"]), {}, "y of bag 2 is an empty text; give each bag its label"),
    "one class": (npz(y=Y * 0), {}, "a target of kind binary must have two labels, got 1, ['0']"),
    "three classes": (npz(y=[0, 1, 2, 0]), {}, "a target of kind binary must have two labels, got 3, ['0', '1', '2']"),
    "objects of one axis": (FLAT | {"objects": X.ravel()}, {}, "objects must have shape (total, channels), got (24,)"),
    "sizes of two axes": (FLAT | {"sizes": FLAT["sizes"][None]}, {}, "sizes must have shape (sets,), got (1, 4)"),
    "sizes of fractions": (FLAT | {"sizes": FLAT["sizes"] / 2}, {}, "sizes must hold whole numbers, got dtype float64"),
    "sizes too small": (FLAT | {"sizes": [2, 0, 6, 3]}, {}, "sizes must add up to the 12 rows of objects, got 11"),
    "sizes overflow": (FLAT | {"sizes": np.array([2**63, 2**63, 12, 0], np.uint64)}, {}, "got 18446744073709551628"),
    "negative size": (FLAT | {"sizes": [13, 0, -1, 0]}, {}, "sizes must not be negative, got -1 for bag 2"),
    "too large": (
        npz(),
        {"most_bytes": 95},
        "x of shape (4, 3, 2) take 9.6e-05 MB of memory, more than the 9.5e-05 MB",
    ),
    "text too large": (npz(y=["a", "b", "c" * 99, "d"]), {"most_bytes": 1000}, "y of shape (4,) take 0.001584 MB"),
}


@pytest.mark.filterwarnings("ignore:Stored array in format 3.0")
@pytest.mark.parametrize("name", NPZ_MISTAKES)
def test_a_mistake_in_an_npz_is_told(tmp_path: Path, name: str) -> None:
    arrays, settings, message = NPZ_MISTAKES[name]
    path = tmp_path / "bags.npz"
    np.savez(path, **arrays)
    assert message in str(said(path, lambda: read_npz(path, **settings)))


def test_the_good_npz_have_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "bags.npz"
    for arrays in (npz(), npz(mask=np.ones((4, 3), bool)), FLAT):
        np.savez(path, **arrays)
        assert said(path, lambda: read_npz(path, most_bytes=96)) is None


@pytest.mark.parametrize("read", [read_csv, read_npz])
def test_a_file_that_is_none_is_told(tmp_path: Path, read: Any) -> None:
    for path in (tmp_path / "none", tmp_path):
        assert said(path, lambda path=path: read(path)) == "no such file; check its name"


def header_of(shape: str, descr: str = "'<f4'") -> bytes:
    """A file of an array that has a header alone."""
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def save_raw(path: Path, **files: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.npy", content)


def raw(array: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (header_of("(4, 3, 2)"), "cannot be read (EOF: reading array data"),
        (header_of("(4, 3, -2)"), "cannot be read (x of shape (4, 3, -2)); save it anew with np.savez"),
        (header_of("(4, 10000000000, 2)"), "x of shape (4, 10000000000, 2) take 320,000 MB of memory"),
        (header_of("(4, 0, 10000000000000000000000)"), "cannot be read ("),
        (header_of("(4, 3, 2"), "cannot be read ("),
        (header_of("(4, 3, 2)", "{[]: 1}"), "cannot be read ("),
        (header_of("(4, 3, 2)", "-" * 9000 + "1"), "cannot be read ("),
        (b"", "cannot be read ("),
        (raw(X)[:-1], "cannot be read (EOF: reading array data"),
        (raw(X) + b"0", "cannot be read (x is longer than its header says)"),
    ],
)
def test_an_array_that_is_not_as_its_header_says_is_told(tmp_path: Path, x: bytes, message: str) -> None:
    save_raw(tmp_path / "a.npz", x=x, y=raw(Y))
    assert message in str(said(tmp_path / "a.npz", lambda: read_npz(tmp_path / "a.npz")))


def test_a_compressed_array_that_is_damaged_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=X, y=Y)
    content = path.read_bytes()
    for place in range(content.index(b"y.npy")):
        path.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
        said(path, lambda: read_npz(path))
    path.write_bytes(content)
    assert said(path, lambda: read_npz(path)) is None


def test_characters_that_are_none_are_told(tmp_path: Path) -> None:
    save_raw(tmp_path / "a.npz", x=raw(X), y=raw(np.array([1, 2, 3, 2**30], np.uint32).view("<U1")))
    assert "cannot be read (" in str(said(tmp_path / "a.npz", lambda: read_npz(tmp_path / "a.npz", "classes")))


@pytest.mark.parametrize("content", [b"", b"no zip", raw(X), GOOD.encode()])
def test_what_is_no_npz_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    line = "cannot be read (File is not a zip file); save it anew with np.savez(path, x=x, y=y)"
    assert said(tmp_path / "a.npz", lambda: read_npz(tmp_path / "a.npz")) == line


def test_python_objects_are_not_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("unpickled",))

    np.savez(tmp_path / "a.npz", x=X, y=np.array([Trap()] * 4))
    assert "dtype object" in str(said(tmp_path / "a.npz", lambda: read_npz(tmp_path / "a.npz")))


def mutated(good: bytes, alphabet: bytes) -> st.SearchStrategy[bytes]:
    """Content with a few stretches replaced, which also cuts it or makes it longer."""
    piece = st.binary(max_size=3) | st.lists(st.sampled_from(alphabet), max_size=3).map(bytes)
    cut = st.tuples(st.integers(0, len(good)), st.integers(0, 4), piece)

    def change(cuts: list[tuple[int, int, bytes]]) -> bytes:
        content = good
        for start, length, new in cuts:
            content = content[:start] + new + content[start + length :]
        return content

    return st.lists(cut, min_size=1, max_size=4).map(change)


@settings(max_examples=300, deadline=None)
@given(st.binary() | mutated(GOOD.encode(), b',"\n\r \x000129.-eabn\xef\xbb\xbf'), KINDS)
@example(b"bag,label,x\r1,2,3\r2,3,4\r", "binary")
@example(b'bag,label,x\n"1"",2,3\n', "binary")
def test_any_bytes_are_a_csv_or_told_not_to_be(folder: Path, content: bytes, kind: str) -> None:
    path = folder / "any.csv"
    path.write_bytes(content)
    said(path, lambda: read_csv(path, kind))


def saved(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@settings(max_examples=200, deadline=None)
@given(
    mutated(saved(x=X[:2], y=["a", "b"]), b"PK\x00\x01\x02\x03\x04\x05\x06") | mutated(saved(**FLAT), b"\x00\x01\xff")
)
def test_any_bytes_are_an_npz_or_told_not_to_be(folder: Path, content: bytes) -> None:
    path = folder / "any.npz"
    path.write_bytes(content)
    said(path, lambda: read_npz(path))


@settings(max_examples=200, deadline=None)
@given(mutated(raw(X), b"{}()[]',:-<>|fiuOUSVM0123456789 LTrue\n\\#"), mutated(raw(Y), b"{}()',:-<|fiuUS0123 \xff"))
def test_any_arrays_are_bags_or_told_not_to_be(folder: Path, x: bytes, y: bytes) -> None:
    path = folder / "arrays.npz"
    for files in ({"x": x, "y": raw(Y)}, {"x": raw(X), "y": y}):
        save_raw(path, **files)
        said(path, lambda: read_npz(path))
