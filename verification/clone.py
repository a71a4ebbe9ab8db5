"""A clone of HEAD with a small pipeline, whose stages are started, killed, and compared with what they gave at first.

Stages run in processes that are forked from one that has loaded torch and MLflow, which each would need seconds for.
"""

import importlib
import json
import multiprocessing
import os
import re
import runpy
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import psutil
import yaml

from permset.tracking.store import DIGEST, EXPERIMENT, HELD, STUDIES

ROOT = Path(__file__).parent.parent
RESULTS = "data/*", "models/*", "results/*.csv", "results/*.html", "results/[!p]*/*", "results/permutations/*"
LIBRARIES = "matplotlib.pyplot", "mlflow", "scipy.stats", "sklearn.svm", "torch"
TEMPORARY = re.compile(r"^\..+\.\d+$")  # folders of permset.store.files.write
CODE = "permset", "stages", "verification"

STUDY = {"axis": "model.widths", "values": [[3], [5]], "runs": {"mlp": {}}, "show": ["accuracy"]}
TRAIN = {"steps": 60, "batch_size": 20, "best_over": 10, "measure_every": 20, "measure_sets": 20}

Command = Callable[[], object]
"""what a process does that was started in a folder"""


def stages(*lines: str) -> Command:
    """Stages with their arguments, one after another, as `python -m stages.<line>` runs them."""
    return partial(_run_stages, lines)


def _run_stages(lines: tuple[str, ...]) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in CODE]:
        del sys.modules[name]  # the clone has its own
    sys.path.insert(0, str(Path.cwd()))
    for line in lines:
        stage, *sys.argv[1:] = line.split()
        runpy.run_module(f"stages.{stage}", run_name="__main__", alter_sys=True)


def repro() -> None:
    """`make repro` in the environment that is there."""
    os.execvp("make", ["make", "--old-file", ".venv/installed", "repro"])


def folders_of_processes() -> list[Path]:
    """Where the processes of this machine work, less those that end meanwhile."""
    folders = [process.info["cwd"] for process in psutil.process_iter(["cwd"])]
    return [Path(folder) for folder in folders if folder]


class Running:
    """A command at work in a folder, in a group of processes of its own."""

    def __init__(self, command: Command, folder: Path, project: Path):
        self.output = project.parent / f"{folder.name}.txt"
        self.process = multiprocessing.get_context("fork").Process(target=self._work, args=(command, folder, project))
        self.process.start()
        with suppress(OSError):  # where the child was faster
            os.setpgid(self.process.pid or 0, 0)

    def _work(self, command: Command, folder: Path, project: Path) -> None:
        os.setpgid(0, 0)
        os.chdir(folder)
        with self.output.open("w") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        sys.stdout = sys.stderr = os.fdopen(1, "w", buffering=1)
        for key in [key for key in os.environ if key.startswith(("DVC", "MLFLOW_T"))]:
            del os.environ[key]
        os.environ["DVC_ROOT"] = str(project)
        command()

    def kill(self, signal: int, *, whole: bool) -> None:
        """Kill the process alone, whose workers then have to end by themselves, or the whole group."""
        kill = os.killpg if whole else os.kill
        kill(self.process.pid or 0, signal)
        self.process.join()

    def finish(self) -> tuple[int, str]:
        """Its exit status, and what it wrote."""
        self.process.join()
        return self.process.exitcode or 0, self.output.read_text()


class Clone:
    """Every trial has to give again the results that were there at first."""

    def __init__(self, root: Path):
        self.root = root
        subprocess.run(["git", "clone", "-q", str(ROOT), str(root)], check=True)
        params = yaml.safe_load((root / "params.yaml").read_text())
        params |= {"seeds": 3, "workers": 2, "files": {}, "studies": {"widths": STUDY}}
        params["train"] |= TRAIN
        params["tasks"] = {"unit_sum": params["tasks"]["unit_sum"] | {"test_sets": 200}}
        params["runs"] = {"mlp": params["runs"]["mlp"]}
        params["certificate"] |= {"objects": 500, "permutations": 5}
        (root / "params.yaml").write_text(yaml.safe_dump(params))
        for old in ("dvc.lock", "stages/dvc.lock", "studies/dvc.lock"):
            (root / old).unlink()
        shutil.rmtree(root / "results")
        for library in LIBRARIES:
            importlib.import_module(library)
        self.call(repro)
        for command in ("add -A", "-c user.name=t -c user.email=t@t commit -qm small"):
            subprocess.run(["git", *command.split()], cwd=root, check=True)
        self.results, self.digests = self.bytes(), self.tracked()

    def start(self, command: Command) -> Running:
        return Running(command, self.root, self.root)

    def call(self, command: Command) -> str:
        status, output = self.start(command).finish()
        if status:
            raise SystemExit(f"error: {command} ended with status {status}:\n{output[-2000:]}")
        return output

    def bytes(self) -> dict[str, bytes]:
        files = (path for pattern in RESULTS for path in self.root.glob(pattern) if path.is_file())
        return {str(path.relative_to(self.root)): path.read_bytes() for path in files}

    def tracked(self) -> list[str]:
        """Digests of the finished runs in MLflow."""
        with closing(sqlite3.connect(self.root / "mlflow.db")) as database:
            return sorted(value for (value,) in database.execute(HELD, (DIGEST, EXPERIMENT, STUDIES)))

    def is_running(self) -> bool:
        """Whether any process works in the clone."""
        return any(folder.is_relative_to(self.root) for folder in folders_of_processes())

    def faults(self) -> Iterator[str]:
        """What is not as it was when nothing had happened."""
        now = self.bytes()
        if other := [name for name in now.keys() | self.results.keys() if now.get(name) != self.results.get(name)]:
            yield f"other bytes: {', '.join(sorted(other))}"
        if self.tracked() != self.digests:
            yield "MLflow has runs twice, or lacks some"
        if left := [str(path) for path in self.root.rglob(".*") if TEMPORARY.match(path.name)]:
            yield f"half a file: {left[0].removeprefix(str(self.root))}"
        running = self.root / ".dvc/tmp/rwlock"
        if running.is_file() and any(json.loads(running.read_text()).values()):
            yield "a lock of DVC"
