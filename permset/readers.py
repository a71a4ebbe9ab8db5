"""Bags from a user's own file: CSV with a row an object, or arrays in an .npz; a mistake in it is told in one line.

A CSV is read by a fast library. Only when that finds something wrong is it read again, slowly, to say in which line.
"""

import csv
import math
import reprlib
import tokenize
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from lzma import LZMAError
from pathlib import Path
from typing import Any, Literal, TextIO

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.csv as fast_csv  # type: ignore[import-untyped]
from jaxtyping import Bool, Float, Int, Integer, Shaped
from numpy.lib import format as npy

from permset import PermsetError

Kind = Literal["binary", "classes", "real"]

BLOCK = 1 << 24
"""bytes of a CSV that are read at once, and the longest row"""
LARGEST = float(np.finfo(np.float32).max)
RANGE = f"a number between -{LARGEST:.3g} and {LARGEST:.3g}"
LAYOUTS = ({"x", "y"}, {"x", "mask", "y"}, {"objects", "sizes", "y"})
"""arrays of an .npz"""
CSV_DAMAGE = (pa.ArrowException, OSError, ValueError)
# numpy has Python read the header of an array as an expression, which fails in many ways.
HEADER_DAMAGE = (LookupError, MemoryError, RuntimeError, SyntaxError, TypeError, ValueError, tokenize.TokenError)
NPZ_DAMAGE = (*HEADER_DAMAGE, EOFError, LZMAError, OSError, OverflowError, SystemError, zipfile.BadZipFile, zlib.error)

_values = reprlib.Repr()
_values.maxlist, _values.maxstring = 12, 60
_show = _values.repr
"""Of what a file holds: in one line, and cut where it is long."""


@dataclass(frozen=True)
class FlatBags:
    """Bags one after another, without padding."""

    objects: Float[np.ndarray, "objects channels"]
    """float32, those of the first bag first"""
    sizes: Int[np.ndarray, " sets"]
    """objects of each bag"""
    targets: Float[np.ndarray, "sets outputs"]
    """float64; a class is its index in `classes`"""
    names: list[str]
    """of the bags, for messages"""
    classes: list[str]
    """the labels, sorted as numbers if all are numbers; none if the target is real"""


def read_csv_bags(
    path: Path, bag: str, labels: Sequence[str], features: Sequence[str] | None, kind: Kind, *, most_bytes: int
) -> FlatBags:
    """A row an object under a header, rows of a bag in any places; bags come in order of first appearance.

    `bag`, `labels` and `features` are columns, features all others where None. An empty bag is a single row whose
    features are all empty. PermsetError for a file that is not so, or whose objects take more than `most_bytes`.
    """
    with _reading(path, CSV_DAMAGE, "save it as CSV in UTF-8, a header and then a row an object"):
        columns = _columns(path, bag, labels, features, kind)
        try:
            return _read_table(path, columns, most_bytes)
        except (pa.ArrowException, _WrongError) as error:
            _raise_first_mistake(path, columns)
            raise ValueError(error) from error  # The two readers may differ on what is no proper CSV.


def read_npz_bags(path: Path, kind: Kind, *, most_bytes: int) -> FlatBags:
    """Either x (sets, n, channels), y and, if bags are padded, mask (sets, n); or objects (total, channels), sizes, y.

    y is (sets,), or (sets, outputs) if real; what lies where the mask is false may be anything. PermsetError for a
    file that is not so, or an array of which takes more than `most_bytes` (objects as float32).
    """
    with _reading(path, NPZ_DAMAGE, "save it anew with np.savez(path, x=x, y=y)"):
        arrays = _load(path, kind, most_bytes)
    y = arrays["y"]
    bags = np.arange(len(y))
    if "x" in arrays:
        x = arrays["x"]
        mask = arrays.get("mask", np.ones(x.shape[:2], bool))
        objects, sizes = _checked(path, "x", x, bags, mask)[mask], mask.sum(1)
    else:
        sizes = _sizes(path, arrays["sizes"], len(arrays["objects"]))
        objects = _checked(path, "objects", arrays["objects"], np.repeat(bags, sizes))
    classes: list[str] = []
    if y.dtype.kind == "U":
        if (blank := np.strings.strip(y) == "").any():
            raise PermsetError(f"{path}: y of bag {blank.argmax()} is an empty text; give each bag its label")
    else:
        _checked(path, "y", y, bags)
    if kind == "real":
        targets = y.reshape(len(y), -1).astype(np.float64)
    else:
        labels, codes = np.unique(y, return_inverse=True)
        targets, classes = _by_class(path, labels.astype(str).tolist(), codes.reshape(-1), kind)
    return _flat_bags(path, objects, sizes, targets, [str(bag) for bag in bags], classes)


