"""Tables (csv) and metrics (json) in files, checked when they are read."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from permset.store.files import intact, write


def write_json(path: Path, value: Any) -> None:
    write(path, lambda p: p.write_text(json.dumps(value, indent=2) + "\n"))


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table, numbers with a fraction to six digits."""

    def save(p: Path) -> None:
        with p.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows([f"{x:.6g}" if isinstance(x, float) else x for x in row] for row in rows)

    write(path, save)


def read_json(path: Path, stage: str) -> Any:
    with intact(path, f"dvc repro -f {stage}"):
        return json.loads(path.read_text())


def read_csv(path: Path, stage: str) -> list[dict[str, str]]:
    return list(csv_rows(path, stage))


def csv_rows(path: Path, stage: str) -> Iterator[dict[str, str]]:
    """One after another, of a table of any length."""
    with intact(path, f"dvc repro -f {stage}"), path.open(newline="") as file:
        yield from csv.DictReader(file)


def read_history(path: Path) -> np.ndarray:
    """Training losses (steps, seeds) from a table of step, seed and loss; without rows of what has no steps."""
    with intact(path, f"dvc repro -f train@{path.stem}"):
        header, *rows = path.read_text().splitlines() or [""]
        if header != "step,seed,loss":
            raise ValueError("no rows of step,seed,loss")
        if not rows:
            return np.empty((0, 0))
        _, seeds, losses = np.loadtxt(rows, delimiter=",", ndmin=2).T
        return losses.reshape(-1, int(seeds.max()) + 1)


def read_curves(path: Path) -> dict[str, np.ndarray]:
    """`step` (points,) and each score (points, seeds) from a table of step, seed and scores."""
    with intact(path, f"dvc repro -f train@{path.stem}"):
        header, *rows = path.read_text().splitlines() or [""]
        names = header.split(",")
        if names[:2] != ["step", "seed"] or not rows:
            raise ValueError("no rows of step,seed and scores")
        step, seed, *scores = np.loadtxt(rows, delimiter=",", ndmin=2).T
        seeds = int(seed.max()) + 1
        return {"step": step[::seeds]} | {
            name: score.reshape(-1, seeds) for name, score in zip(names[2:], scores, strict=True)
        }
