"""Files of the pipeline: written whole or not at all, and read with a clear word when they are not right."""

import csv
import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from permset import Absent, PermsetError

ABSENT = b"absent: "


def write(path: Path, save: Callable[[Path], Any]) -> None:
    """Let `save` write to a neighbour of the same file name, then put that in place of `path` at once.

    torch.save stores the file's name, so the neighbour is a folder's difference, not a name's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = path.parent / f".{path.name}.{os.getpid()}"
    folder.mkdir()
    try:
        save(folder / path.name)
        (folder / path.name).replace(path)
    finally:
        (folder / path.name).unlink(missing_ok=True)
        folder.rmdir()


def keep_only(folder: Path, names: Iterable[str]) -> None:
    """Delete the files that an earlier state of params.yaml left in a folder."""
    keep = set(names)
    for path in folder.iterdir():
        if path.name not in keep:
            path.unlink()


def write_absent(path: Path, note: object) -> None:
    """In the place of a file that cannot be made here: why. Reading it raises Absent with the note."""
    write(path, lambda p: p.write_bytes(ABSENT + f"{note}\n".encode()))


def check_present(path: Path) -> None:
    """Raise Absent if the file says that it could not be made here."""
    with path.open("rb") if path.is_file() else io.BytesIO() as file:
        if file.read(len(ABSENT)) == ABSENT:
            raise Absent(file.read().decode().strip())


def is_present(path: Path) -> bool:
    try:
        check_present(path)
    except Absent:
        return False
    return True


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


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """An npz file that has the same bytes wherever the arrays are the same.

    np.savez writes what depends on Python's version, and what is compressed depends on the system's zlib.
    """

    def save(p: Path) -> None:
        with zipfile.ZipFile(p, "w", zipfile.ZIP_STORED) as archive:
            for name, array in arrays.items():
                content = io.BytesIO()
                np.save(content, array, allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getbuffer())

    write(path, save)


def write_bags(path: Path, x: np.ndarray, y: np.ndarray, mask: np.ndarray | None = None) -> None:
    """x (sets, n, channels), y (sets, targets), and mask (sets, n) where sizes differ."""
    write_arrays(path, {"x": x, "y": y} | ({} if mask is None else {"mask": mask}))


def read_bags(path: Path) -> tuple[np.ndarray, ...]:
    """x (sets, n, channels), y (sets, targets), and mask (sets, n) where sizes differ, checked."""
    with _reading(path, f"dvc repro -f generate@{path.stem}"):
        with np.load(path) as arrays:
            x, y, *mask = (arrays[name] for name in ("x", "y", "mask") if name in arrays or name != "mask")
        if x.ndim != 3:
            raise PermsetError(f"{path}: x must have shape (sets, n, channels), got {x.shape}")
        if y.ndim != 2 or len(y) != len(x):
            raise PermsetError(f"{path}: y must have shape ({len(x)}, targets), got {y.shape}")
        if mask and mask[0].shape != x.shape[:2]:
            raise PermsetError(f"{path}: mask must have shape {x.shape[:2]}, got {mask[0].shape}")
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            raise PermsetError(f"{path}: holds a value that is not finite")
    return x, y, *mask


def write_collection(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """objects (total, channels), sizes (sets,), y (sets, targets), roles (rows, sets) and the names of the classes."""
    write_arrays(path, arrays)


def read_collection(path: Path, remedy: str) -> dict[str, np.ndarray]:
    with _reading(path, f"dvc repro -f {remedy}"), np.load(path) as arrays:
        return {name: arrays[name] for name in ("objects", "sizes", "y", "roles", "classes")}


def some_bags(path: Path, count: int) -> tuple[list[np.ndarray], np.ndarray]:
    """About so many bags of a task, each (n, channels), and their targets (sets, targets), from all over it."""
    with _reading(path, f"dvc repro -f {path.stem}"), np.load(path) as arrays:
        names = arrays.files
    if "sizes" not in names:
        x, y, *mask = (array[:count] for array in read_bags(path))
        return [bag[mask[0][i]] if mask else bag for i, bag in enumerate(x)], y
    arrays = read_collection(path, path.stem)
    order = np.argsort(arrays["y"][:, 0], kind="stable")
    which = order[np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)]
    starts = np.cumsum(arrays["sizes"]) - arrays["sizes"]
    return [arrays["objects"][starts[i] : starts[i] + arrays["sizes"][i]] for i in which], arrays["y"][which]


def write_model(
    path: Path, run: dict[str, Any], state: dict[str, Any], best_seed: int, costs: dict[str, float | None]
) -> None:
    import torch  # Takes seconds, which only those who handle models should pay.

    content = {"run": run, "state": state, "best_seed": best_seed, "costs": costs}
    write(path, lambda p: torch.save(content, p))


def read_model(path: Path) -> dict[str, Any]:
    """`run`, the run's parameters; `state`, stacked along a leading seed axis; `best_seed`; and `costs`."""
    import torch

    with _reading(path, f"dvc repro -f train@{path.stem}"):
        content = torch.load(path, weights_only=True)
        return {key: content[key] for key in ("run", "state", "best_seed", "costs")}


def read_json(path: Path, stage: str) -> Any:
    with _reading(path, f"dvc repro -f {stage}"):
        return json.loads(path.read_text())


def read_csv(path: Path, stage: str) -> list[dict[str, str]]:
    with _reading(path, f"dvc repro -f {stage}"), path.open(newline="") as file:
        return list(csv.DictReader(file))


def read_history(path: Path) -> np.ndarray:
    """Training losses (steps, seeds) from a table of step, seed and loss; without rows of what has no steps."""
    with _reading(path, f"dvc repro -f train@{path.stem}"):
        header, *rows = path.read_text().splitlines() or [""]
        if header != "step,seed,loss":
            raise ValueError("no rows of step,seed,loss")
        if not rows:
            return np.empty((0, 0))
        _, seeds, losses = np.loadtxt(rows, delimiter=",", ndmin=2).T
        return losses.reshape(-1, int(seeds.max()) + 1)


def read_curves(path: Path) -> dict[str, np.ndarray]:
    """`step` (points,) and each score (points, seeds) from a table of step, seed and scores."""
    with _reading(path, f"dvc repro -f train@{path.stem}"):
        header, *rows = path.read_text().splitlines() or [""]
        names = header.split(",")
        if names[:2] != ["step", "seed"] or not rows:
            raise ValueError("no rows of step,seed and scores")
        step, seed, *scores = np.loadtxt(rows, delimiter=",", ndmin=2).T
        seeds = int(seed.max()) + 1
        return {"step": step[::seeds]} | {
            name: score.reshape(-1, seeds) for name, score in zip(names[2:], scores, strict=True)
        }


class _reading:
    """Turn what goes wrong while reading a file into one line that names it and what makes it anew."""

    def __init__(self, path: Path, remedy: str):
        self.path, self.remedy = path, remedy

    def __enter__(self) -> None:
        if not self.path.is_file():
            raise PermsetError(f"{self.path}: missing; make it with: {self.remedy}")
        check_present(self.path)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        damage = (OSError, EOFError, KeyError, RuntimeError, ValueError, zipfile.BadZipFile, pickle.UnpicklingError)
        if isinstance(error, damage) and not isinstance(error, PermsetError):
            what = " ".join(str(error).split()) or type(error).__name__
            raise PermsetError(f"{self.path}: damaged ({what[:120]}); make it anew with: {self.remedy}") from error
