"""Bags of a CSV file some at a time, each bag in rows that follow one another; one line for every mistake.

A fast library reads the file, block by block. Only if that finds something wrong is it read again, slowly, to find
the line.
"""

from collections.abc import Iterator
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
from permset.reading.csv import CSV_DAMAGE, _Columns, _raise_first_mistake, _rows, _WrongError
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
        columns = _Columns(header, expected.bag, [], list(expected.channels), "real", {})
        try:
            yield from _bags(path, expected, labels, block)
        except (pa.ArrowException, _WrongError, _ApartError) as error:
            again = error.args[0] if isinstance(error, _ApartError) else frozenset()
            if not again:
                _raise_first_mistake(path, columns)
            _raise_first_misfit(path, header, expected, labels, again)
            raise ValueError(error) from error  # The two readers may differ on what is no proper CSV.


class _ApartError(Exception):
    """Bags came again after others, or ones of the same hash, which is given."""


def _columns(path: Path, expected: Expected) -> tuple[list[str], list[str]]:
    """All columns, and those of labels: all of them or none."""
    line, header = next(_rows(path), (0, []))
    if not header:
        raise PermsetError(f"{path}: empty; expected a header and then a row an object")
    labels = list(expected.outputs) if set(expected.outputs) & set(header) else []
    used = [expected.bag, *expected.channels, *labels]
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
    numbers: Float[np.ndarray, "rows channels"]
    empty: Bool[np.ndarray, " rows"]
    """whether a row has no numbers"""
    labels: Float[np.ndarray, "rows outputs"]

    def before(self, last: int) -> "_Rows":
        row = self.starts[last]
        arrays = (values[:row] for values in (self.numbers, self.empty, self.labels))
        return _Rows(self.names[:last], self.starts[:last], *arrays)

    def last(self) -> "_Rows":
        row = self.starts[-1]
        arrays = (values[row:].copy() for values in (self.numbers, self.empty, self.labels))
        return _Rows(self.names[-1:], np.zeros(1, np.int64), *arrays)

    def __add__(self, other: "_Rows") -> "_Rows":
        again = int(self.names[-1] == other.names[0])  # a bag that goes on in the next block
        starts = np.concatenate([self.starts, other.starts[again:] + len(self.empty)])
        pairs = ((getattr(self, name), getattr(other, name)) for name in ("numbers", "empty", "labels"))
        return _Rows(self.names + other.names[again:], starts, *map(np.concatenate, pairs))

    def portion(self, share: float) -> Portion:
        """_WrongError where the rows of a bag contradict each other."""
        counts = np.diff(self.starts, append=len(self.empty))
        first = np.repeat(self.labels[self.starts], counts, axis=0)
        if (first != self.labels)[~(np.isnan(first) & np.isnan(self.labels))].any():
            raise _WrongError("labels differ")
        if (self.empty & (np.repeat(counts, counts) > 1)).any():
            raise _WrongError("a row without numbers among others")
        sizes = np.add.reduceat(~self.empty, self.starts, dtype=np.int64)
        return Portion(self.names, self.numbers[~self.empty], sizes, self.labels[self.starts], share)


def _bags(path: Path, expected: Expected, labels: list[str], block: int) -> Iterator[Portion]:
    types = {expected.bag: pa.string(), **dict.fromkeys(expected.channels, pa.float64())}
    # No dictionary of bags, which would hold all that have come so far.
    types |= dict.fromkeys(labels, pa.dictionary(pa.int32(), pa.string()) if expected.classes else pa.float64())
    convert = fast_csv.ConvertOptions(column_types=types, include_columns=list(types), null_values=[""])
    read, parse = fast_csv.ReadOptions(block_size=block), fast_csv.ParseOptions(newlines_in_values=True)
    known, size, share = _Known(), path.stat().st_size, 0.0
    left: _Rows | None = None
    with path.open("rb") as file, fast_csv.open_csv(file, read, parse, convert) as reader:
        for batch in reader:
            if not len(batch):
                continue
            rows = _rows_of(batch, expected, labels)
            rows = rows if left is None else left + rows
            whole, left = rows.before(len(rows.names) - 1), rows.last()
            share = min(1.0, file.tell() / size)
            if whole.names:
                known.add(whole.names)
                yield whole.portion(share)
    if left is None:
        raise _WrongError("no rows")
    known.add(left.names)
    yield left.portion(1.0)


def _rows_of(batch: pa.RecordBatch, expected: Expected, labels: list[str]) -> _Rows:
    """A block; _WrongError for what is missing, too large or unknown in a row."""
    empty = np.asarray(np.stack([batch[name].is_null() for name in expected.channels], axis=1).all(axis=1))
    numbers = as_float32(np.stack([batch[name] for name in expected.channels], axis=1))
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
                raise _WrongError("a label is no number, or too large")
    if not np.isfinite(numbers[~empty]).all():
        raise _WrongError("a number is missing or too large")
    if bags.null_count or not all(name.strip() for name in names):
        raise _WrongError("a bag is missing")
    if expected.classes and (known == UNKNOWN).any():
        raise _WrongError("a label is none of the classes")
    return _Rows(names, starts, numbers, empty, known)


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
    rows = _rows(path)
    next(rows)
    last, first = "", (0, [""])
    ended: dict[str, int] = {}

    def values(texts: list[str]) -> list[float]:
        return codes_of(texts, expected.classes) if expected.classes else list(map(parse_number, texts))

    for line, row in rows:
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
