"""Bags one after another, as every reader gives them, and the checks that all readers share."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, Shaped

from permset import PermsetError
from permset.config.kinds import LabelKind
from permset.config.mistakes import show

LARGEST = float(np.finfo(np.float32).max)
MISSING = "or set missing: mean in params.yaml"
RANGE = f"a number between -{LARGEST:.3g} and {LARGEST:.3g}"


@dataclass(frozen=True)
class FlatBags:
    """Bags one after another, without padding."""

    objects: Float[np.ndarray, "objects channels"]
    """float32, those of the first bag first; NaN for what is missing, and an index for a text"""
    sizes: Int[np.ndarray, " sets"]
    """objects of each bag"""
    targets: Float[np.ndarray, "sets outputs"]
    """float64; a class is its index in `classes`"""
    names: list[str]
    """of the bags, for messages"""
    classes: list[str]
    """the labels, sorted as numbers if all are numbers; none if the target is real"""
    channels: list[str]
    """names of the objects' columns"""
    outputs: list[str]
    """names of the targets' numbers"""
    notes: dict[str, list[str]]
    """texts of each bag, from columns that say something of it: its part of the split, or its group"""
    texts: dict[str, list[str]]
    """of each column that holds texts: those that the objects count"""


def flat_bags(
    path: Path,
    objects: Float[np.ndarray, "objects channels"],
    sizes: Int[np.ndarray, " sets"],
    targets: Float[np.ndarray, "sets outputs"],
    names: list[str],
    classes: list[str],
    channels: list[str],
    outputs: list[str],
    notes: dict[str, list[str]],
    texts: dict[str, list[str]] | None = None,
) -> FlatBags:
    if not len(objects):
        raise PermsetError(f"{path}: all {len(sizes)} bags are empty; expected objects in some")
    return FlatBags(objects, sizes, targets, names, classes, channels, outputs, notes, texts or {})


def by_class(
    path: Path, labels: list[str], codes: Shaped[np.ndarray, " sets"], kind: LabelKind
) -> tuple[Float[np.ndarray, "sets 1"], list[str]]:
    """Indices of classes in the place of labels' numbers, and the labels in order."""
    if len(labels) < 2 or (kind == "binary" and len(labels) > 2):
        expected = "two" if kind == "binary" else "at least two"
        got = f"{len(labels)}, {show(labels)}"
        raise PermsetError(
            f"{path}: a target of kind {kind} must have {expected} labels, got {got}; choose another kind"
        )
    if all(math.isfinite(parse_number(label)) for label in labels):
        classes = sorted(labels, key=float)
        for one, other in pairwise(classes):
            if float(one) == float(other):
                raise PermsetError(f"{path}: labels {show(one)} and {show(other)} are one number; write it in one way")
    else:
        classes = sorted(labels)
    index = {label: i for i, label in enumerate(classes)}
    return np.array([index[label] for label in labels], np.float64)[codes.astype(int)][:, None], classes


def parse_number(text: str) -> float:
    """A number, or NaN where the text is none."""
    try:
        # 1_000, and digits and spaces beyond ASCII, make one for Python alone.
        return float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        return math.nan


def and_more(count: int, what: str) -> str:
    """Added to the line of the first mistake: how many more there are of the kind."""
    return f" (and {count:,} more {what}{'s' if count > 1 else ''})" if count else ""


def as_float32(array: Shaped[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Infinite where a number is too large."""
    with np.errstate(over="ignore", invalid="ignore"):
        return array.astype(np.float32, order="C", copy=False)


def too_large(path: Path, what: str, need: int, most: int) -> PermsetError:
    remedy = "use fewer objects or features, or allow more"
    return PermsetError(
        f"{path}: {what} take {need / 1e6:,.6g} MB of memory, more than the {most / 1e6:,.6g} MB allowed; {remedy}"
    )


@contextmanager
def reading(path: Path, damage: tuple[type[Exception], ...], remedy: str) -> Iterator[None]:
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
