"""Finished units, kept under hashes of all that they depend on until their run is whole."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from functools import cache
from pathlib import Path

import torch

import permset
from permset import PermsetError
from permset.config.experiment import files_of
from permset.portable import has_gpu, mode
from permset.store.files import intact, write
from permset.training.blocks import Trained
from permset.training.units import Unit, results_of

# In the real project, also inside the copy in which DVC runs a queued experiment.
FOLDER = Path(os.environ.get("DVC_ROOT", ""), ".cache/blocks")
ARRAYS = "history", "measured", "curves", "kept"


@cache
def code() -> str:
    """The hash of all modules of permset."""
    total, root = hashlib.sha256(), Path(permset.__file__).parent
    for path in sorted(root.rglob("*.py")):
        total.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return total.hexdigest()


def path_of(unit: Unit) -> Path:
    """Of the file that it is kept in, named by code, arithmetic, parameters and bags."""
    params, run = unit.params, unit.params.run(unit.name)
    shared = params.model_dump(mode="json", include={"seeds", "device", "train"})
    content = [shared, run.model_dump(mode="json"), params.task(run.task).model_dump(mode="json"), unit.seeds]
    total = hashlib.sha256(f"{code()} {torch.__version__} {mode()} {has_gpu()}".encode())
    total.update(json.dumps(content, sort_keys=True).encode())
    for path in files_of(params, [run.task]):
        total.update(path.read_bytes())
    return FOLDER / f"{total.hexdigest()}.pt"


def keep(unit: Unit, trained: Trained) -> None:
    arrays = {name: torch.from_numpy(getattr(trained, name)) for name in ARRAYS}
    write(path_of(unit), lambda path: torch.save({"state": trained.state, **arrays}, path))


def kept(unit: Unit) -> Trained | None:
    """None where there is none, or a damaged one."""
    path = path_of(unit)
    try:
        with intact(path, "python -m stages.ahead"):
            content = torch.load(path, weights_only=True)
            return Trained(content["state"], *(content[name].numpy() for name in ARRAYS))
    except PermsetError:
        return None


def finish(
    units: Sequence[Unit], executor: Executor | None, show: Callable[[str], object]
) -> Iterator[tuple[int, Trained]]:
    """The place of each unit and what it gives: first those that are kept, then the others, kept as they end."""
    missing = []
    for i, unit in enumerate(units):
        trained = kept(unit)
        if trained is None:
            missing.append(i)
        else:
            yield i, trained
    for j, trained in results_of([units[i] for i in missing], executor, show):
        keep(units[missing[j]], trained)
        yield missing[j], trained


def forget(unit: Unit) -> None:
    path_of(unit).unlink(missing_ok=True)
