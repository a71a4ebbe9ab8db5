"""`make torture`: kills at random moments, damaged files, eight experiments on one store; what came of each?

    python -m verification.torture --kills 50

Everything happens in a temporary clone of HEAD with small parameters. A table of kinds and outcomes is printed; the
exit status is 0 if every outcome is one that may be.
"""

import argparse
import importlib.util
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import yaml
from tqdm import tqdm

from permset.tracking.store import DIGEST, EXPERIMENT, HELD, STUDIES

ROOT = Path(__file__).parent.parent
RESULTS = "data/*", "models/*", "results/*.csv", "results/*.html", "results/[!p]*/*", "results/permutations/*"
TEMPORARY = re.compile(r"^\..+\.\d+$")  # folders of permset.store.files.write
AT_ONCE = 8
PATIENCE = 20  # seconds in which workers notice that their parent is gone

STUDY = {"axis": "model.widths", "values": [[3], [5]], "runs": {"mlp": {}}, "show": ["accuracy"]}
TRAIN = {"steps": 60, "batch_size": 20, "best_over": 10, "measure_every": 20, "measure_sets": 20}
STAGES = {name: [sys.executable, "-m", *f"stages.{name}".split()] for name in ("train", "study", "track", "evaluate")}
REPRO = f"{sys.executable} -m stages.heal && dvc repro dvc.yaml studies/dvc.yaml"
KILLED = {
    "train": [*STAGES["train"], "mlp"],
    "study": [*STAGES["study"], "widths"],
    "track": STAGES["track"],
    "repro": ["sh", "-c", REPRO],
}
# A file of each kind, and what reads it.
DAMAGED = {
    "data/unit_sum.npz": [*STAGES["train"], "mlp"],
    "models/mlp.pt": [*STAGES["evaluate"], "mlp"],
    "results/curves/mlp.csv": [sys.executable, "-m", "stages.plot"],
    "results/evaluate/mlp.json": [sys.executable, "-m", "stages.plot"],
    "results/plans/widths.json": [*STAGES["study"], "widths"],
    ".cache/points/*.json": [*STAGES["study"], "widths"],
    "mlflow.db": STAGES["track"],
    "dvc.lock": ["sh", "-c", REPRO],
}
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda whole: whole[: len(whole) // 2],
    "emptied": lambda whole: b"",
    "garbage": lambda whole: random.Random(0).randbytes(len(whole)),
}
GOOD = {"the same", "the same after one line", "one line", "one clear line", "accepted"}


