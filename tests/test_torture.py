"""`make torture` finds what it looks for; what it runs is for it alone."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from permset.tracking.store import DIGEST, EXPERIMENT
from verification.torture import Clone

RUNNING = {"read": {}, "write": {"results": {"pid": 1, "cmd": "dvc repro"}}}


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """As if all had been computed."""
    clone = Clone.__new__(Clone)
    clone.root = tmp_path
    for name in ("models/mlp.pt", "results/summary.csv", "results/train/mlp.csv", ".dvc/tmp/rwlock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(json.dumps({"read": {}, "write": {}}))
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database, database:
        database.execute("CREATE TABLE experiments (experiment_id, name)")
        database.execute("CREATE TABLE runs (run_uuid, experiment_id, status, lifecycle_stage)")
        database.execute("CREATE TABLE tags (run_uuid, key, value)")
        database.execute("INSERT INTO experiments VALUES (1, ?)", (EXPERIMENT,))
    log(tmp_path, "a", "FINISHED")
    log(tmp_path, "b", "FAILED")
    clone.results, clone.digests = clone.bytes(), clone.tracked()
    assert list(clone.faults()) == []
    assert (sorted(clone.results)[0], clone.digests) == ("models/mlp.pt", ["a"])
    return clone


def log(root: Path, digest: str, status: str) -> None:
    with closing(sqlite3.connect(root / "mlflow.db")) as database, database:
        run = f"{digest}{time.monotonic_ns()}"
        database.execute("INSERT INTO runs VALUES (?, 1, ?, 'active')", (run, status))
        database.execute("INSERT INTO tags VALUES (?, ?, ?)", (run, DIGEST, digest))


def test_other_bytes_and_lost_files(clone: Clone) -> None:
    (clone.root / "models/mlp.pt").write_text("other")
    (clone.root / "results/train/mlp.csv").unlink()
    assert list(clone.faults()) == ["other bytes: models/mlp.pt, results/train/mlp.csv"]


def test_runs_twice(clone: Clone) -> None:
    log(clone.root, "a", "FINISHED")
    assert list(clone.faults()) == ["MLflow has runs twice, or lacks some"]


def test_half_a_file(clone: Clone) -> None:
    (clone.root / "results/train/.mlp.csv.123").mkdir()
    assert list(clone.faults()) == ["half a file: /results/train/.mlp.csv.123"]


def test_a_lock_that_is_left(clone: Clone) -> None:
    (clone.root / ".dvc/tmp/rwlock").write_text(json.dumps(RUNNING))
    assert list(clone.faults()) == ["a lock of DVC"]


def test_a_process_that_is_left(clone: Clone) -> None:
    assert not clone.is_running()
    process = subprocess.Popen([sys.executable, "-c", "input()"], cwd=clone.root, stdin=subprocess.PIPE, env=os.environ)
    assert clone.is_running()
    process.communicate(b"\n")
    assert not clone.is_running()