class _WrongError(Exception):
    """Rows came through the fast reader that must not."""


@dataclass(frozen=True)
class _Columns:
    """Who is who in a CSV."""

    header: list[str]
    bag: str
    labels: list[str]
    features: list[str]
    kind: Kind


def _columns(path: Path, bag: str, labels: Sequence[str], features: Sequence[str] | None, kind: Kind) -> _Columns:
    line, header = next(_rows(path), (0, []))
    if not header:
        raise PermsetError(f"{path}: empty; expected a header and then a row an object")
    if twice := [name for name, times in Counter(header).items() if times > 1]:
        raise PermsetError(
            f"{path}: line {line}: columns must have different names, got {_show(twice[0])} twice; rename one"
        )
    place = {name: i for i, name in enumerate(header, 1)}
    if features is None:
        features = [name for name in header if name not in (bag, *labels)]
        if "" in features:
            raise PermsetError(f"{path}: line {line}: column {place['']} has no name; name it, or list the features")
    used = Counter([bag, *labels, *features])
    if missing := [name for name in used if name not in place]:
        there = f"there are {len(header)}, {_show(header)}"
        raise PermsetError(f"{path}: line {line}: no column {_show(missing[0])}; {there}; correct the name or the file")
    if twice := [name for name, times in used.items() if times > 1]:
        raise PermsetError(
            f"{path}: column {_show(twice[0])} must be used once, as bag, label or feature, got it again"
        )
    if not features:
        raise PermsetError(f"{path}: line {line}: expected a column of features beside bag and label, got none")
    if not labels or (kind != "real" and len(labels) > 1):
        expected = "one or more columns" if kind == "real" else "one column"
        raise PermsetError(f"{path}: the label of kind {kind} must be {expected}, got {_show(list(labels))}")
    return _Columns(header, bag, list(labels), list(features), kind)


def _read_table(path: Path, columns: _Columns, most_bytes: int) -> FlatBags:
    """The fast reader, a block at a time; _WrongError or pa.ArrowException for whatever is wrong in a row."""
    real = columns.kind == "real"
    numbers, texts = list(columns.features), [columns.bag]
    (numbers if real else texts).extend(columns.labels)
    text = pa.dictionary(pa.int32(), pa.string())
    convert = fast_csv.ConvertOptions(
        column_types=dict.fromkeys(numbers, pa.float64()) | dict.fromkeys(texts, text),
        include_columns=numbers + texts,
        null_values=[""],
    )
    read, parse = fast_csv.ReadOptions(block_size=BLOCK), fast_csv.ParseOptions(newlines_in_values=True)
    bags: dict[str, int] = {}
    classes: dict[str, int] = {}
    blocks = []
    need = 0
    with fast_csv.open_csv(path, read, parse, convert) as reader:
        for batch in reader:
            empty = np.stack([batch[name].is_null() for name in columns.features], axis=1).all(axis=1)
            block = _float32(np.stack([batch[name] for name in columns.features], axis=1)[~empty])
            if real:
                labels = np.stack([batch[name] for name in columns.labels], axis=1)
            else:
                labels = _codes(batch[columns.labels[0]], classes)[:, None]
            if not (np.isfinite(block).all() and np.isfinite(_float32(labels)).all()):
                raise _WrongError("a number is missing or too large")
            blocks.append((block, _codes(batch[columns.bag], bags), labels, empty))
            need += block.nbytes
            if need > most_bytes:
                raise _too_large(path, "the first objects", need, most_bytes)
    if not bags:
        raise _WrongError("no rows")
    objects, bag, labels, empty = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    blocks.clear()
    first = np.unique(bag, return_index=True)[1]
    targets = labels[first]
    if (targets[bag] != labels).any() or (empty & (np.bincount(bag)[bag] > 1)).any():
        raise _WrongError("rows of a bag contradict each other")
    if any(not text.strip() for text in [*bags, *classes]):
        raise _WrongError("a bag or label is missing")
    names = list(classes)
    if not real:
        targets, names = _by_class(path, names, targets[:, 0], columns.kind)
    bag = bag[~empty]
    objects = objects[np.argsort(bag, kind="stable")]
    return _flat_bags(path, objects, np.bincount(bag, minlength=len(bags)), targets, list(bags), names)


