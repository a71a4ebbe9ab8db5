"""`make verify-cpus`: the pipeline in small on this processor and on others, which qemu emulates; digests side by side.

The exit status is 0 if all digests agree, and if those of a control, which does without the switches, do not.
"""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from permset.portable import SWITCHES, VARIABLE, machine

ROOT = Path(__file__).parent.parent
EMULATOR = "qemu-x86_64"
HOST = "this one"
# One of each maker, both with AVX2 and without AVX-512, by their names in qemu.
PROCESSORS = {HOST: None, "EPYC": "EPYC-v3", "Haswell": "Haswell-v4"}


def digests(part: str, processor: str, switches: bool) -> dict[str, str]:
    """By name, what `verification.small` computes of a part on a processor."""
    cpu = PROCESSORS[processor]
    emulated = [] if cpu is None else [EMULATOR, "-cpu", cpu]
    environment = {key: value for key, value in os.environ.items() if key not in SWITCHES}
    environment[VARIABLE] = "1" if switches else "0"
    command = [*emulated, sys.executable, "-m", "verification.small", part]
    start = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"error: {' '.join(command)} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    mode = "with the switches" if switches else "without them"
    print(f"{processor}, {part}, {mode}: {(time.monotonic() - start) / 60:.1f} minutes", flush=True)
    return {name: digest for digest, name in (line.split(" ", 1) for line in done.stdout.splitlines())}


def compare(by_processor: dict[str, dict[str, str]]) -> list[str]:
    """Print a row for each result; gives the names of those that are not the same on all processors."""
    names = list(dict.fromkeys(name for found in by_processor.values() for name in found))
    print(*(f"{processor:16}" for processor in by_processor), "result", sep="  ")
    unequal = []
    for name in names:
        row = [found.get(name, "missing") for found in by_processor.values()]
        differs = len(set(row)) > 1
        if differs:
            unequal.append(name)
        print(*(f"{digest:16}" for digest in row), name, *(["← differs"] if differs else []), sep="  ")
    return unequal


def main() -> int:
    if shutil.which(EMULATOR) is None:
        print(f"error: {EMULATOR} is missing; install qemu-user, on Debian and Ubuntu with: apt-get install qemu-user")
        return 2
    print(f"{HOST}: {', '.join(f'{key} {value}' for key, value in machine().items())}")
    print("About ten minutes on two cores.", flush=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs: dict[tuple[str, bool], dict[str, Future[dict[str, str]]]] = {
            (part, switches): {name: pool.submit(digests, part, name, switches) for name in reversed(PROCESSORS)}
            for part, switches in (("all", True), ("functions", False))
        }
    portable, control = ({name: jobs[job][name].result() for name in PROCESSORS} for job in jobs)
    print()
    unequal = compare(portable)
    print("\nThe control, without the switches:")
    found = compare(control)
    total = len(portable[HOST])
    print(f"\n{total - len(unequal)} of {total} results are the same on {', '.join(PROCESSORS)}.")
    print(f"Without the switches {len(found)} of {len(control[HOST])} differ, as the control has to show.")
    return 0 if not unequal and found else 1


if __name__ == "__main__":
    sys.exit(main())
