"""Bags of an .npz file some at a time, as they lie in it; one line for every mistake."""

import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped
from numpy.lib import format as npy

from permset import PermsetError
from permset.config.kinds import LabelKind, Missing
from permset.config.mistakes import listed, show
from permset.reading.checks import RANGE, as_float32, reading
from permset.reading.npz import LAYOUTS, NPZ_DAMAGE, _check_headers, _sizes
from permset.reading.portions import UNKNOWN, Expected, Portion, codes_of

ROWS = 1 << 17
"""objects, padding included, and bags that are read at once"""


def npz_portions(path: Path, expected: Expected, kind: LabelKind, rows: int = ROWS) -> Iterator[Portion]:
    """x (sets, n, channels) and, if bags are padded, mask (sets, n); or objects (total, channels) and sizes; so many
    rows at a time, or one bag.

    y may be there or not, as for training; NaN, or an empty text, for a bag without a label. Bags are named by their
    places, from 0. Beside such a portion, memory has the sizes. PermsetError for a file that does not fit.
    """
    with reading(path, NPZ_DAMAGE, "save it anew with np.savez(path, x=x)"), zipfile.ZipFile(path) as archive:
        arrays = _arrays(path, archive, kind)
        main = arrays.get("objects", arrays.get("x"))
        assert main is not None  # in every layout
        columns = len(expected.encoding.columns)
        if main.shape[-1] != columns:
            got = f"got {main.shape[-1]}"
            raise PermsetError(f"{path}: {main.name} must have {columns} channels as training had, {got}")
        dense = main.name == "x"
        if dense:
            sizes = np.full(main.shape[0], main.shape[1])
        else:
            sizes = _sizes(path, arrays["sizes"].take(arrays["sizes"].shape[0]), main.shape[0])
        ends, start = np.cumsum(np.maximum(sizes, 1)), 0
        while start < len(sizes):
            read = ends[start - 1] if start else 0
            end = max(start + 1, int(np.searchsorted(ends, read + rows, "right")))
            names = [str(bag) for bag in range(start, end)]
            if dense:
                x, mask = main.take(end - start), np.ones((end - start, main.shape[1]), bool)
                if "mask" in arrays:
                    mask = arrays["mask"].take(end - start)
                objects, counts = x[mask], mask.sum(1)
            else:
                counts = sizes[start:end]
                objects = main.take(int(counts.sum()))
            checked = _numbers(path, main.name, objects, np.repeat(names, counts), expected.encoding.missing)
            y = (
                arrays["y"].take(end - start)
                if "y" in arrays
                else np.full((end - start, len(expected.outputs)), np.nan)
            )
            labels = _labels(path, y.reshape(end - start, -1), names, expected)
            yield Portion(names, checked, counts.astype(np.int64), labels, end / len(sizes))
            start = end
        for array in arrays.values():
            array.finish()


class _Array:
    """An array in the archive, whose rows are taken in turn."""

    def __init__(self, archive: zipfile.ZipFile, name: str):
        self.name, self.file = name, archive.open(f"{name}.npy")
        version = npy.read_magic(self.file)
        # Later versions than 2 are written for names of fields alone, which no array here has.
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        self.shape: tuple[int, ...]
        self.shape, self.by_columns, self.dtype = read_header(self.file)
        if min(self.shape, default=0) < 0:
            raise ValueError(f"{name} of shape {self.shape}")

    def take(self, count: int) -> Shaped[np.ndarray, "count ..."]:
        shape = count, *self.shape[1:]
        content = self.file.read(int(np.prod(shape)) * self.dtype.itemsize)
        return np.frombuffer(bytearray(content), self.dtype).reshape(shape)  # of a bytearray, which may be written to

    def finish(self) -> None:
        if self.file.read(1):  # Also has zipfile compare its checksum.
            raise ValueError(f"{self.name} is longer than its header says")


def _arrays(path: Path, archive: zipfile.ZipFile, kind: LabelKind) -> dict[str, _Array]:
    there = {name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")}
    names = set.union(*LAYOUTS) & there
    if names | {"y"} not in LAYOUTS:
        expected = "x, or x and mask, or objects and sizes, and y where labels are known"
        raise PermsetError(
            f"{path}: arrays must be {expected}, got {show(sorted(there))}; save it with np.savez(path, x=x)"
        )
    arrays: dict[str, Any] = {name: _Array(archive, name) for name in sorted(names)}
    headers = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    [sets] = [shape[:1] for name, (shape, _) in headers.items() if name in ("x", "sizes")]
    # As if labels were there, which are checked as training's are; no array is loaded as a whole.
    _check_headers(path, {"y": (sets, np.dtype(np.float64))} | headers, kind, sys.maxsize)
    for name, array in arrays.items():
        if array.by_columns and len(array.shape) > 1:
            raise PermsetError(f"{path}: {name} must be stored row by row; save np.ascontiguousarray({name})")
    return arrays


def _numbers(
    path: Path,
    name: str,
    objects: Shaped[np.ndarray, "objects channels"],
    bags: Shaped[np.ndarray, " objects"],
    missing: Missing,
) -> Float[np.ndarray, "objects channels"]:
    numbers = as_float32(objects)
    wrong: Bool[np.ndarray, "objects channels"] = ~np.isfinite(numbers)
    if missing != "refuse":
        wrong &= ~np.isnan(numbers)
    if wrong.any():
        row, channel = np.unravel_index(wrong.argmax(), wrong.shape)
        got = f"got {objects[row, channel]}; correct it or remove the bag"
        raise PermsetError(f"{path}: {name} of bag {bags[row]}, channel {channel}, must be {RANGE}, {got}")
    return numbers


def _labels(
    path: Path, y: Shaped[np.ndarray, "sets outputs"], bags: list[str], expected: Expected
) -> Float[np.ndarray, "sets outputs"]:
    if y.shape[1] != len(expected.outputs):
        raise PermsetError(
            f"{path}: y must have {len(expected.outputs)} numbers a bag as training had, got {y.shape[1]}"
        )
    if expected.classes:
        texts = y[:, 0].astype(str)
        if y.dtype.kind == "f":
            texts[np.isnan(y[:, 0])] = ""
        values = np.array(codes_of(texts.tolist(), expected.classes))[:, None]
    else:
        values = y.astype(np.float64)
    wrong = (values == UNKNOWN) if expected.classes else ~(np.isfinite(as_float32(values)) | np.isnan(values))
    if wrong.any():
        bag = wrong.any(1).argmax()
        known = f"one of {listed(map(show, expected.classes))}" if expected.classes else RANGE
        raise PermsetError(f"{path}: y of bag {bags[bag]} must be {known}, or NaN, got {show(y[bag].tolist())}")
    return values
