"""The model that MLflow keeps of a run: from bags, in any of several forms, to classes and probabilities, or numbers.

MLflow copies this one file beside the network and runs it wherever the model is loaded, so that it imports nothing of
permset.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import torch
from mlflow.exceptions import MlflowException

OBJECTS_AT_ONCE = 20_000
"""padding included, unless a single bag has more; bounds the memory"""

NAMED = 5
"""columns that a message names"""


@dataclass(frozen=True)
class Interface:
    """What a model takes and gives."""

    bag: str
    """the column of a data frame that says to which bag a row belongs"""
    table: list[dict[str, Any]]
    """its other columns: name, categories of texts, mean over training, and whether training lacks some"""
    fills: bool
    """whether the mean stands in the place of a missing number"""
    channels: list[str]
    """the numbers of an object that the network sees, which are made of the columns"""
    fewest: int
    """objects of a bag"""
    most: int | None
    """None for any number"""
    answers: list[str]
    """the classes, or the real numbers that are predicted"""
    classes: bool

    @property
    def masked(self) -> bool:
        """Whether the network takes a mask beside the bags; where these have one size it has nothing to tell."""
        return self.fewest != self.most

    @property
    def columns(self) -> list[str]:
        """Of the table of predictions."""
        if self.classes:
            return ["predicted", *(f"probability of {name}" for name in self.answers)]
        return [f"predicted {name}" for name in self.answers]


class BagModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    def load_context(self, context: Any) -> None:
        path = Path(context.artifacts["network"])
        is_graph = path.suffix == ".pt2"
        self.network = torch.export.load(path).module() if is_graph else torch.load(path, weights_only=False)
        self.interface = Interface(**context.model_config)

    # MLflow would check what comes against any annotation but that of a frame, and no other fits all forms.
    def predict(self, context: Any, model_input: pd.DataFrame) -> pd.DataFrame:
        """One row for each bag, in their order; of a data frame, in the order in which bags begin.

        Bags are an array (sets, objects, channels), or a list of arrays (objects, channels) of any sizes, or a
        dictionary of `x`, such an array with padding, and a boolean `mask` (sets, objects), which is false there; or a
        data frame with one row for each object.
        """
        with np.errstate(over="ignore"):  # The check tells which bag it was.
            names, bags = self._bags(model_input)
        self._check(names if names is not None else range(len(bags)), bags)
        outputs = torch.from_numpy(self._outputs(bags))
        if not self.interface.classes:
            table = pd.DataFrame(outputs.numpy(), columns=self.interface.columns)
        else:
            shares = outputs.softmax(1) if outputs.shape[1] > 1 else torch.sigmoid(torch.cat([-outputs, outputs], 1))
            table = pd.DataFrame(shares.numpy(), columns=self.interface.columns[1:])
            likeliest = shares.argmax(1).tolist()
            table.insert(0, self.interface.columns[0], [self.interface.answers[i] for i in likeliest])
        if names is not None:
            table.insert(0, "bag", names)
        return table

    def _bags(self, given: Any) -> tuple[Sequence[Any] | None, list[np.ndarray]]:
        """The bags (objects, channels), and their names in a data frame."""
        if isinstance(given, pd.DataFrame):
            return self._of_frame(given)
        if isinstance(given, Mapping):
            return None, self._of_padded(given)
        if isinstance(given, np.ndarray) and given.ndim != 3:
            raise _mistake(f"an array of bags must have shape (sets, objects, channels), got {given.shape}")
        try:
            return None, [np.asarray(bag, np.float32) for bag in given]
        except (OverflowError, TypeError, ValueError) as error:
            raise _mistake(
                "bags must be an array (sets, objects, channels), a list of arrays (objects, channels), a dictionary "
                f"of x and mask, or a data frame; got {type(given).__name__} ({error})"
            ) from error

    def _of_frame(self, frame: pd.DataFrame) -> tuple[Sequence[Any], list[np.ndarray]]:
        """As in a CSV file, other columns do not matter, and a row with nothing in it is of a bag without objects."""
        bag, table = self.interface.bag, self.interface.table
        missing = [name for name in (bag, *(column["name"] for column in table)) if name not in frame.columns]
        if missing:
            raise _mistake(f"the data frame has no column {_listed(missing)}")
        if frame[bag].isna().any():
            raise _mistake(f"column {bag!r} says nothing in row {int(frame[bag].isna().argmax())}")
        channels, blank = zip(*(self._column(frame[column["name"]], column) for column in table), strict=True)
        objects, there = np.concatenate(channels, 1), ~np.stack(blank).all(0)
        codes, names = pd.factorize(frame[bag])
        rows = np.flatnonzero(there)[codes[there].argsort(kind="stable")]
        ends = np.bincount(codes[there], minlength=len(names)).cumsum()
        return names.tolist(), np.split(objects[rows], ends[:-1])

    def _column(self, given: pd.Series, column: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """Its channels (rows, channels), as for training, with NaN where something is missing that must not be; and
        where nothing is."""
        if column["categories"] is None:
            try:
                numbers = given.to_numpy(np.float32, na_value=np.nan)
            except (OverflowError, TypeError, ValueError) as error:
                raise _mistake(f"column {column['name']!r} must hold numbers: {error}") from error
            blank, instead = np.isnan(numbers), np.float32(column["mean"])
            found = [numbers]
        else:
            texts = given.astype(str).to_numpy(object)
            blank, instead = given.isna().to_numpy() | (texts == ""), np.float32(0)
            found = [(texts == text).astype(np.float32) for text in column["categories"]]
        found = [np.where(blank, instead if self.interface.fills else np.float32(np.nan), channel) for channel in found]
        return np.stack([*found, *([blank.astype(np.float32)] if column["lacks"] else [])], 1), blank

    def _of_padded(self, given: Mapping[str, Any]) -> list[np.ndarray]:
        if set(given) != {"x", "mask"}:
            raise _mistake(f"a dictionary of bags must hold x and mask, got {', '.join(map(str, given)) or 'nothing'}")
        x, mask = np.asarray(given["x"]), np.asarray(given["mask"])
        if x.ndim != 3 or mask.shape != x.shape[:2]:
            raise _mistake(
                f"x must have shape (sets, objects, channels), and mask (sets, objects), got {x.shape} and {mask.shape}"
            )
        if not np.isin(mask, (False, True)).all():
            raise _mistake("mask must be true for objects and false for padding")
        return [bag[there].astype(np.float32) for bag, there in zip(x, mask.astype(bool), strict=True)]

    def _check(self, names: Sequence[Any], bags: Sequence[np.ndarray]) -> None:
        channels, fewest, most = len(self.interface.channels), self.interface.fewest, self.interface.most
        for name, bag in zip(names, bags, strict=True):
            if bag.ndim != 2 or bag.shape[1] != channels:
                raise _mistake(f"bag {name!r} must have shape (objects, {channels}), got {bag.shape}")
            if not np.isfinite(bag).all():
                raise _mistake(f"bag {name!r} has a number that is missing, infinite or too large for float32")
            if len(bag) < fewest or (most is not None and len(bag) > most):
                limit = f"exactly {most}" if fewest == most else f"at most {most}"
                raise _mistake(f"bag {name!r} has {len(bag)} objects, and this network takes {limit}")

    def _outputs(self, bags: Sequence[np.ndarray]) -> np.ndarray:
        """(sets, outputs), in float64."""
        if not bags:
            return np.empty((0, len(self.interface.answers)))
        sizes = np.array([len(bag) for bag in bags])
        found, order = [], []
        for chosen, size in _portions(sizes, self.interface.most):
            x = np.zeros((len(chosen), size, len(self.interface.channels)), np.float32)
            for row, index in enumerate(chosen):
                x[row, : sizes[index]] = bags[index]
            inputs = [x, np.arange(size) < sizes[chosen, None]] if self.interface.masked else [x]
            try:
                with torch.no_grad():
                    found.append(self.network(*map(torch.from_numpy, inputs)).double().numpy())
            except ValueError as error:  # of permset's, where the network comes with its code
                raise _mistake(str(error)) from error
            order.append(chosen)
        return np.concatenate(found)[np.concatenate(order).argsort()]


def _portions(sizes: np.ndarray, most: int | None) -> Iterator[tuple[np.ndarray, int]]:
    """Bags of like sizes, the largest first, and to how many objects they are padded: to `most`, where there is one."""
    order = sizes.argsort(kind="stable")[::-1]
    while len(order):
        size = most or max(1, int(sizes[order[0]]))
        count = max(1, OBJECTS_AT_ONCE // size)
        yield order[:count], size
        order = order[count:]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(map(repr, names[:NAMED])) + (f" and {more} more" if more > 0 else "")


def _mistake(message: str) -> MlflowException:
    """What a server gives back as a mistake of the one who asked."""
    return MlflowException.invalid_parameter_value(message)


mlflow.models.set_model(BagModel())
