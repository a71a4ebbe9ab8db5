"""Bags from a CSV with one row per object; every mistake in it gets one line that says where it is.

A fast library reads the file. Only if that finds something wrong is it read again, slowly, to find the line.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.csv as fast_csv  # type: ignore[import-untyped]
from jaxtyping import Bool, Float, Int, Shaped

from permset import PermsetError
from permset.config.kinds import LabelKind, Missing
from permset.config.mistakes import show
from permset.reading.checks import FlatBags, as_float32, by_class, flat_bags, reading, too_large
from permset.reading.csv_mistakes import Columns, WrongError, raise_first_mistake, rows

BLOCK = 1 << 24
"""bytes of a CSV that are read at once, and the longest row"""
CSV_DAMAGE = (pa.ArrowException, OSError, ValueError)


def read_csv_bags(
    path: Path,
    bag: str,
    labels: Sequence[str],
    features: Sequence[str] | None,
    kind: LabelKind,
    *,
    most_bytes: int,
    notes: Mapping[str, Sequence[str]] | None = None,
    categories: Sequence[str] = (),
    missing: Missing = "refuse",
) -> FlatBags:
    """One row per object under a header. Rows of a bag may stand anywhere; bags come in order of first appearance.

    `bag`, `labels` and `features` are columns, features all others where None. So are `notes`, which say something of a
    bag, each with the texts that may stand there, or none for any. Of the features, `categories` hold texts; a field
    may be empty unless `missing` refuses it. An empty bag is a single row whose features are all empty. PermsetError
    for a file that is not so, or whose objects take more than `most_bytes`.
    """
    with reading(path, CSV_DAMAGE, "save it as CSV in UTF-8, a header and then a row an object"):
        columns = _columns(path, bag, labels, features, kind, notes or {}, categories, missing)
        try:
            return _bags(path, columns, _read_rows(path, columns, most_bytes))
        except (pa.ArrowException, WrongError) as error:
            raise_first_mistake(path, columns)
            raise ValueError(error) from error  # The two readers may differ on what is no proper CSV.


def _columns(
    path: Path,
    bag: str,
    labels: Sequence[str],
    features: Sequence[str] | None,
    kind: LabelKind,
    notes: Mapping[str, Sequence[str]],
    categories: Sequence[str],
    missing: Missing,
) -> Columns:
    line, header = next(rows(path), (0, []))
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
    if absent := [name for name in [*used, *categories] if name not in place]:
        there = f"there are {len(header)}, {show(header)}"
        raise PermsetError(f"{path}: line {line}: no column {show(absent[0])}; {there}; correct the name or the file")
    if twice := [name for name, times in used.items() if times > 1]:
        roles = "as bag, label, feature, split or group" if notes else "as bag, label or feature"
        raise PermsetError(f"{path}: column {show(twice[0])} must be used once, {roles}, got it again")
    if not features:
        raise PermsetError(f"{path}: line {line}: expected a column of features beside bag and label, got none")
    if not labels or (kind != "real" and len(labels) > 1):
        expected = "one or more columns" if kind == "real" else "one column"
        raise PermsetError(f"{path}: the label of kind {kind} must be {expected}, got {show(list(labels))}")
    if others := [name for name in categories if name not in features]:
        raise PermsetError(
            f"{path}: column {show(others[0])} of categories must be one of the features; add it to them"
        )
    return Columns(header, bag, list(labels), list(features), kind, notes, categories, missing)


@dataclass(frozen=True)
class _Rows:
    """All rows of a table, in their order."""

    objects: Float[np.ndarray, "objects features"]
    """of the rows that have one"""
    words: Int[np.ndarray, "rows notes"]
    """the bag, and notes on it, by their indices among `known`"""
    labels: Shaped[np.ndarray, "rows outputs"]
    empty: Bool[np.ndarray, " rows"]
    """whether a row has no object"""
    known: Mapping[str, dict[str, int]]
    """the texts in each column that holds any but labels, in order of first appearance"""
    classes: dict[str, int]
    """labels, where they are texts"""


def _read_rows(path: Path, columns: Columns, most_bytes: int) -> _Rows:
    """A block at a time; WrongError or pa.ArrowException for whatever is wrong in a row by itself."""
    real, of_bags = columns.kind == "real", [columns.bag, *columns.notes]
    numbers = [name for name in columns.features if name not in columns.categories]
    texts = [*of_bags, *columns.categories]
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
            features, empty = _features(batch, columns, known)
            block = as_float32(features[~empty])
            if real:
                labels = np.stack([batch[name] for name in columns.labels], axis=1)
            else:
                labels = _codes(batch[columns.labels[0]], classes)[:, None]
            allowed = np.isnan(block) & (columns.missing != "refuse")
            if not ((np.isfinite(block) | allowed).all() and np.isfinite(as_float32(labels)).all()):
                raise WrongError("a number is missing or too large")
            words = np.stack([_codes(batch[name], known[name]) for name in of_bags], axis=1)
            blocks.append((block, words, labels, empty))
            need += block.nbytes
            if need > most_bytes:
                raise too_large(path, "the first objects", need, most_bytes)
    if not known[columns.bag]:
        raise WrongError("no rows")
    objects, words, labels, empty = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return _Rows(objects, words, labels, empty, known, classes)


def _bags(path: Path, columns: Columns, rows: _Rows) -> FlatBags:
    """WrongError where rows contradict each other, or a text is none that may stand there."""
    bag = rows.words[:, 0]
    first = np.unique(bag, return_index=True)[1]
    targets, words = rows.labels[first], rows.words[first]
    if (
        (targets[bag] != rows.labels).any()
        or (words[bag] != rows.words).any()
        or (rows.empty & (np.bincount(bag)[bag] > 1)).any()
    ):
        raise WrongError("rows of a bag contradict each other")
    _check_texts(columns, rows)
    classes = list(rows.classes)
    if columns.kind != "real":
        targets, classes = by_class(path, classes, targets[:, 0], columns.kind)
    pairs = zip([columns.bag, *columns.notes], words.T, strict=True)
    notes = {name: np.array([*rows.known[name]], dtype=object)[chosen].tolist() for name, chosen in pairs}
    names = notes.pop(columns.bag)
    of_object = bag[~rows.empty]
    objects = rows.objects[np.argsort(of_object, kind="stable")]
    sizes = np.bincount(of_object, minlength=len(names))
    texts = {name: [*rows.known[name]] for name in columns.categories}
    return flat_bags(path, objects, sizes, targets, names, classes, columns.features, columns.labels, notes, texts)


def _check_texts(columns: Columns, rows: _Rows) -> None:
    notes = [rows.known[name] for name in (columns.bag, *columns.notes)]
    if any(not text.strip() for texts in (rows.classes, *notes) for text in texts):
        raise WrongError("a bag, label or note is missing")
    if any(text and not text.strip() for name in columns.categories for text in rows.known[name]):
        raise WrongError("a text is blank")
    if any(allowed and not rows.known[name].keys() <= set(allowed) for name, allowed in columns.notes.items()):
        raise WrongError("a note is none of those allowed")


def _features(
    batch: pa.RecordBatch, columns: Columns, known: Mapping[str, dict[str, int]]
) -> tuple[Float[np.ndarray, "rows features"], Bool[np.ndarray, " rows"]]:
    """Numbers, indices of texts, and NaN where a field is empty; and whether all fields of a row are."""
    values, blank = [], []
    for name in columns.features:
        if name in columns.categories:
            codes = _codes(batch[name], known[name])
            blank.append(np.equal(codes, known[name].get("", -1)))
            values.append(np.where(blank[-1], np.nan, codes))
        else:
            blank.append(np.asarray(batch[name].is_null()))
            values.append(np.asarray(batch[name]))
    return np.stack(values, axis=1), np.asarray(np.stack(blank, axis=1).all(axis=1))


def _codes(column: pa.DictionaryArray, known: dict[str, int]) -> Int[np.ndarray, " rows"]:
    """Texts as numbers, counted in order of first appearance over all blocks."""
    codes = [known.setdefault(text, len(known)) for text in column.dictionary.to_pylist()]
    return np.array(codes, np.int64)[np.asarray(column.indices)]
