"""`make torture` finds what it looks for; the pipeline that it tortures is for it alone."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from permset.tracking.store import DIGEST, EXPERIMENT
from verification import torture
from verification.clone import Clone, Running, folders_of_processes, stages
from verification.torture import DAMAGES, ONE_LINE, THE_SAME, at_once, damage, kill

RUNNING = {"read": {}, "write": {"results": {"pid": 1, "cmd": "dvc repro"}}}


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    """As if all had been computed."""
    clone = Clone.__new__(Clone)
    clone.root = root = tmp_path / "permset"
    for name in ("models/mlp.pt", "results/summary.csv", "results/train/mlp.csv", ".dvc/tmp/rwlock"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(json.dumps({"read": {}, "write": {}}))
    make_store(root)
    log(root, "a", "FINISHED")
    log(root, "b", "FAILED")
    clone.results, clone.digests = clone.bytes(), clone.tracked()
    assert list(clone.faults()) == []
    assert (sorted(clone.results)[0], clone.digests) == ("models/mlp.pt", ["a"])
    return clone


def make_store(root: Path) -> None:
    (root / "mlflow.db").unlink(missing_ok=True)
    with closing(sqlite3.connect(root / "mlflow.db")) as database, database:
        database.execute("CREATE TABLE experiments (experiment_id, name)")
        database.execute("CREATE TABLE runs (run_uuid, experiment_id, status, lifecycle_stage)")
        database.execute("CREATE TABLE tags (run_uuid, key, value)")
        database.execute("INSERT INTO experiments VALUES (1, ?)", (EXPERIMENT,))


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


def test_a_process_that_has_ended_works_nowhere(clone: Clone) -> None:
    process = subprocess.Popen(["true"], cwd=clone.root)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # from here on it is a zombie, whose folder has no name
    assert not clone.is_running()
    process.wait()


def end(text: str, status: int) -> None:
    print(text)
    sys.exit(status)


def write_other_bytes() -> None:
    Path("models/mlp.pt").write_text("other")


@pytest.mark.parametrize(
    ("command", "outcome"),
    [
        (partial(end, "", 0), THE_SAME),
        (write_other_bytes, "other bytes: models/mlp.pt"),
        (partial(end, "error: x.csv: damaged; make it anew", 1), ONE_LINE),
        (partial(end, "error: one\nerror: two", 1), "cut off: status 1: error: two"),
        (partial(end, "Traceback\nerror: one", 1), "cut off: status 1: error: one"),
        (partial(end, "", 1), "cut off: status 1: "),
        (partial(int, "x"), "cut off: status 1: ValueError: invalid literal for int() with base 10: 'x'"),
    ],
)
def test_damage(clone: Clone, monkeypatch: pytest.MonkeyPatch, command: torture.Command, outcome: str) -> None:
    monkeypatch.setitem(torture.DAMAGED, ".cache/*.json", command)
    path = clone.root / ".cache/point.json"
    path.parent.mkdir()
    path.write_text("whole")
    assert damage(clone, ".cache/*.json", "cut off") == outcome
    assert path.read_text() == "whole"


def test_damages() -> None:
    assert {how: len(change(bytes(10))) for how, change in DAMAGES.items()} == {
        "cut off": 5,
        "emptied": 0,
        "garbage": 10,
    }
    assert DAMAGES["garbage"](bytes(10)) != bytes(10)


def work(lasting: float) -> None:
    """With a worker, that may outlive it."""
    if os.fork() == 0:
        time.sleep(lasting)
        os._exit(0)
    time.sleep(lasting)


def leave_half_a_file() -> None:
    Path("results/.mlp.csv.1").mkdir(exist_ok=True)


@pytest.mark.parametrize(
    ("command", "outcome"),
    [
        (partial(end, "", 0), THE_SAME),
        (partial(work, 1), THE_SAME),
        (partial(work, 10), "an orphan"),
        (write_other_bytes, "other bytes: models/mlp.pt"),
        (leave_half_a_file, "half a file: /results/.mlp.csv.1"),
        (partial(end, "all is lost", 1), "cannot go on: all is lost"),
    ],
)
def test_kill(clone: Clone, monkeypatch: pytest.MonkeyPatch, command: torture.Command, outcome: str) -> None:
    monkeypatch.setattr(torture, "PATIENCE", 3)
    monkeypatch.setattr(torture, "stages", lambda *lines: int)  # nothing to be healed
    monkeypatch.setitem(torture.KILLED, "train", (command, ("models/old.pt",)))
    (clone.root / "models/old.pt").touch()
    assert kill(clone, "train", 0.5) == outcome
    assert not (clone.root / "models/old.pt").exists()


@pytest.mark.parametrize("whole", [False, True])
def test_a_kill_spares_workers_or_not(tmp_path: Path, whole: bool) -> None:
    def count() -> int:
        return folders_of_processes().count(tmp_path)

    lasting = 5
    running = Running(partial(work, lasting), tmp_path, tmp_path)
    wait_until(lambda: count() == 2)
    start = time.monotonic()
    running.kill(signal.SIGKILL, whole=whole)
    wait_until(lambda: count() == 0)
    assert (time.monotonic() - start < lasting / 2) == whole


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_stages_run_from_the_folder_where_they_are_started(tmp_path: Path) -> None:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/__init__.py").touch()
    (tmp_path / "stages/greet.py").write_text("import os, sys; print(__name__, *sys.argv[1:], os.environ['DVC_ROOT'])")
    running = Running(stages("greet you", "greet"), tmp_path, tmp_path / "project")
    assert running.finish() == (0, f"__main__ you {tmp_path}/project\n__main__ {tmp_path}/project\n")


def log_own_and_comparison(lost: str = "", doubled: str = "", failed: str = "") -> None:
    """As an experiment whose result is its own, and whose comparison is the same in all."""
    accuracy = str(json.loads(Path("results/evaluate/mlp.json").read_text())["mlp"]["accuracy"])
    root = Path(os.environ["DVC_ROOT"])
    if accuracy == "0.0":
        log(root, "comparison", "FINISHED")
    for _ in range((accuracy != lost) + (accuracy == doubled)):
        log(root, accuracy, "FINISHED")
    sys.exit(int(accuracy == failed))


@pytest.mark.parametrize(
    ("command", "outcome"),
    [
        (log_own_and_comparison, THE_SAME),
        (partial(log_own_and_comparison, lost="0.5"), "0 failed, 1 lost, 0 doubled"),
        (partial(log_own_and_comparison, doubled="0.25"), "0 failed, 0 lost, 1 doubled"),
        (partial(log_own_and_comparison, failed="0.0"), "1 failed, 0 lost, 0 doubled"),
    ],
)
def test_eight_at_once(clone: Clone, monkeypatch: pytest.MonkeyPatch, command: torture.Command, outcome: str) -> None:
    monkeypatch.setattr(torture, "stages", lambda *lines: command)
    monkeypatch.setattr(torture, "TRACK", partial(make_store, clone.root))
    monkeypatch.setattr(torture, "delete", lambda *names: make_store(clone.root))
    (clone.root / "results/evaluate").mkdir()
    (clone.root / "results/evaluate/mlp.json").write_text('{"mlp": {"accuracy": 1}}')
    assert at_once(clone) == {outcome: 8}
