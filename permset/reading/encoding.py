"""How columns of a file become channels: texts as categories, and what stands in the place of what is missing.

Readers give columns as they are, in float32: a number, the index of a text among the categories, or NaN where nothing
is. Channels are made of them by what the bags of training held, and by that alone.
"""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from permset import PermsetError
from permset.config.kinds import Missing
from permset.config.mistakes import show
from permset.reading.checks import FlatBags
from permset.store.files import intact

MOST_CATEGORIES = 1000
"""of a column; one with more is rather a name of each object"""
UNSEEN = -1.0
"""stands for a text that is none of the categories"""


@dataclass(frozen=True)
class Column:
    name: str
    categories: Sequence[str] | None = None
    """of a column of texts, in order; those of training"""
    mean: float = 0.0
    """of a column of numbers, over training; it stands in the place of a missing one"""
    lacks: bool = False
    """whether training had objects without it; a channel then says of each object whether it is one of those"""

    @property
    def channels(self) -> list[str]:
        own = [self.name] if self.categories is None else [f"{self.name} = {text}" for text in self.categories]
        return [*own, *([f"{self.name} missing"] if self.lacks else [])]

    def encode(self, values: Float[np.ndarray, " objects"]) -> Iterable[Float[np.ndarray, " objects"]]:
        """One array for each channel."""
        missing = np.isnan(values)
        if self.categories is None:
            yield np.where(missing, np.float32(self.mean), values)
        else:
            yield from ((values == index).astype(np.float32) for index in range(len(self.categories)))
        if self.lacks:
            yield missing.astype(np.float32)

    def decode(self, channels: Float[np.ndarray, "channels objects"]) -> list[float | str | None]:
        """As a file would have it: None for what is missing, and for a text that is none of the categories."""
        gone = channels[-1] > 0 if self.lacks else np.zeros(channels.shape[1], bool)
        values: list[float | str] = channels[0].tolist()
        if self.categories is not None:
            of_texts = channels[: len(self.categories)]
            gone, values = gone | ~of_texts.any(0), [self.categories[place] for place in of_texts.argmax(0)]
        return [None if nothing else value for value, nothing in zip(values, gone, strict=True)]


@dataclass(frozen=True)
class Encoding:
    columns: Sequence[Column]
    """in the order of the file, or in which its features are listed"""
    missing: Missing = "refuse"
    """the file's rule for what is missing"""

    @property
    def names(self) -> list[str]:
        """Of the columns."""
        return [column.name for column in self.columns]

    @property
    def plain(self) -> bool:
        """Whether the columns are the channels."""
        return not self.categories and self.missing == "refuse"

    @property
    def channels(self) -> list[str]:
        return [name for column in self.columns for name in column.channels]

    @property
    def categories(self) -> dict[str, Sequence[str]]:
        """Of the columns that hold texts."""
        return {column.name: column.categories for column in self.columns if column.categories is not None}

    def encode(self, values: Float[np.ndarray, "objects columns"]) -> Float[np.ndarray, "objects channels"]:
        """All zeros among the categories where a text is unseen or missing."""
        if self.plain:
            return values
        encoded = np.empty((len(values), len(self.channels)), np.float32)
        pairs = zip(self.columns, values.T, strict=True)
        for channel, array in enumerate(array for column, given in pairs for array in column.encode(given)):
            encoded[:, channel] = array
        return encoded

    def decode(self, objects: Float[np.ndarray, "objects channels"]) -> dict[str, list[float | str | None]]:
        """The columns, by their names, of which `encode` made the channels."""
        ends = np.cumsum([len(column.channels) for column in self.columns])
        parts = zip(self.columns, np.split(objects.T, ends[:-1]), strict=True)
        return {column.name: column.decode(channels) for column, channels in parts}

    def to_json(self) -> str:
        return json.dumps({"columns": [asdict(column) for column in self.columns], "missing": self.missing})

    @classmethod
    def from_json(cls, text: str) -> "Encoding":
        known = json.loads(text)
        return cls([Column(**column) for column in known["columns"]], known["missing"])


def stored_encoding(path: Path) -> Encoding:
    """That of the bags in data/<file>.npz."""
    with intact(path, f"dvc repro -f read@{path.stem}"), np.load(path) as arrays:
        if "encoding" in arrays:
            return Encoding.from_json(str(arrays["encoding"]))
        return Encoding([Column(name) for name in arrays["channels"].tolist()])


def fit(
    bags: FlatBags, missing: Missing, trains: Bool[np.ndarray, " sets"]
) -> tuple[Encoding, Float[np.ndarray, "objects columns"]]:
    """The encoding of a file by the bags that train any network, and its objects as that encoding counts categories.

    PermsetError for a column of too many texts.
    """
    encoding = Encoding([Column(name) for name in bags.channels], missing)
    if not bags.texts and encoding.plain:
        return encoding, bags.objects
    trained = bags.objects[np.repeat(trains, bags.sizes)]
    fitted, recoded = [], bags.objects.copy()
    for place, name in enumerate(bags.channels):
        known = trained[:, place]
        known = known[~np.isnan(known)]
        lacks = len(known) < len(trained)
        if name in bags.texts:
            texts = bags.texts[name]
            categories = sorted(texts[int(code)] for code in np.unique(known))
            _check_few(name, categories)
            recoded[:, place] = _recoded(bags.objects[:, place], texts, categories)
            fitted.append(Column(name, categories, lacks=lacks))
        else:
            # An exactly rounded sum is the same on every processor.
            mean = math.fsum(known.tolist()) / len(known) if len(known) and missing == "mean" else 0.0
            fitted.append(Column(name, mean=mean, lacks=lacks))
    return replace(encoding, columns=fitted), recoded


def _check_few(name: str, categories: Sequence[str]) -> None:
    if len(categories) > MOST_CATEGORIES:
        got = f"got {len(categories):,}, such as {show(categories[0])}"
        remedy = "leave it out of features and categories, or merge rare ones"
        raise PermsetError(f"column {show(name)} must have at most {MOST_CATEGORIES:,} categories, {got}; {remedy}")


def _recoded(
    codes: Float[np.ndarray, " objects"], texts: Sequence[str], categories: Sequence[str]
) -> Float[np.ndarray, " objects"]:
    """Indices among the categories in the place of indices among the texts."""
    index = {text: float(i) for i, text in enumerate(categories)}
    known = np.array([*(index.get(text, UNSEEN) for text in texts), np.nan], np.float32)  # the last for no text
    return known[np.nan_to_num(codes, nan=len(texts)).astype(np.int64)]
