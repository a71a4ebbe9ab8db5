"""A run's predictions for the bags of a file, row by row, and a summary of them all; and the effects of the objects."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from permset import PermsetError
from permset.config.data import CsvParams, FileParams
from permset.config.experiment import Params
from permset.config.mistakes import show
from permset.data.targets import Binary, Classes, Real
from permset.data.tasks import Collected
from permset.evaluation.calibration import temperature
from permset.evaluation.metrics import measure
from permset.prediction.ensemble import Ensemble
from permset.prediction.key_objects import effects, has_attention
from permset.prediction.seen import Seen
from permset.reading.csv_portions import csv_portions
from permset.reading.encoding import stored_encoding
from permset.reading.npz_portions import npz_portions
from permset.reading.object_rows import csv_object_rows, npz_object_rows
from permset.reading.portions import Expected, Portion, cut
from permset.store.files import intact
from permset.training.run import open_run

SETS, NUMBERS = 10_000, 4_000_000
"""bags, and numbers in them, of a portion: what memory holds at once"""


@dataclass
class Forecast:
    """What a run predicts; `rows` counts on the way what `summary` tells."""

    path: Path
    run: str
    task: str
    source: FileParams
    expected: Expected
    ensemble: Ensemble
    seen: Seen
    largest: int | None
    """objects of a bag that the networks can take; None for any number"""
    bags: int = 0
    outside: int = 0
    labelled: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    """outputs of the mean over the networks, and labels, of the bags that have one"""

    @property
    def header(self) -> list[str]:
        target, names = self.ensemble.target, self.names
        if isinstance(target, Real):
            found = [*(f"predicted {name}" for name in names), *(f"spread of {name}" for name in names)]
        else:
            found = ["predicted", *(f"probability of {name}" for name in names), "spread"]
        return ["bag", *found, "outside"]

    @property
    def names(self) -> list[str]:
        """Of the classes, or of the real targets."""
        return list(self.expected.classes or self.expected.outputs)

    def rows(self, title: str) -> Iterator[list[Any]]:
        """A row for each bag, in the order of the file; progress is shown under the title, on a terminal."""
        for portion in self._portions(title):
            yield from self._rows_of(portion)

    @property
    def object_header(self) -> list[str]:
        names = self.names
        if isinstance(self.ensemble.target, Real):
            found = [*(f"effect on {name}" for name in names), *(f"spread of {name}" for name in names)]
        else:
            found = ["effect", "spread"]
        return ["bag", "row", *found, *(["attention"] if has_attention(self.ensemble) else [])]

    def object_rows(self, title: str) -> Iterator[list[Any]]:
        """A row for each object, in the order of the file, by how much it matters to the prediction for its bag.

        What the networks say of empty bags is arbitrary if they saw none in training: then the only object of a bag has
        no effect in its row.
        """
        kind, by_row = self.source.target, isinstance(self.source, CsvParams)
        rows = csv_object_rows(self.path, self.expected.encoding.names) if by_row else npz_object_rows(self.path, kind)
        for portion in self._portions(title):
            mean, spread, attention = effects(self.ensemble, self._encoded(portion))
            sizes = np.repeat(portion.sizes, portion.sizes)
            known = (sizes > 1) | (self.seen.fewest == 0)
            numbers = np.where(known[:, None], np.concatenate([mean, spread], 1), np.nan)
            if attention is not None:
                numbers = np.concatenate([numbers, attention[:, None]], 1)
            names = np.repeat(np.array(portion.names, dtype=object), portion.sizes)
            for name, row, of_object in zip(names, islice(rows, len(names)), numbers.tolist(), strict=True):
                yield [name, row, *_filled(of_object)]

    def _portions(self, title: str) -> Iterator[Portion]:
        kind, by_row = self.source.target, isinstance(self.source, CsvParams)
        read = csv_portions(self.path, self.expected) if by_row else npz_portions(self.path, self.expected, kind)
        layout = "{desc}: {percentage:3.0f}% |{bar}| {elapsed}<{remaining}{postfix}"
        bags = 0
        with tqdm(total=1.0, desc=title, leave=None, disable=None, bar_format=layout) as progress:
            encoding = self.expected.encoding
            # As many channels, which is what memory holds.
            for portion in cut(read, SETS, NUMBERS * len(encoding.columns) // len(encoding.channels)):
                self._check_sizes(portion)
                yield portion
                bags += len(portion)
                progress.set_postfix_str(f"{bags:,} bags")
                progress.update(portion.share - progress.n)

    def _encoded(self, portion: Portion) -> Portion:
        return replace(portion, objects=self.expected.encoding.encode(portion.objects))

    def _rows_of(self, portion: Portion) -> Iterator[list[Any]]:
        readings, outside = self.ensemble.readings(self._encoded(portion)), self.seen.outside(portion)
        known = ~np.isnan(portion.labels).any(1)
        if known.any():
            outputs = self.ensemble.as_outputs(readings)[known]
            self.labelled.append((outputs, torch.from_numpy(portion.labels[known])))
        self.bags += len(portion)
        self.outside += sum(map(bool, outside))
        mean, spread = readings
        if isinstance(self.ensemble.target, Real):
            answers = np.concatenate([mean, spread], 1).tolist()
        else:
            likeliest = mean.argmax(1)
            chosen = spread[np.arange(len(mean)), likeliest]
            names = self.names
            answers = [
                [names[i], *row, s]
                for i, row, s in zip(likeliest.tolist(), mean.tolist(), chosen.tolist(), strict=True)
            ]
        for name, answer, note in zip(portion.names, answers, outside, strict=True):
            yield [name, *_filled(answer), note]

    def _check_sizes(self, portion: Portion) -> None:
        if self.largest is not None and (portion.sizes > self.largest).any():
            bag = (portion.sizes > self.largest).argmax()
            got = f"bag {show(portion.names[bag])} has {portion.sizes[bag]} objects"
            limit = f"{self.run} takes at most {self.largest}, as many as the largest bag of training"
            raise PermsetError(f"{self.path}: {got}, and {limit}; remove it, or choose a run that takes any number")

    def summary(self) -> dict[str, Any]:
        """Of the rows so far: what predicted, for how many bags, how many are outside, and scores where labels are."""
        about: dict[str, Any] = {
            "run": self.run,
            "task": self.task,
            "file": str(self.path),
            "networks": len(self.ensemble),
            "bags": self.bags,
            "outside": self.outside,
            "labelled": sum(len(labels) for _, labels in self.labelled),
        }
        if not self.labelled:
            return about
        outputs, labels = (torch.cat(parts) for parts in zip(*self.labelled, strict=True))
        metrics = measure([(outputs, labels)], self.ensemble.target)
        return about | {key: value for key, value in metrics.items() if key not in ("num_seeds", "bayes_accuracy")}


def _filled(values: list[Any]) -> list[Any]:
    """Nothing in the place of what is no number."""
    return ["" if value != value else value for value in values]


def open_forecast(params: Params, name: str, path: Path, calibrated: bool = False) -> Forecast:
    """A run's forecast for a file; PermsetError where the run was trained with other settings.

    Calibrated, by temperatures that are fitted on the bags of validation.
    """
    opened, chosen = open_run(params, name), params.run(name)
    source, task = params.files[chosen.task], opened.task
    assert isinstance(task, Collected)  # as every file is
    saved = opened.saved()
    network, target, temperatures = opened.network(), task.target, None
    if calibrated:
        assert isinstance(target, Binary | Classes)  # which params.yaml does not allow
        results = opened.validated(network, saved["state"])
        temperatures = torch.tensor([temperature(*result, target) for result in results], dtype=torch.float64)
    bags = Path(f"data/{chosen.task}.npz")
    with intact(bags, f"dvc repro -f read@{chosen.task}"), np.load(bags) as arrays:
        outputs, classes = (arrays[kind].tolist() for kind in ("targets", "classes"))
    encoding = stored_encoding(bags)
    return Forecast(
        path,
        name,
        chosen.task,
        source,
        Expected(encoding, outputs, classes, source.bag if isinstance(source, CsvParams) else ""),
        Ensemble(network, saved["state"], target, temperatures),
        Seen.of(task.split, encoding),
        None if chosen.takes_any_set_size else task.set_size,
    )
