"""A lock of DVC's that a kill has cut off does not lock the user out."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clone import ROOT
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from dvc.utils.serialize import parse_yaml

from permset.store.files import write
from stages import heal as healing
from stages.heal import LOCKS, RUNNING, heal


def held_by(process: int) -> dict[str, Any]:
    return {"read": {"/a": [{"pid": process, "cmd": "dvc repro"}]}}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The locks of this project, committed, and one of a process that runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(healing.time, "sleep", lambda seconds: None)
    git("init", "-q")
    for lock in LOCKS:
        lock.parent.mkdir(exist_ok=True)
        lock.write_bytes((ROOT / lock).read_bytes())
    git("add", "-A")
    git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "state")
    RUNNING.parent.mkdir(parents=True)
    running = subprocess.Popen([sys.executable, "-c", "input()", "dvc"], stdin=subprocess.PIPE)
    RUNNING.write_text(json.dumps(held_by(running.pid)))
    yield tmp_path
    running.communicate(b"\n")


def git(*command: str) -> None:
    subprocess.run(["git", *command], check=True)


@pytest.mark.parametrize("lock", LOCKS, ids=str)
def test_a_lock_cut_off_anywhere_is_one_that_dvc_reads(
    project: Path, capsys: pytest.CaptureFixture[str], lock: Path
) -> None:
    whole = lock.read_bytes()
    places = [0, 5, 14, *random.Random(0).sample(range(len(whole)), 10)]
    for place in places:
        lock.write_bytes(whole[:place])
        heal()
        COMPILED_LOCKFILE_SCHEMA(parse_yaml(lock.read_text(), lock))
        told = capsys.readouterr().out
        if lock.read_bytes() == whole:
            assert told == f"{lock}: cut off by a kill; put back as in the last commit\n"
        else:
            assert (lock.read_bytes(), told) == (whole[:place], ""), "a lock with fewer stages is one that DVC reads"
    assert [other for other in LOCKS if other.read_bytes() != (ROOT / other).read_bytes()] in ([], [lock])


def test_what_is_whole_or_absent_is_left_alone(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = LOCKS[0].read_text().replace("size: ", "size: 1")
    LOCKS[0].write_text(changed)
    LOCKS[1].unlink()
    held = RUNNING.read_text()
    heal()
    assert LOCKS[0].read_text() == changed, "results that are not committed are none of its business"
    assert not LOCKS[1].exists()
    assert RUNNING.read_text() == held
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"schema: '2.0'\nstages:\n  a: {outs: []}\n"])
def test_a_lock_that_was_never_whole_in_git_is_made_anew(
    project: Path, capsys: pytest.CaptureFixture[str], damage: bytes
) -> None:
    LOCKS[0].write_bytes(damage)
    git("-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "damaged")
    heal()
    assert not LOCKS[0].exists()
    assert capsys.readouterr().out.startswith("dvc.lock: cut off by a kill, and not in the last commit; removed")


@pytest.mark.parametrize("size", [0, 1, 20])
def test_the_list_of_running_processes_is_made_anew(
    project: Path, capsys: pytest.CaptureFixture[str], size: int
) -> None:
    RUNNING.write_text(RUNNING.read_text()[:size])
    heal()
    assert not RUNNING.exists()
    assert capsys.readouterr().out == ".dvc/tmp/rwlock: cut off by a kill; removed, and DVC makes it anew\n"


def test_a_lock_that_is_just_being_written_is_waited_for(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = LOCKS[0].read_text().replace("size: ", "size: 1")
    LOCKS[0].write_text(written[:10])
    monkeypatch.setattr(healing.time, "sleep", lambda seconds: LOCKS[0].write_text(written) if seconds else None)
    heal()
    assert LOCKS[0].read_text() == written


def test_what_a_killed_process_was_reading_and_writing_is_forgotten(project: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    killed = {"write": {"/b": {"pid": dead.pid, "cmd": "dvc repro"}}}
    another = {"read": {"/c": [{"pid": os.getpid(), "cmd": "dvc repro"}]}}  # which has the number of a killed one
    held = json.loads(RUNNING.read_text())
    for running, is_kept in ((held | killed, True), ({"read": {}, "write": {}}, True), (killed | another, False)):
        RUNNING.write_text(json.dumps(running))
        heal()
        assert RUNNING.exists() == is_kept, running


def test_half_a_file_is_removed_unless_its_process_is_at_work(project: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()

    def save(path: Path) -> None:
        path.write_text("half")
        shutil.copytree(path.parent, path.parent.with_suffix(f".{dead.pid}"))
        heal()
        assert path.exists(), "its process is at work"

    for path in ("results/evaluate/a.json", "mlflow.db"):
        write(Path(path), save)
    Path("results/.hidden").mkdir()
    heal()
    assert sorted(Path("results").rglob("*")) == [
        Path("results/.hidden"),
        Path("results/evaluate"),
        Path("results/evaluate/a.json"),
    ]
    assert list(Path().glob(".mlflow.db.*")) == []


def test_dvc_goes_on_after_it(tmp_path: Path) -> None:
    """With the control: without it, DVC refuses."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("DVC")}
    environment = variables | {"PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "1"}

    def call(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    assert call("dvc", "init", "-q").returncode == 0
    (tmp_path / "dvc.yaml").write_text("stages:\n  a:\n    cmd: echo 1 > out\n    outs: [out]\n")
    assert call("dvc", "repro").returncode == 0
    lock, running = tmp_path / "dvc.lock", tmp_path / RUNNING
    whole = lock.read_bytes()
    for path, message in ((lock, "validation failed"), (running, "JSON structure is corrupted")):
        path.write_bytes(b"")
        assert message in call("dvc", "repro").stderr
        assert call("stages.heal").returncode == 0
        assert call("dvc", "repro").returncode == 0
    assert lock.read_bytes() == whole


def test_make_calls_it_first() -> None:
    """Before DVC reads anything."""
    lines = [line.strip() for line in (ROOT / "Makefile").read_text().splitlines()]
    for at, line in enumerate(lines):
        if "dvc repro" in line and not line.startswith("#"):
            assert "python -m stages.heal" in lines[at - 2 : at]