def _codes(column: pa.DictionaryArray, known: dict[str, int]) -> Int[np.ndarray, " rows"]:
    """Texts as numbers, counted in order of first appearance over all blocks."""
    codes = [known.setdefault(text, len(known)) for text in column.dictionary.to_pylist()]
    return np.array(codes, np.int64)[np.asarray(column.indices)]


def _raise_first_mistake(path: Path, columns: _Columns) -> None:
    """The slow reader, row by row; PermsetError for the first mistake, with its line."""
    real = columns.kind == "real"
    rows = _rows(path)
    next(rows)
    seen: dict[str, tuple[int, list[Any], bool]] = {}
    for line, row in rows:
        where = f"{path}: line {line}"
        if len(row) != len(columns.header):
            raise PermsetError(
                f"{where}: must have {len(columns.header)} fields like the header, got {len(row)}; "
                "complete or remove the row, close its quotes, and quote fields with commas"
            )
        fields = dict(zip(columns.header, row, strict=True))
        for name in [columns.bag] if real else [columns.bag, *columns.labels]:
            if not fields[name].strip():
                raise PermsetError(f"{where}, column {_show(name)}: must not be empty; fill it in or remove the row")
        labels = [_number(where, name, fields[name]) if real else fields[name] for name in columns.labels]
        empty = not any(fields[name] for name in columns.features)
        for name in [] if empty else columns.features:
            _number(where, name, fields[name])
        bag = fields[columns.bag]
        first, first_labels, first_empty = seen.setdefault(bag, (line, labels, empty))
        if labels != first_labels:
            got = f"got {_show(labels)} here and {_show(first_labels)} in line {first}"
            raise PermsetError(f"{where}: bag {_show(bag)} must have one label, {got}; make them alike")
        if first != line and (empty or first_empty):
            raise PermsetError(
                f"{path}: line {line if empty else first}: no features, but bag {_show(bag)} has other rows, and only "
                "a single row makes an empty bag; fill them in or remove the row"
            )
    if not seen:
        raise PermsetError(f"{path}: no rows under the header; expected a row an object")


def _number(where: str, name: str, text: str) -> float:
    number = _parse(text)
    if abs(number) <= LARGEST:
        return number
    got = _show(text) if text else "nothing"
    raise PermsetError(f"{where}, column {_show(name)}: must be {RANGE}, got {got}; correct or remove the row")


