"""A CSV file read row by row, slowly, to find the line of the first mistake in it."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from permset import PermsetError
from permset.config.kinds import LabelKind, Missing
from permset.config.mistakes import show
from permset.reading.checks import LARGEST, MISSING, RANGE, and_more, parse_number

LONGEST = 1 << 24
"""characters of a line"""
NOTHING = "", "nan"
"""in the place of a number that is missing"""
DATE = re.compile(r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{4}|\d{2}))([T ].*)?")


class WrongError(Exception):
    """Rows came through the fast reader that must not."""


@dataclass(frozen=True)
class Columns:
    """Who is who in a CSV."""

    header: list[str]
    bag: str
    labels: list[str]
    features: list[str]
    kind: LabelKind
    notes: Mapping[str, Sequence[str]]
    categories: Sequence[str] = ()
    """those of the features that hold texts"""
    missing: Missing = "refuse"


def raise_first_mistake(path: Path, columns: Columns) -> None:
    """PermsetError for the first mistake, with its line."""
    real = columns.kind == "real"
    left = rows(path)
    next(left)
    seen: dict[str, tuple[int, dict[str, Any], bool]] = {}
    for line, row in left:
        where = f"{path}: line {line}"
        if len(row) != len(columns.header):
            raise PermsetError(
                f"{where}: must have {len(columns.header)} fields like the header, got {len(row)}; "
                "complete or remove the row, close its quotes, and quote fields with commas"
            )
        fields = dict(zip(columns.header, row, strict=True))
        for name in [columns.bag, *columns.notes, *([] if real else columns.labels)]:
            if not fields[name].strip():
                raise PermsetError(f"{where}, column {show(name)}: must not be empty; {_remedy(columns, name)}")
        for name, allowed in columns.notes.items():
            if allowed and fields[name] not in allowed:
                got = f"must be one of {', '.join(allowed)}, got {show(fields[name])}"
                raise PermsetError(f"{where}, column {show(name)}: {got}; correct it")
        try:
            _check_numbers(where, columns, fields)
        except PermsetError as error:
            raise PermsetError(f"{error}{and_more(_wrong_rows(columns, left), 'row')}") from error
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


def _check_numbers(where: str, columns: Columns, fields: dict[str, str]) -> None:
    """PermsetError for a label or feature that is none of its kind; a row of an empty bag has no features."""
    empty = not any(fields[name] for name in columns.features)
    labels = columns.labels if columns.kind == "real" else []
    for name in labels + ([] if empty else columns.features):
        text = fields[name]
        if name not in labels and columns.missing != "refuse" and text.lower() in NOTHING:
            continue
        if name in columns.categories:
            if not text.strip():
                raise PermsetError(f"{where}, column {show(name)}: must be a text, got nothing; {_hint('')}")
        elif not abs(parse_number(text)) <= LARGEST:
            expected, got = f"must be {RANGE}", show(text) if text else "nothing"
            remedy = "correct or remove the row" if name in labels else _hint(text)
            raise PermsetError(f"{where}, column {show(name)}: {expected}, got {got}; {remedy}")


def _hint(text: str) -> str:
    """What to do about a feature that is no number."""
    if text.lower() in NOTHING:
        return f"correct or remove the row, {MISSING}"
    if DATE.fullmatch(text):
        return "write a date as a number, such as days since the first one, or leave the column out of features"
    if parse_number(text) != parse_number(text) and any(map(str.isalpha, text)):
        return "correct or remove the row, or list a column of texts under categories in params.yaml"
    return "correct or remove the row"


def _remedy(columns: Columns, name: str) -> str:
    """What to do about a text that is not there."""
    if name in columns.labels:
        return "fill it in or remove the row; bags without labels belong in a file of their own, under predictions"
    return "fill it in or remove the row"


def _wrong_rows(columns: Columns, left: Iterator[tuple[int, list[str]]]) -> int:
    """How many of these rows hold what is no number, up to one that is broken."""
    count = 0
    try:
        for _, row in left:
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


def rows(path: Path) -> Iterator[tuple[int, list[str]]]:
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
    while line := file.readline(LONGEST):
        number += 1
        if len(line) == LONGEST:
            raise PermsetError(f"{path}: line {number} is longer than {LONGEST} characters; expected a CSV file")
        try:
            line.encode()
        except UnicodeEncodeError as error:
            raise PermsetError(f"{path}: line {number} is no text in UTF-8; save the file as CSV in UTF-8") from error
        yield line
