"""`make verify-calls`: in many new processes on a busy machine, is the first call of a function as exact as the second?

With several threads in a process it may not be: a first call of a function of MKL's vector library by several threads
at once may give one of them a kernel of low accuracy (pytorch/pytorch#188792). permset's processes have one thread;
`--threads 8` shows what happens with more.
"""

import argparse
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from tqdm import tqdm

ROOT = Path(__file__).parent.parent
NAMES = "exp", "log", "log1p", "tanh", "sqrt", "sigmoid", "sin", "cos", "erf", "expm1"
NUMBERS = 500_000


def unequal_calls(threads: int) -> dict[str, float]:
    """Of this process's first calls those that are not as the second, with the largest relative difference."""
    torch.set_num_threads(threads)
    found = {}
    for dtype in (torch.float32, torch.float64):
        x = torch.linspace(0.1, 3, NUMBERS, dtype=dtype)
        for name in NAMES:
            first, second = (getattr(torch, name)(x) for _ in range(2))
            if not torch.equal(first, second):
                away = ((first - second).abs() / second.abs().clamp(min=torch.finfo(dtype).tiny)).max()
                found[f"{name} {str(dtype).removeprefix('torch.')}"] = float(away)
    return found


def start(threads: int) -> list[str]:
    """The unequal calls of a new process, a line each."""
    command = [sys.executable, "-m", "verification.first_calls", "--threads", str(threads), "--starts", "0"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=500, help="processes; none to make the calls in this one")
    parser.add_argument("--at-once", type=int, default=8, help="processes at once, more than there are cores")
    parser.add_argument("--threads", type=int, default=1, help="of each process")
    chosen = parser.parse_args()
    if chosen.starts == 0:
        for name, away in unequal_calls(chosen.threads).items():
            print(name, f"{away:.1e}")
        return 0
    with ThreadPoolExecutor(chosen.at_once) as pool:
        starts = list(tqdm(pool.map(start, [chosen.threads] * chosen.starts), total=chosen.starts, disable=None))
    calls = 2 * len(NAMES) * chosen.starts
    found = Counter(line.rpartition(" ")[0] for lines in starts for line in lines)
    worst = max((float(line.rpartition(" ")[2]) for lines in starts for line in lines), default=0.0)
    print(
        f"{chosen.starts} processes of {chosen.threads} threads, {chosen.at_once} at once: {found.total()} of {calls} "
        f"first calls differ from the second, by up to {worst:.1e}, in {sum(map(bool, starts))} processes"
    )
    for name, count in found.most_common():
        print(f"{count:6} {name}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
