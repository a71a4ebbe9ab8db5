"""Bags from the arrays of an .npz file; every mistake in it gets one line."""

import math
import tokenize
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from lzma import LZMAError
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int, Integer, Shaped
from numpy.lib import format as npy

from permset import PermsetError
from permset.config.kinds import LabelKind, Missing
from permset.config.mistakes import show
from permset.reading.checks import (
    MISSING,
    RANGE,
    FlatBags,
    and_more,
    as_float32,
    by_class,
    flat_bags,
    reading,
    too_large,
)

LAYOUTS = ({"x", "y"}, {"x", "mask", "y"}, {"objects", "sizes", "y"})
"""arrays of an .npz"""
# numpy has Python read the header of an array as an expression, which fails in many ways.
HEADER_DAMAGE = (LookupError, MemoryError, RuntimeError, SyntaxError, TypeError, ValueError, tokenize.TokenError)
NPZ_DAMAGE = (*HEADER_DAMAGE, EOFError, LZMAError, OSError, OverflowError, SystemError, zipfile.BadZipFile, zlib.error)


def read_npz_bags(
    path: Path,
    kind: LabelKind,
    *,
    most_bytes: int,
    notes: Mapping[str, Sequence[str]] | None = None,
    missing: Missing = "refuse",
) -> FlatBags:
    """Either x (sets, n, channels), y and, if bags are padded, mask (sets, n); or objects (total, channels), sizes, y.

    y is (sets,), or (sets, outputs) if real; what lies where the mask is false may be anything. `notes` are arrays
    (sets,) of texts or whole numbers, each with the texts that may stand there, or none for any. An object may have NaN
    unless `missing` refuses it. PermsetError for a file that is not so, or an array of which takes more than
    `most_bytes` (objects as float32).
    """
    notes = notes or {}
    with reading(path, NPZ_DAMAGE, "save it anew with np.savez(path, x=x, y=y)"):
        arrays = _load(path, kind, most_bytes, [*notes])
    y = arrays["y"]
    bags = np.arange(len(y))
    if "x" in arrays:
        x = arrays["x"]
        mask = arrays.get("mask", np.ones(x.shape[:2], bool))
        objects, sizes = _checked(path, "x", x, bags, mask, missing)[mask], mask.sum(1)
    else:
        sizes = _sizes(path, arrays["sizes"], len(arrays["objects"]))
        objects = _checked(path, "objects", arrays["objects"], np.repeat(bags, sizes), missing=missing)
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
        targets, classes = by_class(path, labels.astype(str).tolist(), codes.reshape(-1), kind)
    channels, outputs = (
        [f"{kind} {i}" for i in range(array.shape[1])] for kind, array in (("channel", objects), ("target", targets))
    )
    noted = {name: _texts(path, name, arrays[name], allowed) for name, allowed in notes.items()}
    return flat_bags(path, objects, sizes, targets, [str(bag) for bag in bags], classes, channels, outputs, noted)


def _load(path: Path, kind: LabelKind, most_bytes: int, notes: Sequence[str]) -> dict[str, Shaped[np.ndarray, "..."]]:
    """The arrays of an .npz, each loaded after the headers of all were found right."""
    with zipfile.ZipFile(path) as archive:
        there = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
        names = set.union(*LAYOUTS) & set(there)
        if names not in LAYOUTS:
            raise PermsetError(
                f"{path}: arrays must be x and y, or x, mask and y, or objects, sizes and y, got {show(there)}; "
                "save it with np.savez(path, x=x, y=y)"
            )
        for name in notes:
            if name not in there:
                raise PermsetError(
                    f"{path}: no array {show(name)}; there are {show(there)}; correct the name or the file"
                )
            if name in names:
                raise PermsetError(f"{path}: array {name} must be used once, got it again as split or group")
        names |= set(notes)
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
        for name in ("y", *notes):
            arrays[name].tolist()  # SystemError here, not later, where characters of a text are none.
    return arrays


def _check_headers(
    path: Path, headers: dict[str, tuple[tuple[int, ...], np.dtype[Any]]], kind: LabelKind, most_bytes: int
) -> None:
    """PermsetError unless types and shapes fit together and into memory."""
    known = set.union(*LAYOUTS)
    for name, (shape, dtype) in headers.items():
        if name not in known:
            kinds, expected, remedy = "iuU", "texts or whole numbers", f"{name}.astype(str)"
        elif name == "mask":
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
            raise too_large(path, f"{name} of shape {shape}", need, most_bytes)
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
    for name in shapes.keys() - known:
        if shapes[name] != (sets,):
            raise PermsetError(f"{path}: {name} must have shape ({sets},), got {shapes[name]}; give one text a bag")


def _texts(path: Path, name: str, array: Shaped[np.ndarray, " sets"], allowed: Sequence[str]) -> list[str]:
    """What an array says of each bag."""
    texts: list[str] = array.astype(str).tolist()
    for bag, text in enumerate(texts):
        if not text.strip():
            raise PermsetError(f"{path}: {name} of bag {bag} is an empty text; fill it in")
        if allowed and text not in allowed:
            expected = f"must be one of {', '.join(allowed)}"
            raise PermsetError(f"{path}: {name} of bag {bag} {expected}, got {show(text)}; correct it")
    return texts


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
    missing: Missing = "refuse",
) -> Float[np.ndarray, "rows *rest"]:
    """An array of an .npz as float32; PermsetError for what is no finite number there, except where a mask is false,
    or what is missing may be.
    """
    numbers = as_float32(array)
    wrong = ~np.isfinite(numbers)
    if mask is not None:
        wrong &= mask[..., None]
    if missing != "refuse":
        wrong &= ~np.isnan(numbers)
    if wrong.any():
        place = np.unravel_index(wrong.argmax(), wrong.shape)
        where = f"{name}[{', '.join(map(str, place))}] of bag {bags[place[0]]}"
        others = len(np.unique(bags[wrong.reshape(len(bags), -1).any(1)])) - 1
        more = and_more(others, "bag")
        remedy = f"correct it or remove the bag{f', {MISSING}' if np.isnan(array[place]) and name != 'y' else ''}"
        raise PermsetError(f"{path}: {where} must be {RANGE}, got {array[place]}; {remedy}{more}")
    return numbers
