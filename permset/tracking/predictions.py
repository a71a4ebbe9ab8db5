"""Predictions for new bags as results in MLflow."""

import hashlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from permset.config.experiment import Params
from permset.config.predictions import OBJECTS
from permset.store.files import is_present
from permset.store.tables import read_json
from permset.tracking.store import Result, digest, seconds_of

COUNTS = "networks", "bags", "outside", "labelled"


def prediction_results(params: Params) -> Iterator[Result]:
    """One for each file that was predicted for, under the name `predict@<name>`, which no run can have."""
    for name, entry in reversed(params.predictions.items()):
        table, summary = (Path(f"results/predictions/{name}.{kind}") for kind in ("csv", "json"))
        if not is_present(summary):
            continue
        found = read_json(summary, f"predict@{name}")[name]
        path = Path(entry.path)
        tables = {"table": table} | ({"objects": table.with_stem(f"{name}{OBJECTS}")} if entry.objects else {})
        hashes = {"file": hash_of(path)} | {kind: hash_of(table) for kind, table in tables.items()}
        numbers = {key: float(value) for key, value in found.items() if isinstance(value, int | float)}
        yield Result(
            name=f"predict@{name}",
            digest=digest(hashes, [summary]),
            params={"prediction": name, "run": found["run"], "file": entry.path},
            metrics={key if key in COUNTS else f"test/{key}": value for key, value in numbers.items()},
            tags={"run": f"predict@{name}", "task": found["task"], "predicted_by": found["run"]},
            files=[*tables.values(), summary],
            log_inputs=partial(log_input, path, hashes["file"]),
            seconds=seconds_of(summary),
        )


def hash_of(path: Path) -> str:
    """Of a file of any size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def log_input(path: Path, sha256: str) -> None:
    from permset.tracking.mirror import log_file  # MLflow takes seconds, which only a new result should pay.

    log_file(path, sha256)
