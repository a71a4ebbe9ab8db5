"""Bags from a CSV with one row per object; every mistake in it gets one line that says where it is.

A fast library reads the file. Only if that finds something wrong is it read again, slowly, to find the line.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.csv as fast_csv  # type: ignore[import-untyped]
from jaxtyping import Int

from permset import PermsetError
from permset.config.kinds import TargetKind
from permset.config.mistakes import show
from permset.reading.checks import (
    LARGEST,
    RANGE,
    FlatBags,
    and_more,
    as_float32,
    by_class,
    flat_bags,
    parse_number,
    reading,
    too_large,
)

BLOCK = 1 << 24
"""bytes of a CSV that are read at once, and the longest row"""
CSV_DAMAGE = (pa.ArrowException, OSError, ValueError)


def read_csv_bags(
    path: Path,
    bag: str,
    labels: Sequence[str],
    features: Sequence[str] | None,
    kind: TargetKind,
    *,
    most_bytes: int,
    notes: Mapping[str, Sequence[str]] | None = None,
) -> FlatBags:
    """One row per object under a header. Rows of a bag may stand anywhere; bags come in order of first appearance.

    `bag`, `labels` and `features` are columns, features all others where None. So are `notes`, which say something of a
    bag, each with the texts that may stand there, or none for any. An empty bag is a single row whose features are all
    empty. PermsetError for a file that is not so, or whose objects take more than `most_bytes`.
    """
    with reading(path, CSV_DAMAGE, "save it as CSV in UTF-8, a header and then a row an object"):
        columns = _columns(path, bag, labels, features, kind, notes or {})
        try:
            return _read_table(path, columns, most_bytes)
        except (pa.ArrowException, _WrongError) as error:
            _raise_first_mistake(path, columns)
            raise ValueError(error) from error  # The two readers may differ on what is no proper CSV.


class _WrongError(Exception):
    """Rows came through the fast reader that must not."""


@dataclass(frozen=True)
class _Columns:
    """Who is who in a CSV."""

    header: list[str]
    bag: str
    labels: list[str]
    features: list[str]
    kind: TargetKind
    notes: Mapping[str, Sequence[str]]


def _columns(
    path: Path,
    bag: str,
    labels: Sequence[str],
    features: Sequence[str] | None,
    kind: TargetKind,
    notes: Mapping[str, Sequence[str]],
) -> _Columns:
    line, header = next(_rows(path), (0, []))
    if not header:
        raise PermsetError(f"{path}: empty; expected a header and then a row an object")
    if twice := [name for name, times in Counter(header).items() if times > 1]:
        raise PermsetError(
            f"{path}: line {line}: columns must have different names, got {show(twice[0])} twice; rename one"
        )
    place = {name: i for i, name in enumerate(header, 1)}
    if features is None:
        features = [name for name in header if name not in (bag, *labels, *notes)]
        if "" in features:
            raise PermsetError(f"{path}: line {line}: column {place['']} has no name; name it, or list the features")
    used = Counter([bag, *labels, *features, *notes])
    if missing := [name for name in used if name not in place]:
        there = f"there are {len(header)}, {show(header)}"
        raise PermsetError(f"{path}: line {line}: no column {show(missing[0])}; {there}; correct the name or the file")
    if twice := [name for name, times in used.items() if times > 1]:
        roles = "as bag, label, feature, split or group" if notes else "as bag, label or feature"
        raise PermsetError(f"{path}: column {show(twice[0])} must be used once, {roles}, got it again")
    if not features:
        raise PermsetError(f"{path}: line {line}: expected a column of features beside bag and label, got none")
    if not labels or (kind != "real" and len(labels) > 1):
        expected = "one or more columns" if kind == "real" else "one column"
        raise PermsetError(f"{path}: the label of kind {kind} must be {expected}, got {show(list(labels))}")
    return _Columns(header, bag, list(labels), list(features), kind, notes)


def _read_table(path: Path, columns: _Columns, most_bytes: int) -> FlatBags:
    """The fast reader, a block at a time; _WrongError or pa.ArrowException for whatever is wrong in a row."""
    real = columns.kind == "real"
    numbers, texts = list(columns.features), [columns.bag, *columns.notes]
    known: dict[str, dict[str, int]] = {name: {} for name in texts}
    (numbers if real else texts).extend(columns.labels)
    text = pa.dictionary(pa.int32(), pa.string())
    convert = fast_csv.ConvertOptions(
        column_types=dict.fromkeys(numbers, pa.float64()) | dict.fromkeys(texts, text),
        include_columns=numbers + texts,
        null_values=[""],
    )
    read, parse = fast_csv.ReadOptions(block_size=BLOCK), fast_csv.ParseOptions(newlines_in_values=True)
    classes: dict[str, int] = {}
    blocks = []
    need = 0
    with fast_csv.open_csv(path, read, parse, convert) as reader:
        for batch in reader:
            empty = np.stack([batch[name].is_null() for name in columns.features], axis=1).all(axis=1)
            block = as_float32(np.stack([batch[name] for name in columns.features], axis=1)[~empty])
            if real:
                labels = np.stack([batch[name] for name in columns.labels], axis=1)
            else:
                labels = _codes(batch[columns.labels[0]], classes)[:, None]
            if not (np.isfinite(block).all() and np.isfinite(as_float32(labels)).all()):
                raise _WrongError("a number is missing or too large")
            words = np.stack([_codes(batch[name], codes) for name, codes in known.items()], axis=1)
            blocks.append((block, words, labels, empty))
            need += block.nbytes
            if need > most_bytes:
                raise too_large(path, "the first objects", need, most_bytes)
    if not known[columns.bag]:
        raise _WrongError("no rows")
    objects, words, labels, empty = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    blocks.clear()
    bag = words[:, 0]
    first = np.unique(bag, return_index=True)[1]
    targets = labels[first]
    if (
        (targets[bag] != labels).any()
        or (words[first][bag] != words).any()
        or (empty & (np.bincount(bag)[bag] > 1)).any()
    ):
        raise _WrongError("rows of a bag contradict each other")
    if any(not text.strip() for codes in (classes, *known.values()) for text in codes):
        raise _WrongError("a bag, label or note is missing")
    if any(allowed and not known[name].keys() <= set(allowed) for name, allowed in columns.notes.items()):
        raise _WrongError("a note is none of those allowed")
    names = list(classes)
    if not real:
        targets, names = by_class(path, names, targets[:, 0], columns.kind)
    bag = bag[~empty]
    objects = objects[np.argsort(bag, kind="stable")]
    of_bags = zip(known.items(), words[first].T, strict=True)
    notes = {name: np.array([*codes], dtype=object)[chosen].tolist() for (name, codes), chosen in of_bags}
    bags = notes.pop(columns.bag)
    sizes = np.bincount(bag, minlength=len(bags))
    return flat_bags(path, objects, sizes, targets, bags, names, columns.features, columns.labels, notes)


def _codes(column: pa.DictionaryArray, known: dict[str, int]) -> Int[np.ndarray, " rows"]:
    """Texts as numbers, counted in order of first appearance over all blocks."""
    codes = [known.setdefault(text, len(known)) for text in column.dictionary.to_pylist()]
    return np.array(codes, np.int64)[np.asarray(column.indices)]


def _raise_first_mistake(path: Path, columns: _Columns) -> None:
    """The slow reader, row by row; PermsetError for the first mistake, with its line."""
    real = columns.kind == "real"
    rows = _rows(path)
    next(rows)
    seen: dict[str, tuple[int, dict[str, Any], bool]] = {}
    for line, row in rows:
        where = f"{path}: line {line}"
        if len(row) != len(columns.header):
            raise PermsetError(
                f"{where}: must have {len(columns.header)} fields like the header, got {len(row)}; "
                "complete or remove the row, close its quotes, and quote fields with commas"
            )
        fields = dict(zip(columns.header, row, strict=True))
        for name in [columns.bag, *columns.notes, *([] if real else columns.labels)]:
            if not fields[name].strip():
                raise PermsetError(f"{where}, column {show(name)}: must not be empty; fill it in or remove the row")
        for name, allowed in columns.notes.items():
            if allowed and fields[name] not in allowed:
                got = f"must be one of {', '.join(allowed)}, got {show(fields[name])}"
                raise PermsetError(f"{where}, column {show(name)}: {got}; correct it")
        try:
            _check_numbers(where, columns, fields)
        except PermsetError as error:
            raise PermsetError(f"{error}{and_more(_wrong_rows(columns, rows), 'row')}") from error
        labels = [float(fields[name]) if real else fields[name] for name in columns.labels]
        empty = not any(fields[name] for name in columns.features)
        bag = fields[columns.bag]
        known: dict[str, Any] = {"label": labels} | {show(name): fields[name] for name in columns.notes}
        first, first_known, first_empty = seen.setdefault(bag, (line, known, empty))
        for what, got in known.items():
            if got != first_known[what]:
                both = f"got {show(got)} here and {show(first_known[what])} in line {first}"
                raise PermsetError(f"{where}: bag {show(bag)} must have one {what}, {both}; make them alike")
        if first != line and (empty or first_empty):
            raise PermsetError(
                f"{path}: line {line if empty else first}: no features, but bag {show(bag)} has other rows, and only "
                "a single row makes an empty bag; fill them in or remove the row"
            )
    if not seen:
        raise PermsetError(f"{path}: no rows under the header; expected a row an object")


def _check_numbers(where: str, columns: _Columns, fields: dict[str, str]) -> None:
    """PermsetError for a label or feature that is no number; a row of an empty bag has no features."""
    empty = not any(fields[name] for name in columns.features)
    names = (columns.labels if columns.kind == "real" else []) + ([] if empty else columns.features)
    for name in names:
        if not abs(parse_number(fields[name])) <= LARGEST:
            got = show(fields[name]) if fields[name] else "nothing"
            raise PermsetError(f"{where}, column {show(name)}: must be {RANGE}, got {got}; correct or remove the row")


def _wrong_rows(columns: _Columns, rows: Iterator[tuple[int, list[str]]]) -> int:
    """How many of these rows hold what is no number, up to one that is broken."""
    count = 0
    try:
        for _, row in rows:
            fields = dict(zip(columns.header, row, strict=False))
            if fields.keys() < set(columns.header):
                break
            try:
                _check_numbers("", columns, fields)
            except PermsetError:
                count += 1
    except PermsetError:
        pass
    return count


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, each with the line in which it starts, counted from 1."""
    # Bytes that are no UTF-8 come through as surrogates, so that their line can be named.
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