def _parse(text: str) -> float:
    """A number, or NaN where the text is none."""
    try:
        # 1_000, and digits and spaces beyond ASCII, make one for Python alone.
        return float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        return math.nan


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the line in which it starts, counted from 1."""
    # Bytes that are no UTF-8 come through as surrogates, so that their line can be told.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        reader = csv.reader(_lines(path, file))
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise PermsetError(f"{path}: line {line}: {error}; close the quotes, or correct the row") from error
            if row:
                yield line, row


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    number = 0
    while line := file.readline(BLOCK):
        number += 1
        if len(line) == BLOCK:
            raise PermsetError(f"{path}: line {number} is longer than {BLOCK} characters; expected a CSV file")
        try:
            line.encode()
        except UnicodeEncodeError as error:
            raise PermsetError(f"{path}: line {number} is no text in UTF-8; save the file as CSV in UTF-8") from error
        yield line


def _load(path: Path, kind: Kind, most_bytes: int) -> dict[str, Shaped[np.ndarray, "..."]]:
    """The arrays of an .npz, each loaded after the headers of all were found right."""
    with zipfile.ZipFile(path) as archive:
        there = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
        names = set.union(*LAYOUTS) & set(there)
        if names not in LAYOUTS:
            raise PermsetError(
                f"{path}: arrays must be x and y, or x, mask and y, or objects, sizes and y, got {_show(there)}; "
                "save it with np.savez(path, x=x, y=y)"
            )
        headers = {}
        for name in sorted(names):
            with archive.open(f"{name}.npy") as file:
                version = npy.read_magic(file)
                # Later versions than 2 are written for names of fields alone, which no array here has.
                read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
                shape, _, dtype = read_header(file)
            if min(shape, default=0) < 0:
                raise ValueError(f"{name} of shape {shape}")
            headers[name] = shape, dtype
        _check_headers(path, headers, kind, most_bytes)
        arrays = {}
        for name in names:
            with archive.open(f"{name}.npy") as file:
                arrays[name] = npy.read_array(file, allow_pickle=False)
                if file.read(1):  # Also has zipfile compare its checksum.
                    raise ValueError(f"{name} is longer than its header says")
        arrays["y"].tolist()  # SystemError here, not later, where characters of a text are none.
    return arrays


def _check_headers(
    path: Path, headers: dict[str, tuple[tuple[int, ...], np.dtype[Any]]], kind: Kind, most_bytes: int
) -> None:
    """PermsetError unless types and shapes fit together and into memory."""
    for name, (shape, dtype) in headers.items():
        if name == "mask":
            kinds, expected, remedy = "b", "bool", "mask.astype(bool)"
        elif name == "sizes":
            kinds, expected, remedy = "iu", "whole numbers", "sizes.astype(int)"
        elif name == "y" and kind != "real":
            kinds, expected, remedy = "biufU", "numbers or texts", "y.astype(str)"
        else:
            kinds, expected, remedy = "biuf", "numbers", f"{name}.astype(np.float32)"
        if dtype.kind not in kinds:
            raise PermsetError(f"{path}: {name} must hold {expected}, got dtype {str(dtype)[:60]}; save {remedy}")
        need = math.prod(shape) * (4 if name in ("x", "objects") else max(1, dtype.itemsize))
        if need > most_bytes:
            raise _too_large(path, f"{name} of shape {shape}", need, most_bytes)
    shapes = {name: shape for name, (shape, _) in headers.items()}
    if "x" in shapes:
        x = shapes["x"]
        if len(x) != 3 or not (x[0] and x[2]):
            remedy = "add a channel axis with x[..., None]" if len(x) == 2 else "give it a set and a channel at least"
            raise PermsetError(f"{path}: x must have shape (sets, n, channels), got {x}; {remedy}")
        if shapes.get("mask", x[:2]) != x[:2]:
            raise PermsetError(f"{path}: mask must have shape {x[:2]} like x without channels, got {shapes['mask']}")
        sets = x[0]
    else:
        objects, sizes = shapes["objects"], shapes["sizes"]
        if len(objects) != 2 or not objects[1]:
            raise PermsetError(f"{path}: objects must have shape (total, channels), got {objects}; reshape it")
        if len(sizes) != 1 or not sizes[0]:
            raise PermsetError(f"{path}: sizes must have shape (sets,), got {sizes}; give one number a bag")
        sets = sizes[0]
    outputs = shapes["y"][1:]
    if shapes["y"][:1] != (sets,) or len(outputs) > 1 or 0 in outputs or (kind != "real" and outputs not in ((), (1,))):
        expected = f"({sets},) or ({sets}, outputs)" if kind == "real" else f"({sets},)"
        raise PermsetError(f"{path}: y must have shape {expected} to go with the bags, got {shapes['y']}; reshape it")


def _sizes(path: Path, sizes: Integer[np.ndarray, " sets"], total: int) -> Int[np.ndarray, " sets"]:
    if (sizes < 0).any():
        bag = (sizes < 0).argmax()
        raise PermsetError(
            f"{path}: sizes must not be negative, got {sizes[bag]} for bag {bag}; count its objects anew"
        )
    if (added := sum(sizes.tolist())) != total:
        raise PermsetError(f"{path}: sizes must add up to the {total} rows of objects, got {added}; count them anew")
    return sizes.astype(np.int64)


def _checked(
    path: Path,
    name: str,
    array: Shaped[np.ndarray, "rows *rest"],
    bags: Int[np.ndarray, " rows"],
    mask: Bool[np.ndarray, "rows n"] | None = None,
) -> Float[np.ndarray, "rows *rest"]:
    """An array of an .npz as float32; PermsetError for what is no finite number there, except where a mask is false."""
    numbers = _float32(array)
    wrong = ~np.isfinite(numbers)
    if mask is not None:
        wrong &= mask[..., None]
    if wrong.any():
        place = np.unravel_index(wrong.argmax(), wrong.shape)
        where = f"{name}[{', '.join(map(str, place))}] of bag {bags[place[0]]}"
        raise PermsetError(f"{path}: {where} must be {RANGE}, got {array[place]}; correct it or remove the bag")
    return numbers


def _float32(array: Shaped[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Infinite where a number is too large."""
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(np.float32, order="C", copy=False)


