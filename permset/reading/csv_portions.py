"""Bags of a CSV file some at a time, each bag in rows that follow one another; one line for every mistake.

A fast library reads the file, block by block. Only if that finds something wrong is it read again, slowly, to find
the line.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as compute  # type: ignore[import-untyped]
import pyarrow.csv as fast_csv  # type: ignore[import-untyped]
from jaxtyping import Bool, Float, Int

from permset import PermsetError
from permset.config.mistakes import listed, show
from permset.reading.checks import LARGEST, RANGE, as_float32, parse_number, reading
from permset.reading.csv import CSV_DAMAGE
from permset.reading.csv_mistakes import Columns, WrongError, raise_first_mistake, rows
from permset.reading.encoding import UNSEEN
from permset.reading.portions import UNKNOWN, Expected, Portion, codes_of

BLOCK = 1 << 20
"""bytes of a CSV that are read at once, and the longest row"""


def csv_portions(path: Path, expected: Expected, block: int = BLOCK) -> Iterator[Portion]:
    """The bags of each block of so many bytes, which no row may exceed; columns come by name, others are left out.

    Beside a block and the rows of its last bag, memory has eight bytes for each bag, by which one is found that comes
    again. PermsetError for a file that does not fit.
    """
    with reading(path, CSV_DAMAGE, "save it as CSV in UTF-8, a header and then a row an object"):
        header, labels = _columns(path, expected)
        encoding = expected.encoding
        texts, missing = list(encoding.categories), encoding.missing
        columns = Columns(header, expected.bag, [], encoding.names, "real", {}, texts, missing)
        try:
            yield from _bags(path, expected, labels, block)
        except (pa.ArrowException, WrongError, _ApartError) as error:
            again = error.args[0] if isinstance(error, _ApartError) else frozenset()
            if not again:
                raise_first_mistake(path, columns)
            _raise_first_misfit(path, header, expected, labels, again)
            raise ValueError(error) from error  # The two readers may differ on what is no proper CSV.


class _ApartError(Exception):
    """Bags came again after others, or ones of the same hash, which is given."""


def _columns(path: Path, expected: Expected) -> tuple[list[str], list[str]]:
    """All columns, and those of labels: all of them or none."""
    line, header = next(rows(path), (0, []))
    if not header:
        raise PermsetError(f"{path}: empty; expected a header and then a row an object")
    labels = list(expected.outputs) if set(expected.outputs) & set(header) else []
    used = [expected.bag, *expected.encoding.names, *labels]
    if missing := [name for name in used if name not in header]:
        some = f"column{'s' if len(missing) > 1 else ''} {listed(map(show, missing))}"
        there = f"there are {len(header)}, {show(header)}"
        raise PermsetError(f"{path}: line {line}: no {some}, as training had; {there}; correct the names or the file")
    if twice := [name for name in used if header.count(name) > 1]:
        raise PermsetError(f"{path}: line {line}: column {show(twice[0])} must be there once, got it twice; rename one")
    return header, labels


@dataclass(frozen=True)
class _Rows:
    """Rows of a table, of which those of a bag follow one another."""

    names: list[str]
    """of the bags"""
    starts: Int[np.ndarray, " bags"]
    """the first row of each"""
    objects: Float[np.ndarray, "rows columns"]
    empty: Bool[np.ndarray, " rows"]
    """whether a row has no object"""
    labels: Float[np.ndarray, "rows outputs"]

    def before(self, last: int) -> "_Rows":
        row = self.starts[last]
        arrays = (values[:row] for values in (self.objects, self.empty, self.labels))
        return _Rows(self.names[:last], self.starts[:last], *arrays)

    def last(self) -> "_Rows":
        row = self.starts[-1]
        arrays = (values[row:].copy() for values in (self.objects, self.empty, self.labels))
        return _Rows(self.names[-1:], np.zeros(1, np.int64), *arrays)

    def __add__(self, other: "_Rows") -> "_Rows":
        again = int(self.names[-1] == other.names[0])  # a bag that goes on in the next block
        starts = np.concatenate([self.starts, other.starts[again:] + len(self.empty)])
        pairs = ((getattr(self, name), getattr(other, name)) for name in ("objects", "empty", "labels"))
        return _Rows(self.names + other.names[again:], starts, *map(np.concatenate, pairs))

    def portion(self, share: float) -> Portion:
        """WrongError where the rows of a bag contradict each other."""
        counts = np.diff(self.starts, append=len(self.empty))
        first = np.repeat(self.labels[self.starts], counts, axis=0)
        if (first != self.labels)[~(np.isnan(first) & np.isnan(self.labels))].any():
            raise WrongError("labels differ")
        if (self.empty & (np.repeat(counts, counts) > 1)).any():
            raise WrongError("a row without an object among others")
        sizes = np.add.reduceat(~self.empty, self.starts, dtype=np.int64)
        return Portion(self.names, self.objects[~self.empty], sizes, self.labels[self.starts], share)


def _bags(path: Path, expected: Expected, labels: list[str], block: int) -> Iterator[Portion]:
    text, texts = pa.dictionary(pa.int32(), pa.string()), expected.encoding.categories
    types = {expected.bag: pa.string()}
    types |= {name: text if name in texts else pa.float64() for name in expected.encoding.names}
    # No dictionary of bags, which would hold all that have come so far.
    types |= dict.fromkeys(labels, text if expected.classes else pa.float64())
    convert = fast_csv.ConvertOptions(column_types=types, include_columns=list(types), null_values=[""])
    read, parse = fast_csv.ReadOptions(block_size=block), fast_csv.ParseOptions(newlines_in_values=True)
    known, size, share = _Known(), path.stat().st_size, 0.0
    left: _Rows | None = None
    with path.open("rb") as file, fast_csv.open_csv(file, read, parse, convert) as reader:
        for batch in reader:
            if not len(batch):
                continue
            come = _rows_of(batch, expected, labels)
            come = come if left is None else left + come
            whole, left = come.before(len(come.names) - 1), come.last()
            share = min(1.0, file.tell() / size)
            if whole.names:
                known.add(whole.names)
                yield whole.portion(share)
    if left is None:
        raise WrongError("no rows")
    known.add(left.names)
    yield left.portion(1.0)


def _rows_of(batch: pa.RecordBatch, expected: Expected, labels: list[str]) -> _Rows:
    """A block; WrongError for what is missing, too large or unknown in a row."""
    columns = [_column(batch[column.name], column.categories) for column in expected.encoding.columns]
    values, blank = (np.stack(arrays, axis=1) for arrays in zip(*columns, strict=True))
    objects, empty = as_float32(values), np.asarray(blank.all(axis=1))
    bags = batch[expected.bag]
    starts = np.append(0, np.flatnonzero(compute.not_equal(bags[1:], bags[:-1])) + 1)
    names = bags.take(pa.array(starts)).to_pylist()
    known = np.full((len(batch), len(expected.outputs)), np.nan)
    for i, name in enumerate(labels):
        if expected.classes:
            index = np.array([*codes_of(batch[name].dictionary.to_pylist(), expected.classes), np.nan])
            known[:, i] = index[np.asarray(batch[name].indices.fill_null(-1))]
        else:
            known[:, i] = batch[name]
            if not np.isfinite(as_float32(known[~np.asarray(batch[name].is_null()), i])).all():
                raise WrongError("a label is no number, or too large")
    allowed = np.isnan(objects) & (expected.encoding.missing != "refuse")
    if not (np.isfinite(objects) | allowed)[~empty].all():
        raise WrongError("a number is missing or too large")
    if bags.null_count or not all(name.strip() for name in names):
        raise WrongError("a bag is missing")
    if expected.classes and (known == UNKNOWN).any():
        raise WrongError("a label is none of the classes")
    return _Rows(names, starts, objects, empty, known)


def _column(
    column: pa.Array, categories: Sequence[str] | None
) -> tuple[Float[np.ndarray, " rows"], Bool[np.ndarray, " rows"]]:
    """Numbers, or indices among the categories, with NaN where a field is empty; and whether it is."""
    if categories is None:
        return np.asarray(column), np.asarray(column.is_null())
    index: dict[str, float] = {text: float(i) for i, text in enumerate(categories)}
    texts = column.dictionary.to_pylist()
    if any(text and not text.strip() for text in texts):
        raise WrongError("a text is blank")
    codes = np.array([index.get(text, UNSEEN) if text else np.nan for text in texts])[np.asarray(column.indices)]
    return codes, np.isnan(codes)


class _Known:
    """Bags that have come so far, by hashes of eight bytes, which are other ones in every process."""

    def __init__(self) -> None:
        self.hashes = np.empty(0, np.int64)  # in order

    def add(self, names: list[str]) -> None:
        """_ApartError with the hashes that have come before."""
        new = np.sort(np.array([hash(name) for name in names], np.int64))
        places = np.searchsorted(self.hashes, new)
        before = places < len(self.hashes)
        before[before] = self.hashes[places[before]] == new[before]
        again = {*new[before].tolist(), *new[1:][new[1:] == new[:-1]].tolist()}
        if again:
            raise _ApartError(frozenset(again))
        self.hashes = np.insert(self.hashes, places, new)


def _raise_first_misfit(
    path: Path, header: list[str], expected: Expected, labels: list[str], again: frozenset[int]
) -> None:
    """Row by row: PermsetError for the first label that cannot be, or bag of these hashes that comes after others."""
    read = rows(path)
    next(read)
    last, first = "", (0, [""])
    ended: dict[str, int] = {}

    def values(texts: list[str]) -> list[float]:
        return codes_of(texts, expected.classes) if expected.classes else list(map(parse_number, texts))

    for line, row in read:
        fields = dict(zip(header, row, strict=True))
        bag, given = fields[expected.bag], [fields[name] for name in labels]
        for name, text in zip(labels, given, strict=True):
            where = f"{path}: line {line}, column {show(name)}"
            if expected.classes and codes_of([text], expected.classes) == [UNKNOWN]:
                known = f"one of the classes of training, {listed(map(show, expected.classes))}, or empty"
                raise PermsetError(f"{where}: must be {known}, got {show(text)}; correct it, or leave the column out")
            if not expected.classes and text and not abs(parse_number(text)) <= LARGEST:
                raise PermsetError(f"{where}: must be {RANGE}, or empty, got {show(text)}; correct it")
        if bag != last:
            if bag in ended:
                raise PermsetError(
                    f"{path}: line {line}: bag {show(bag)} has other rows, up to line {ended[bag]}, and rows of a bag "
                    f"must follow one another where a file is read in portions; sort it by {show(expected.bag)}"
                )
            last, first = bag, (line, given)
        elif not np.array_equal(values(given), values(first[1]), equal_nan=True):
            raise PermsetError(
                f"{path}: line {line}: bag {show(bag)} must have one label, got {show(given)} here and "
                f"{show(first[1])} in line {first[0]}; make them alike"
            )
        if hash(bag) in again:
            ended[bag] = line
