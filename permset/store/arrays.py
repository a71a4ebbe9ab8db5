"""Bags (npz) and models (pt) in files, checked when they are read."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from permset import PermsetError
from permset.store.files import intact, write

COLLECTION = "objects", "sizes", "y", "roles", "classes", "channels", "targets"


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
    with intact(path, f"dvc repro -f generate@{path.stem}"):
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
    """objects (total, channels), sizes (sets,), y (sets, targets), roles (rows, sets); and names of classes, channels
    and targets."""
    write_arrays(path, arrays)


def read_collection(path: Path, remedy: str) -> dict[str, np.ndarray]:
    with intact(path, f"dvc repro -f {remedy}"), np.load(path) as arrays:
        return {name: arrays[name] for name in COLLECTION}


def some_bags(path: Path, count: int) -> tuple[list[np.ndarray], np.ndarray, dict[str, list[str]]]:
    """About so many bags of a task, each (n, channels), and their targets (sets, targets), from all over it.

    Also the names of classes and channels, where bags come with any.
    """
    with intact(path, f"dvc repro -f {path.stem}"), np.load(path) as arrays:
        names = arrays.files
    if "sizes" not in names:
        x, y, *mask = (array[:count] for array in read_bags(path))
        return [bag[mask[0][i]] if mask else bag for i, bag in enumerate(x)], y, {}
    arrays = read_collection(path, path.stem)
    order = np.argsort(arrays["y"][:, 0], kind="stable")
    which = order[np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)]
    starts = np.cumsum(arrays["sizes"]) - arrays["sizes"]
    bags = [arrays["objects"][starts[i] : starts[i] + arrays["sizes"][i]] for i in which]
    return bags, arrays["y"][which], {kind: arrays[kind].tolist() for kind in ("classes", "channels")}


def write_model(
    path: Path, run: dict[str, Any], state: dict[str, Any], best_seed: int, costs: dict[str, float | None]
) -> None:
    import torch  # Loading it takes seconds, which only models need.

    content = {"run": run, "state": state, "best_seed": best_seed, "costs": costs}
    write(path, lambda p: torch.save(content, p))


def read_model(path: Path) -> dict[str, Any]:
    """`run`, the run's parameters; `state`, stacked along a leading seed axis; `best_seed`; and `costs`."""
    import torch

    with intact(path, f"dvc repro -f train@{path.stem}"):
        content = torch.load(path, weights_only=True)
        return {key: content[key] for key in ("run", "state", "best_seed", "costs")}
