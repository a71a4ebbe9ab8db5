"""`make torture`: random mutations, damaged files, eight experiments on one store, kills; what came of each?

    python -m verification.torture --kills 50 --mutations 1000

Everything happens in a temporary clone of HEAD with a small pipeline. How many trials of a kind had an outcome is
printed as soon as the kind is done; the exit status is 0 if every outcome is one that may be.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tqdm import tqdm

from verification import fuzz
from verification.clone import Clone, Command, Running, repro, stages

AT_ONCE = 8
PATIENCE = 60  # seconds in which workers notice that their parent is gone

TRACK = stages("track", "track_studies")
# What is killed, and what is deleted before, so that there is something to be done.
KILLED: dict[str, tuple[Command, tuple[str, ...]]] = {
    "train": (stages("train mlp"), ()),
    "study": (stages("study widths"), (".cache",)),
    "track": (TRACK, ("mlflow.db",)),
    "make repro": (repro, (".cache", ".dvc/cache", "models")),
}
# A file of each kind, and what reads it.
DAMAGED: dict[str, Command] = {
    "data/unit_sum.npz": stages("evaluate mlp"),
    "models/mlp.pt": stages("evaluate mlp"),
    "results/curves/mlp.csv": stages("plot"),
    "results/evaluate/mlp.json": stages("plot"),
    "results/plans/widths.json": stages("study widths"),
    ".cache/points/*.json": stages("study widths"),
    "mlflow.db": TRACK,
    "dvc.lock": repro,
}
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda whole: whole[: len(whole) // 2],
    "emptied": lambda whole: b"",
    "garbage": lambda whole: random.Random(0).randbytes(len(whole)),
}
THE_SAME, ONE_LINE = "the same results", "one clear line"
GOOD = {THE_SAME, ONE_LINE, fuzz.ACCEPTED, fuzz.CLEAR}

Outcomes = Counter[str]
"""how many trials had each outcome"""


def kills(clone: Clone, kind: str, count: int, seed: int) -> Outcomes:
    """Kill a command at random moments, among them ones at which it was done."""
    command, deleted = KILLED[kind]
    delete(clone, deleted)
    start = time.monotonic()
    clone.call(command)
    duration = time.monotonic() - start
    draws = random.Random(f"{seed} {kind}")
    moments = tqdm([draws.uniform(0, duration) for _ in range(count)], kind, disable=None)
    return Counter(kill(clone, kind, moment) for moment in moments)


def kill(clone: Clone, kind: str, moment: float) -> str:
    """Kill a command, finish it, and compare."""
    command, deleted = KILLED[kind]
    delete(clone, deleted)
    running = clone.start(command)
    time.sleep(moment)
    running.kill(signal.SIGKILL, whole=command is repro)
    deadline = time.monotonic() + PATIENCE
    while clone.is_running():
        if time.monotonic() > deadline:
            return "an orphan"
        time.sleep(0.1)
    for again in (stages("heal"), command):
        status, output = clone.start(again).finish()
        if status:
            return f"cannot go on: {last_line(output)}"
    return next(clone.faults(), THE_SAME)


def delete(clone: Clone, names: tuple[str, ...]) -> None:
    for path in [clone.root / name for name in names]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def damages(clone: Clone, pattern: str) -> Outcomes:
    return Counter(damage(clone, pattern, how) for how in DAMAGES)


def damage(clone: Clone, pattern: str, how: str) -> str:
    """Damage a file, and let a stage read it, which either gives the same or says in one line what to do."""
    path = next(clone.root.glob(pattern))
    whole = path.read_bytes()
    path.write_bytes(DAMAGES[how](whole))
    status, output = clone.start(DAMAGED[pattern]).finish()
    fault = None if status else next(clone.faults(), None)
    path.write_bytes(whole)
    if status == 0:
        return fault or THE_SAME
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    clear = "Traceback" not in output and len(errors) == 1
    return ONE_LINE if clear else f"{how}: status {status}: {last_line(output)}"


def last_line(output: str) -> str:
    return next(reversed(output.strip().splitlines()), "")


def at_once(clone: Clone) -> Outcomes:
    """Experiments with a result each of their own log into a store that none of them has made yet."""
    delete(clone, ("mlflow.db",))
    copies = []
    for number in range(AT_ONCE):
        copy = clone.root.parent / f"copy{number}"
        shutil.copytree(clone.root, copy, ignore=shutil.ignore_patterns(".git", ".dvc", "mlruns"))
        path = copy / "results/evaluate/mlp.json"
        path.write_text(json.dumps({"mlp": json.loads(path.read_text())["mlp"] | {"accuracy": number / AT_ONCE}}))
        copies.append(copy)
    experiments = [Running(stages("track"), copy, clone.root) for copy in copies]
    failed = sum(status != 0 for status, _ in [experiment.finish() for experiment in experiments])
    found = Counter(clone.tracked())
    lost, doubled = AT_ONCE + 1 - len(found), found.total() - len(found)  # one is the comparison, the same in all
    outcome = f"{failed} failed, {lost} lost, {doubled} doubled" if failed or lost or doubled else THE_SAME
    delete(clone, ("mlflow.db",))
    clone.call(TRACK)
    return Counter({outcome: AT_ONCE})


def mutations(kind: str, count: int, seed: int) -> Outcomes:
    return Counter(fuzz.fuzz(seed, count, {kind: fuzz.KINDS[kind]})[kind])


def trials(clone: Clone, chosen: argparse.Namespace) -> Iterator[tuple[str, Callable[[], Outcomes]]]:
    for kind in DAMAGED:
        yield f"damaged {kind}", partial(damages, clone, kind)
    yield f"{AT_ONCE} experiments at once", partial(at_once, clone)
    for number, kind in enumerate(KILLED):
        count = len(range(number, chosen.kills, len(KILLED)))
        yield f"killed {kind}", partial(kills, clone, kind, count, chosen.seed)
    for kind in fuzz.KINDS:
        yield f"mutations of {kind}", partial(mutations, kind, chosen.mutations, chosen.seed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--mutations", type=int, default=1000, help="of params.yaml, and of CSV and npz files")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    total: Outcomes = Counter()
    with tempfile.TemporaryDirectory() as place:
        print("the pipeline, before anything happens to it", flush=True)
        for kind, work in trials(Clone(Path(place).resolve() / "permset"), chosen):
            start = time.monotonic()
            print(kind, flush=True)
            found = work()
            for outcome, count in sorted(found.items()):
                if count:
                    print(f"{count:6}  {outcome}", flush=True)
            print(f"        {time.monotonic() - start:.0f} s", flush=True)
            total += found
    bad = sum(count for outcome, count in total.items() if outcome not in GOOD)
    print(f"{total.total()} trials, {bad} with an outcome that must not be")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
