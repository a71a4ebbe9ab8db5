"""Where the time of the whole pipeline goes, by kind of stage, and what `stages.ahead` spares of it.

    make bench

A clone of HEAD without any cache runs the pipeline to its end. In a second one all runs are trained in one queue, and
then by DVC, which takes what it finds.
"""

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
STAGE = re.compile(r"Running stage '(?:\S+:)?(\w+)")
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith(("DVC", "MLFLOW_T"))}
Timeline = dict[str, list[float]]
"""by kind of stage, seconds from the start of each to the start of the next; DVC's own share is in them"""


def timeline(clone: Path, *targets: str) -> Timeline:
    command = ["dvc", "repro", "--force", *targets]
    taken: Timeline = defaultdict(list)
    kind, start = "start of DVC", time.monotonic()
    with subprocess.Popen(command, cwd=clone, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if match := STAGE.match(line):
                taken[kind].append(time.monotonic() - start)
                kind, start = match[1], time.monotonic()
    taken[kind].append(time.monotonic() - start)
    if process.returncode:
        raise SystemExit(f"error: {' '.join(command)} ended with status {process.returncode}")
    return taken


def train_ahead(clone: Path) -> float:
    """Seconds that it takes."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-m", "stages.ahead"], cwd=clone, env=ENVIRONMENT, check=True)
    return time.monotonic() - start


def cloned(place: Path) -> Path:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(place)], check=True)
    return place


def show(taken: Timeline) -> None:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    cores = len(os.sched_getaffinity(0))
    busy = (usage.ru_utime + usage.ru_stime) / total(taken) / cores
    print(f"whole pipeline: {total(taken):.0f} s on {cores} cores, which were busy {busy:.0%} of the time")
    for kind, seconds in sorted(taken.items(), key=lambda item: -sum(item[1])):
        print(f"{kind:16} {len(seconds):3} × {sum(seconds) / len(seconds):7.1f} s = {sum(seconds):7.1f} s")


def total(taken: Timeline) -> float:
    return sum(map(sum, taken.values()))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        alone = timeline(cloned(Path(folder, "alone")), "dvc.yaml", "studies/dvc.yaml")
        show(alone)
        clone = cloned(Path(folder, "ahead"))
        queue, after = train_ahead(clone), timeline(clone, "train")
    before, now = sum(alone["train"]), queue + sum(after["train"])
    print(f"training: {before:.0f} s, and {now:.0f} s with stages.ahead, of which {queue:.0f} s are its queue")
    print(f"with stages.ahead training is {before / now:.2f} times as fast")


if __name__ == "__main__":
    main()
