"""Bags of a file too large for memory, some at a time: what must fit training's file, and how they are cut."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from permset.reading.checks import parse_number
from permset.reading.encoding import Encoding

UNKNOWN = -1.0
"""stands for a label that is none of the classes"""


@dataclass(frozen=True)
class Expected:
    """What a file of new bags must have in common with the one that a task was read from."""

    encoding: Encoding
    """of the objects' columns"""
    outputs: Sequence[str]
    """of the targets' numbers; in a CSV file, columns, which it may have or not"""
    classes: Sequence[str]
    """none if targets are real"""
    bag: str = ""
    """the column of a CSV file that says to which bag a row belongs"""


@dataclass(frozen=True)
class Portion:
    """Some bags of a file, in their order there, without padding."""

    names: list[str]
    objects: Float[np.ndarray, "objects columns"]
    """float32, those of the first bag first; not yet encoded"""
    sizes: Int[np.ndarray, " sets"]
    labels: Float[np.ndarray, "sets outputs"]
    """float64, a class by its index; NaN where a bag has none"""
    share: float
    """of the file that has been read"""

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, chosen: slice) -> "Portion":
        """Neighbours."""
        start, end, _ = chosen.indices(len(self))
        rows = slice(*(int(self.sizes[:i].sum()) for i in (start, end)))
        return Portion(self.names[chosen], self.objects[rows], self.sizes[chosen], self.labels[chosen], self.share)

    def __add__(self, other: "Portion") -> "Portion":
        objects, sizes, labels = (
            np.concatenate([getattr(self, name), getattr(other, name)]) for name in ("objects", "sizes", "labels")
        )
        return Portion(self.names + other.names, objects, sizes, labels, other.share)

    def end(self, sets: int, numbers: int) -> int | None:
        """After how many bags there are so many, or so many numbers in them; None where there are fewer of both."""
        many = np.cumsum(self.sizes) * self.objects.shape[1] >= numbers
        end = min(sets, int(many.argmax()) + 1 if many.any() else sets)
        return end if end <= len(self) else None


def cut(portions: Iterable[Portion], sets: int, numbers: int) -> Iterator[Portion]:
    """The same bags in portions whose ends depend on the bags alone, and not on how they were read."""
    left: Portion | None = None
    for portion in portions:
        left = portion if left is None else left + portion
        while (end := left.end(sets, numbers)) is not None:
            yield left[:end]
            left = left[end:]
    if left is not None and len(left):
        yield left


def codes_of(texts: Iterable[str | None], classes: Sequence[str]) -> list[float]:
    """The index of each label among the classes, where one is a number however it is written; NaN for none at all."""
    index = {name: float(i) for i, name in enumerate(classes)}
    numbers = {parse_number(name): i for name, i in index.items()}
    if not all(map(math.isfinite, numbers)):
        numbers = {}
    return [math.nan if not text else index.get(text, numbers.get(parse_number(text), UNKNOWN)) for text in texts]