def _by_class(
    path: Path, labels: list[str], codes: Shaped[np.ndarray, " sets"], kind: Kind
) -> tuple[Float[np.ndarray, "sets 1"], list[str]]:
    """Indices of classes in the place of labels' numbers, and the labels in order."""
    if len(labels) < 2 or (kind == "binary" and len(labels) > 2):
        expected = "two" if kind == "binary" else "at least two"
        got = f"{len(labels)}, {_show(labels)}"
        raise PermsetError(
            f"{path}: a target of kind {kind} must have {expected} labels, got {got}; choose another kind"
        )
    if all(math.isfinite(_parse(label)) for label in labels):
        classes = sorted(labels, key=float)
        for one, other in pairwise(classes):
            if float(one) == float(other):
                raise PermsetError(
                    f"{path}: labels {_show(one)} and {_show(other)} are one number; write it in one way"
                )
    else:
        classes = sorted(labels)
    index = {label: i for i, label in enumerate(classes)}
    return np.array([index[label] for label in labels], np.float64)[codes.astype(int)][:, None], classes


def _flat_bags(
    path: Path,
    objects: Float[np.ndarray, "objects channels"],
    sizes: Int[np.ndarray, " sets"],
    targets: Float[np.ndarray, "sets outputs"],
    names: list[str],
    classes: list[str],
) -> FlatBags:
    if not len(objects):
        raise PermsetError(f"{path}: all {len(sizes)} bags are empty; expected objects in some")
    return FlatBags(objects, sizes, targets, names, classes)


def _too_large(path: Path, what: str, need: int, most: int) -> PermsetError:
    remedy = "use fewer objects or features, or allow more"
    return PermsetError(
        f"{path}: {what} take {need / 1e6:,.6g} MB of memory, more than the {most / 1e6:,.6g} MB allowed; {remedy}"
    )


@contextmanager
def _reading(path: Path, damage: tuple[type[Exception], ...], remedy: str) -> Iterator[None]:
    """Turn what the libraries raise for a damaged file into one line."""
    if not path.is_file():
        raise PermsetError(f"{path}: no such file; check its name")
    try:
        yield
    except PermsetError:
        raise
    except damage as error:
        what = " ".join(str(error).split()) or type(error).__name__
        raise PermsetError(f"{path}: cannot be read ({what[:120]}); {remedy}") from error
