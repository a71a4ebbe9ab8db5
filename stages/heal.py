"""heal: put right what a kill left: files that DVC writes in place and then refuses to read, and half-written ones.

A dvc.lock that is cut off is put back as it was committed: what was computed since then is in DVC's cache, and comes
back without being computed again. Stages write to a neighbour of each file, which DVC would take for a result.
"""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from dvc.utils.serialize import parse_yaml

from permset.store.files import write
from stages import run

PUBLISHED = (f"published/{name}" for name in ("clustering", "elephant", "population", "subgroups"))
PIPELINES = ".", "stages", "studies", "published", *PUBLISHED
LOCKS = [Path(folder, "dvc.lock") for folder in PIPELINES]
RUNNING = Path(".dvc/tmp/rwlock")  # which process reads and writes what
WRITTEN = "data", "models", "results", "published", ".cache"


def heal() -> None:
    for lock in LOCKS:
        if _is_damaged(lock, _check_lock):
            _put_back(lock)
    if _is_damaged(RUNNING, json.loads):
        RUNNING.unlink()
        print(f"{RUNNING}: cut off by a kill; removed, and DVC makes it anew")
    elif _is_of_dead_processes(RUNNING):
        RUNNING.unlink()
    for neighbour in [*Path().glob(".*"), *(path for folder in WRITTEN for path in Path(folder).rglob(".*"))]:
        process = re.search(r"\.(\d+)$", neighbour.name)  # as permset.store.files.write names them
        if process and neighbour.is_dir() and not psutil.pid_exists(int(process[1])):
            shutil.rmtree(neighbour)


def _is_of_dead_processes(running: Path) -> bool:
    """Whether it names processes, and none of them runs any more."""
    processes = re.findall(r'"pid": (\d+)', running.read_text()) if running.exists() else []
    return bool(processes) and not any(_runs_dvc(int(process)) for process in processes)


def _runs_dvc(process: int) -> bool:
    """The number of a process that is gone may have become that of another one."""
    with suppress(psutil.Error):
        return any("dvc" in part for part in psutil.Process(process).cmdline())
    return False


def _put_back(lock: Path) -> None:
    committed = subprocess.run(["git", "show", f"HEAD:./{lock}"], capture_output=True, check=False).stdout
    try:
        _check_lock(committed)
    except Exception:
        lock.unlink()
        print(f"{lock}: cut off by a kill, and not in the last commit; removed, and DVC makes it anew")
    else:
        write(lock, lambda path: path.write_bytes(committed))
        print(f"{lock}: cut off by a kill; put back as in the last commit")


def _check_lock(text: bytes) -> None:
    COMPILED_LOCKFILE_SCHEMA(parse_yaml(text.decode(), "a lock"))


def _is_damaged(path: Path, check: Callable[[bytes], object]) -> bool:
    """At two looks, a second apart, since another process of DVC may be writing it at the first."""
    for wait in (0, 1):
        time.sleep(wait)
        with suppress(Exception):  # of any kind: YAML's, the schema's, of bytes that are no text
            if path.exists():
                check(path.read_bytes())
            return False
    return True


if __name__ == "__main__":
    run(heal)
