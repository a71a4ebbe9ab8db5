import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bag_files import mutated, read_npz, said, same_bags, some_bags
from hypothesis import given, settings
from hypothesis import strategies as st

X, Y = np.arange(24, dtype=np.float32).reshape(4, 3, 2), np.array([0, 1, 1, 0])
FLAT = {"objects": X.reshape(12, 2), "sizes": np.array([2, 0, 7, 3]), "y": Y}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For hypothesis, which takes no folder that is made anew for each test."""
    return tmp_path_factory.mktemp("npz_bags")


@settings(max_examples=150)
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


NOTES = {"who": (), "part": ("train", "test")}
NOTED = {"who": np.array([7, 8, 7, 9]), "part": np.array(["train", "test", "train", "test"])}


@pytest.mark.parametrize("arrays", [{"x": X, "y": Y}, FLAT])
def test_notes_are_texts_of_bags(tmp_path: Path, arrays: dict[str, Any]) -> None:
    np.savez(tmp_path / "a.npz", **arrays, **NOTED)
    bags = read_npz(tmp_path / "a.npz", notes=NOTES)
    assert bags.notes == {"who": ["7", "8", "7", "9"], "part": ["train", "test", "train", "test"]}
    assert read_npz(tmp_path / "a.npz").notes == {}


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
    "no note": (
        npz(part=NOTED["part"]),
        {"notes": NOTES},
        "no array 'who'; there are ['x', 'y', 'part']; correct the",
    ),
    "note as y": (npz(), {"notes": {"y": ()}}, "array y must be used once, got it again as split or group"),
    "note of numbers": (
        npz(**NOTED | {"who": X[:, 0, 0]}),
        {"notes": NOTES},
        "who must hold texts or whole numbers, got dtype float32; save who.astype(str)",
    ),
    "note of python objects": (npz(**NOTED | {"who": Y.astype(object)}), {"notes": NOTES}, "who must hold texts or"),
    "note too short": (
        npz(**NOTED | {"who": Y[:3]}),
        {"notes": NOTES},
        "who must have shape (4,), got (3,); give one text a bag",
    ),
    "note of two axes": (npz(**NOTED | {"who": Y[:, None]}), {"notes": NOTES}, "who must have shape (4,), got (4, 1)"),
    "note of an empty text": (
        npz(who=["a", "b", " ", "c"]),
        {"notes": {"who": ()}},
        "who of bag 2 is an empty text; fill",
    ),
    "note of none of the texts": (
        npz(**NOTED | {"part": ["train", "test", "tset", "?"]}),
        {"notes": NOTES},
        "part of bag 2 must be one of train, test, got 'tset'; correct it",
    ),
    "note too large": (npz(who=["c" * 99] * 4), {"notes": {"who": ()}, "most_bytes": 1000}, "who of shape (4,) take"),
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
    save_raw(tmp_path / "a.npz", x=raw(X), y=raw(Y), who=raw(np.array([1, 2, 3, 2**30], np.uint32).view("<U1")))
    assert "cannot be read (" in str(said(tmp_path / "a.npz", lambda: read_npz(tmp_path / "a.npz", notes={"who": ()})))


@pytest.mark.parametrize("content", [b"", b"no zip", raw(X), b"bag,label,x\na,yes,1\n"])
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


def saved(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


@settings(max_examples=200)
@given(
    mutated(saved(x=X[:2], y=["a", "b"]), b"PK\x00\x01\x02\x03\x04\x05\x06") | mutated(saved(**FLAT), b"\x00\x01\xff")
)
def test_any_bytes_are_an_npz_or_told_not_to_be(folder: Path, content: bytes) -> None:
    path = folder / "any.npz"
    path.write_bytes(content)
    said(path, lambda: read_npz(path))


@settings(max_examples=200)
@given(mutated(raw(X), b"{}()[]',:-<>|fiuOUSVM0123456789 LTrue\n\\#"), mutated(raw(Y), b"{}()',:-<|fiuUS0123 \xff"))
def test_any_arrays_are_bags_or_told_not_to_be(folder: Path, x: bytes, y: bytes) -> None:
    path = folder / "arrays.npz"
    for files in ({"x": x, "y": raw(Y)}, {"x": raw(X), "y": y}):
        save_raw(path, **files)
        said(path, lambda: read_npz(path))
    save_raw(path, x=raw(X), y=raw(Y), who=y)
    said(path, lambda: read_npz(path, notes={"who": ()}))
