"""Results under names made of their content, and where MLflow's store is. MLflow itself takes seconds to load."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from permset.tracking.artifacts import database, former_place

EXPERIMENT = "permset"
STUDIES = "permset studies"  # many points, which would hide the runs
DIGEST = "permset.digest"
# Only runs that are finished and not deleted, as MLflow's own search finds them.
HELD = """
SELECT tags.value FROM tags JOIN runs USING (run_uuid) JOIN experiments USING (experiment_id)
WHERE tags.key = ? AND experiments.name IN (?, ?) AND runs.status = 'FINISHED' AND runs.lifecycle_stage = 'active'
"""


@dataclass(frozen=True)
class Result:
    """What DVC holds of one run. `digest` names it by its content; the callables run only if it is new."""

    name: str
    digest: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    files: Sequence[Path]
    """artifacts, relative to the project, under the folders that they have there"""
    curves: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    """metric → its steps and values"""
    log_inputs: Callable[[], object] = lambda: None
    """logs data sets and models into the active MLflow run"""
    parent: str | None = None
    """digest of an earlier result, under which this one is listed"""
    experiment: str = EXPERIMENT
    seconds: float | None = None
    """how long it took to compute, where that is known"""


PACKAGE = Path(__file__).resolve().parent.parent


def project_root() -> Path:
    """The real project, also inside the copy in which DVC runs a queued experiment."""
    return Path(os.environ.get("DVC_ROOT") or PACKAGE.parent)


def places() -> tuple[Path, Path]:
    """The project's store and the folder of its artifacts."""
    return project_root() / "mlflow.db", project_root() / "mlruns"


def holds_all(results: Sequence[Result]) -> bool:
    """Whether the store is known to hold all results, by a look into its file; False where that cannot be seen."""
    store, artifacts = places()
    if "MLFLOW_TRACKING_URI" in os.environ or not store.is_file():
        return False
    try:
        with database(store) as connection:
            held = {value for (value,) in connection.execute(HELD, (DIGEST, EXPERIMENT, STUDIES))}
            copied = former_place(connection, EXPERIMENT, artifacts) is not None
    except sqlite3.Error:
        return False
    return not copied and all(result.digest in held for result in results)


def mirror_new(results: Sequence[Result]) -> None:
    """Mirror results into MLflow, which is loaded only where the store may lack one of them."""
    if not holds_all(results):
        from permset.tracking.mirror import mirror

        mirror(results)


def seconds_of(output: Path) -> float | None:
    """How long a stage took to compute an output, as noted here; DVC may have brought it from elsewhere."""
    note = project_root() / ".cache/seconds" / hashlib.sha256(output.read_bytes()).hexdigest()
    return float(note.read_text()) if note.is_file() else None


def digest(params: Mapping[str, Any], files: Sequence[Path]) -> str:
    """A name for a result by its parameters and the bytes of its files."""
    total = hashlib.sha256(json.dumps(params, sort_keys=True).encode())
    for file in files:
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def flatten(nested: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one with dotted keys: {"a": {"b": 1}} → {"a.b": 1}."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat
