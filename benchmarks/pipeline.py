"""Where the time of the whole pipeline goes, by kind of stage: a clone of HEAD without any cache, run to its end.

make bench
"""

import os
import re
import resource
import subprocess
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
STAGE = re.compile(r"Running stage '(?:\S+:)?(\w+)")


def timeline(clone: Path) -> dict[str, list[float]]:
    """Seconds from the start of each stage to the start of the next, by kind of stage; DVC's own share is in them."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("DVC", "MLFLOW_T"))}
    command = ["dvc", "repro", "--force", "dvc.yaml", "studies/dvc.yaml"]
    taken: dict[str, list[float]] = defaultdict(list)
    kind, start = "start of DVC", time.monotonic()
    with subprocess.Popen(command, cwd=clone, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if match := STAGE.match(line):
                taken[kind].append(time.monotonic() - start)
                kind, start = match[1], time.monotonic()
    taken[kind].append(time.monotonic() - start)
    if process.returncode:
        raise SystemExit(f"error: {' '.join(command)} ended with status {process.returncode}")
    return taken


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "permset"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        taken = timeline(clone)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    total, cores = sum(map(sum, taken.values())), len(os.sched_getaffinity(0))
    busy = (usage.ru_utime + usage.ru_stime) / total / cores
    print(f"whole pipeline: {total:.0f} s on {cores} cores, which were busy {busy:.0%} of the time")
    for kind, seconds in sorted(taken.items(), key=lambda item: -sum(item[1])):
        print(f"{kind:16} {len(seconds):3} × {sum(seconds) / len(seconds):7.1f} s = {sum(seconds):7.1f} s")


if __name__ == "__main__":
    main()