class Clone:
    """A clone with small parameters and all of its results, which every trial has to give again."""

    def __init__(self, root: Path):
        self.root = root
        subprocess.run(["git", "clone", "-q", str(ROOT), str(root)], check=True)
        params = yaml.safe_load((root / "params.yaml").read_text())
        params |= {"seeds": 3, "workers": 2, "files": {}, "studies": {"widths": STUDY}}
        params["train"] |= TRAIN
        params["tasks"] = {"unit_sum": params["tasks"]["unit_sum"] | {"test_sets": 200}}
        params["runs"] = {run: params["runs"][run] for run in ("deepset", "mlp")}
        params["certificate"] |= {"objects": 500, "permutations": 5}
        (root / "params.yaml").write_text(yaml.safe_dump(params))
        for old in ("dvc.lock", "studies/dvc.lock"):
            (root / old).unlink()
        shutil.rmtree(root / "results")
        self.call(KILLED["repro"])
        for command in ("add -A", "-c user.name=t -c user.email=t@t commit -qm small"):
            subprocess.run(["git", *command.split()], cwd=root, check=True)
        self.results, self.digests = self.bytes(), self.tracked()

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        variables = {key: value for key, value in os.environ.items() if not key.startswith(("DVC", "MLFLOW_T"))}
        # In a group of its own, all of which is killed.
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=variables | {"DVC_ROOT": str(self.root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def call(self, command: list[str]) -> str:
        process = self.start(command)
        output, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f"error: {' '.join(command)} ended with status {process.returncode}:\n{output[-2000:]}")
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
        return any(Path(os.path.realpath(cwd)).is_relative_to(self.root) for cwd in Path("/proc").glob("[0-9]*/cwd"))

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


def kill(clone: Clone, kind: str, draws: random.Random, duration: float) -> str:
    """Kill a command at a random moment, finish it, and compare."""
    clear(clone, kind)
    process = clone.start(KILLED[kind])
    time.sleep(draws.uniform(0, duration))
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + PATIENCE
    while clone.is_running():
        if time.monotonic() > deadline:
            return "an orphan"
        time.sleep(0.1)
    again = clone.start(KILLED[kind])
    output, _ = again.communicate()
    if again.returncode:
        return f"cannot go on: {output.strip().splitlines()[-1]}"
    # What is half done by one stage alone is finished, with everything else, by the next call of all.
    clone.call(KILLED["repro"])
    return next(clone.faults(), "the same")


def clear(clone: Clone, kind: str) -> None:
    """Leave something to be done."""
    if kind == "study":
        shutil.rmtree(clone.root / ".cache")
    elif kind == "track":
        (clone.root / "mlflow.db").unlink()
    elif kind == "repro":
        shutil.rmtree(clone.root / ".cache")
        shutil.rmtree(clone.root / ".dvc/cache")
        shutil.rmtree(clone.root / "models")


def kills(clone: Clone, count: int, seed: int) -> Counter[tuple[str, str]]:
    durations = {}
    for kind, command in KILLED.items():
        clear(clone, kind)
        start = time.monotonic()
        clone.call(command)
        durations[kind] = time.monotonic() - start
    draws = random.Random(seed)
    kinds = [list(KILLED)[trial % len(KILLED)] for trial in range(count)]
    trials = tqdm(kinds, desc="kills", disable=None)
    return Counter((f"killed: {kind}", kill(clone, kind, draws, durations[kind])) for kind in trials)


def damages(clone: Clone) -> Counter[tuple[str, str]]:
    trials = [(pattern, how) for pattern in DAMAGED for how in DAMAGES]
    return Counter(
        (f"{how}: {pattern}", damage(clone, pattern, how)) for pattern, how in tqdm(trials, "damage", disable=None)
    )


def damage(clone: Clone, pattern: str, how: str) -> str:
    path = next(clone.root.glob(pattern))
    whole = path.read_bytes()
    path.write_bytes(DAMAGES[how](whole))
    process = clone.start(DAMAGED[pattern])
    output, _ = process.communicate()
    fault = next(clone.faults(), None) if process.returncode == 0 else None
    path.write_bytes(whole)
    if process.returncode == 0:
        return fault or ("the same after one line" if "cut off" in output else "the same")
    lines = [line for line in output.splitlines() if line.startswith("error: ")]
    clear_up = "Traceback" not in output and len(lines) == 1
    return "one line" if clear_up else f"status {process.returncode}: {output.strip().splitlines()[-1]}"


def at_once(clone: Clone) -> Counter[tuple[str, str]]:
    """Eight experiments log into a store that none of them has made yet."""
    (clone.root / "mlflow.db").unlink()
    copies = []
    for number in range(AT_ONCE):
        copy = clone.root.parent / f"copy{number}"
        shutil.copytree(clone.root, copy, ignore=shutil.ignore_patterns(".git", ".dvc", "mlruns"))
        path = copy / "results/evaluate/mlp.json"
        path.write_text(json.dumps({"mlp": json.loads(path.read_text())["mlp"] | {"accuracy": number / AT_ONCE}}))
        copies.append(copy)
    command = ["sh", "-c", f"cd $0 && {sys.executable} -m stages.track"]
    processes = [clone.start([*command, str(copy)]) for copy in copies]
    for process in processes:
        process.communicate()
    failed = sum(process.returncode != 0 for process in processes)
    found = Counter(clone.tracked())
    lost = AT_ONCE + 2 - len(found)  # one of eight kinds each, and the other run and the comparison once
    doubled = found.total() - len(found)
    clone.call(KILLED["repro"])
    outcome = f"{failed} failed, {lost} lost, {doubled} doubled" if failed or lost or doubled else "the same"
    return Counter({(f"{AT_ONCE} experiments at once", outcome): AT_ONCE})


def fuzzed(count: int, seed: int) -> Counter[tuple[str, str]]:
    if importlib.util.find_spec("verification.fuzz") is None:
        return Counter()
    outcomes = importlib.import_module("verification.fuzz").fuzz(seed, count)
    return Counter({(kind, outcome): n for kind, found in outcomes.items() for outcome, n in found.items()})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--mutations", type=int, default=1000, help="of params.yaml, and of files with bags")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        clone = Clone(Path(place).resolve() / "permset")
        found = fuzzed(chosen.mutations, chosen.seed) + damages(clone) + at_once(clone)
        found += kills(clone, chosen.kills, chosen.seed)
    for (kind, outcome), count in sorted(found.items()):
        print(f"{count:6}  {kind:40}  {outcome}")
    bad = sum(count for (_, outcome), count in found.items() if outcome not in GOOD)
    print(f"{found.total()} trials, {bad} with an outcome that must not be")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
