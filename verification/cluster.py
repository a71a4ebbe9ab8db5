"""`make verify-cluster`: are results the same where the work is done by the workers of a Dask scheduler?

    python -m verification.cluster --kills 5

Three runs, one of them of a collection with folds, and a study are computed by this process, and then by two workers,
of which one is killed at a random moment and another joins, again and again. All in temporary folders; the exit status
is 0 if every file has the same bytes.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from verification.machines import HERE, Machines, kill, machines

TANH = {"element_activation": "tanh", "set_activation": "tanh"}
DEEPSET = {"kind": "deepset", "element_widths": [10], "set_widths": [10], "pooling": "mean", **TANH}
PARAMS: dict[str, Any] = {
    "seeds": 20,
    "device": "cpu",
    "workers": 1,
    "train": {
        **{"data": "fresh", "steps": 400, "batch_size": 64, "learning_rate": 0.01, "schedule": "constant"},
        **{"weight_decay": 0, "best_over": 10, "measure_every": 100, "measure_sets": 100},
    },
    "certificate": {"objects": 100, "permutations": 4, "shown": 2, "seed": 0, "invariant": 1e-12, "approximate": 0.3},
    "tasks": {
        "unit_sum": {"kind": "unit_sum", "set_size": 10, "subset_sizes": [3, 5], "test_sets": 100, "test_seed": 0},
        "digits": {
            **{"kind": "digits", "threshold": 8, "standardize": True},
            "split": {"kind": "folds", "folds": 10, "repeats": 1, "validation": 0.1, "seed": 0},
        },
    },
    "runs": {
        "deepset": {"task": "unit_sum", "model": DEEPSET},
        "mlp": {"task": "unit_sum", "model": {"kind": "mlp", "widths": [10], "activation": "tanh"}},
        "digits": {"task": "digits", "model": DEEPSET, "train": {"steps": 100}},
    },
    "studies": {
        "widths": {
            **{"axis": "model.widths", "runs": {"mlp": {"values": [[2], [3], [4], [5], [6]]}}},
            "show": ["accuracy"],
        }
    },
}
COMMANDS = ("train", "deepset"), ("train", "mlp"), ("train", "digits"), ("study", "widths")
Results = dict[str, bytes]


def prepare(project: Path, params: dict[str, Any]) -> None:
    project.mkdir(parents=True, exist_ok=True)
    (project / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for name in params["tasks"]:
        stage(project, "generate", name)


def stage(project: Path, *command: str, address: str = "") -> str:
    """What the stage says; CalledProcessError if it fails."""
    env = {**HERE, "PERMSET_WORKERS": address} if address else HERE
    call = [sys.executable, "-m", f"stages.{command[0]}", *command[1:]]
    return subprocess.run(call, cwd=project, env=env, capture_output=True, text=True, check=True).stderr


def taken(project: Path) -> Results:
    """The results, which are removed with all that would spare the next ones the work."""
    folders = [project / name for name in ("models", "results/train", "results/curves", "results/studies")]
    paths = [path for folder in folders if folder.is_dir() for path in sorted(folder.iterdir())]
    found = {str(path.relative_to(project)): path.read_bytes() for path in paths}
    for folder in (*folders, project / ".cache/points"):
        shutil.rmtree(folder, ignore_errors=True)
    return found


def with_a_kill(project: Path, found: Machines, commands: Sequence[Sequence[str]], after: float) -> Results:
    """Results of workers of which one dies after so many seconds, and of another that joins then."""
    with ThreadPoolExecutor() as threads:
        done = threads.submit(lambda: [stage(project, *command, address=found.address) for command in commands])
        time.sleep(after)
        worker = found.worker()
        kill(found.processes[1])
        found.processes[1:] = [*found.processes[2:-1], worker]
        done.result()
    return taken(project)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    draws, same = random.Random(options.seed), 0
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        prepare(project, PARAMS)
        started = time.monotonic()
        for command in COMMANDS:
            stage(project, *command)
        seconds, expected = time.monotonic() - started, taken(project)
        with machines(project / "machines", 2) as found:
            for _ in range(options.kills):
                after = seconds * draws.random()
                is_same = with_a_kill(project, found, COMMANDS, after) == expected
                same += is_same
                print(f"a worker killed after {after:.0f} s, another joins: {'the same' if is_same else 'OTHER'} bytes")
    print(f"{same} of {options.kills} times all {len(expected)} files have the bytes that one process gives.")
    return int(same < options.kills)


if __name__ == "__main__":
    os.environ.pop("PERMSET_WORKERS", None)
    sys.exit(main())
