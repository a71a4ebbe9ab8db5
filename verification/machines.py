"""A Dask scheduler and its workers on this machine, each in processes of its own, which can be killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import distributed
import psutil

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 120
"""seconds in which something has to happen"""
HERE = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
"""the environment of this checkout"""
Process = subprocess.Popen[bytes]


class Machines:
    """What they print goes to the file `log` in their folder; `env` says whose code they load."""

    def __init__(self, folder: Path, env: Mapping[str, str]):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.env, self.processes = folder, env, list[Process]()
        place = folder / "scheduler.json"
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(place)]
        self.scheduler = self._start(["distributed.cli.dask_scheduler", *options], env)
        until(lambda: place.is_file() and place.stat().st_size > 0)
        self.address: str = json.loads(place.read_text())["address"]

    def worker(self) -> Process:
        """One more, as a user starts it."""
        return self._start(["stages.worker", self.address, "1"], self.env)

    def bare_worker(self, threads: int, env: Mapping[str, str]) -> Process:
        """One more by Dask's own command, which knows nothing of permset."""
        options = ["--nthreads", str(threads), "--nworkers", "1", "--no-dashboard"]
        return self._start(["distributed.cli.dask_worker", self.address, *options], env)

    def wait_for(self, workers: int) -> None:
        """Until so many are known."""
        with distributed.Client(self.address, set_as_default=False) as client:
            until(lambda: len(client.scheduler_info(n_workers=-1)["workers"]) == workers)

    def end(self) -> None:
        for process in self.processes:
            kill(process)

    def _start(self, module: list[str], env: Mapping[str, str]) -> Process:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *module], cwd=self.folder, env=env, stdout=log, stderr=log
            )
        self.processes.append(process)
        return process


@contextmanager
def machines(folder: Path, workers: int, env: Mapping[str, str] = HERE) -> Iterator[Machines]:
    """A scheduler that has so many workers, all of which end with the context."""
    found = Machines(folder, env)
    try:
        for _ in range(workers):
            found.worker()
        found.wait_for(workers)
        yield found
    finally:
        found.end()


def kill(process: Process) -> None:
    """At once, with the processes that it has started."""
    pids = [process.pid]
    if psutil.pid_exists(process.pid):
        pids += [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing happened in {PATIENCE} seconds")
        time.sleep(0.05)
