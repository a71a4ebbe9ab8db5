"""MLflow as a mirror of what DVC holds: every distinct result is one MLflow run, found again or made."""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import mlflow
import numpy as np
from filelock import FileLock
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import Metric, Run, RunStatus
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID
from tqdm import tqdm

from permset.portable import machine
from permset.store.files import write
from permset.tracking.artifacts import check_store, move_here, record, remove_unknown
from permset.tracking.store import DIGEST, EXPERIMENT, STUDIES, Result, places

METRICS_A_CALL = 1000  # the most that MLflow takes at once


def mirror(results: Sequence[Result]) -> None:
    """Make an MLflow run for each result that the store does not hold yet."""
    with _store() as experiments:
        held = _held(list(experiments.values()))
        for result in tqdm(results, desc="MLflow", leave=None, disable=None):  # None shows it on a terminal
            if result.digest not in held:
                tags = {**result.tags, **_provenance(), DIGEST: result.digest}
                if result.parent is not None:
                    tags[MLFLOW_PARENT_RUN_ID] = held[result.parent]
                with mlflow.start_run(
                    experiment_id=experiments[result.experiment], run_name=result.name, tags=tags
                ) as run:
                    record(places()[1], run.info.run_id)
                    _log(result, run.info.run_id)
                if result.seconds is not None:  # Shown as the run's duration, in place of how long logging took.
                    end = run.info.start_time + round(1000 * result.seconds)
                    mlflow.MlflowClient().set_terminated(run.info.run_id, end_time=end)
                held[result.digest] = run.info.run_id


@contextmanager
def _store() -> Iterator[dict[str, str]]:
    """The ids of permset's experiments, for one process at a time: those that are first would race to make tables."""
    store, artifacts = places()
    preset = os.environ.get("MLFLOW_TRACKING_URI")
    with FileLock(f"{store}.lock"):
        if not preset:
            check_store(store)
            _make(store)
        mlflow.set_tracking_uri(preset or f"sqlite:///{store}")
        if not preset:
            move_here(store, EXPERIMENT, artifacts)
            remove_unknown(store, artifacts)
        # Absolute, since a relative place would be one below wherever the experiment was first made.
        place = None if preset else artifacts.as_uri()
        yield {name: _experiment(name, place) for name in (EXPERIMENT, STUDIES)}


def _make(store: Path) -> None:
    """A new store, with all of its tables or not at all: MLflow cannot go on from those that a kill leaves."""
    if not store.is_file() or store.stat().st_size == 0:
        write(store, lambda path: mlflow.MlflowClient(f"sqlite:///{path}"))


def _experiment(name: str, place: str | None) -> str:
    """The id of an experiment, which is made with its artifacts in that place where there is none."""
    experiment = mlflow.get_experiment_by_name(name)
    return mlflow.create_experiment(name, place) if experiment is None else experiment.experiment_id


def _held(experiments: list[str]) -> dict[str, str]:
    """Ids of the finished runs by their digests; what an interrupted mirror left unfinished is taken away."""
    client = mlflow.MlflowClient()
    held = {}
    runs: list[Run] = mlflow.search_runs(experiments, output_format="list", max_results=50_000)
    for run in runs:
        if run.info.status == RunStatus.to_string(RunStatus.FINISHED):
            held[run.data.tags.get(DIGEST, "")] = run.info.run_id
        elif DIGEST in run.data.tags:
            client.delete_run(run.info.run_id)
    return held


def _log(result: Result, run_id: str) -> None:
    mlflow.log_params(dict(result.params))
    mlflow.log_metrics(dict(result.metrics))
    now = int(time.time() * 1000)
    points = [Metric(name, value, now, step) for name, curve in result.curves.items() for step, value in curve]
    for start in range(0, len(points), METRICS_A_CALL):
        mlflow.MlflowClient().log_batch(run_id, points[start : start + METRICS_A_CALL])
    for file in result.files:
        mlflow.log_artifact(str(file), str(file.parent))
    result.log_inputs()


def log_bags(name: str, x: np.ndarray, y: np.ndarray) -> None:
    """Log a test set as an input of the active run: its name, shapes and digest."""
    mlflow.log_input(mlflow.data.from_numpy(x, targets=y, name=name), context="test")


def log_file(path: Path, sha256: str) -> None:
    """Log a file of bags as an input of the active run, by its name and hash, without loading it."""
    source = CodeDatasetSource({"path": str(path)})
    mlflow.log_input(MetaDataset(source, name=path.name, digest=sha256[:32]), context="predict")


def _provenance() -> dict[str, str]:
    """The commit and, inside `dvc exp run`, the experiment that a result came from; and the machine that logs it."""
    tags = {f"machine.{key}": value for key, value in machine().items()}
    tags["dvc_experiment"] = os.environ.get("DVC_EXP_NAME", "")
    head = subprocess.run(["git", "rev-parse", "--verify", "HEAD"], capture_output=True, text=True, check=False)
    tags["git_commit"] = os.environ.get("DVC_EXP_BASELINE_REV") or head.stdout.strip()
    return {key: value for key, value in tags.items() if value}
