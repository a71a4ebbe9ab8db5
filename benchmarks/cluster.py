"""What a block costs the scheduler of a cluster, and how many workers a large study keeps busy.

    python -m benchmarks.cluster

A real scheduler and 2, 8 and 32 real workers on this machine are given blocks that only sleep. What is sent and what
comes back is as large as for a block of the run `deepset`. The workers share the cores with the scheduler, so that this
takes longer than on a cluster. What large clusters do is simulated with these numbers. The table and the sentences go
into docs/cluster.md, the figure beside this file.
"""

import pickle
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import psutil
from matplotlib.figure import Figure
from tqdm import tqdm

from benchmarks.simulation import busy_share
from permset.config.experiment import load_params
from permset.figures.sentences import listed
from permset.figures.styles import WIDTH, caption, save, styled
from permset.report.tables import markdown_table
from permset.training.cluster import cluster
from permset.training.run import open_run
from permset.training.units import Unit, results_of, units_of
from stages.readme import fill
from verification.machines import machines

ROOT = Path(__file__).parent.parent
RUN = "deepset"
WORKERS = 2, 8, 32
BLOCKS, LENGTHS = 10_000, (1, 10, 60)  # of the study; mean seconds of a block
LONG, LONG_BLOCKS = 2.0, 10  # seconds of a block beside those of no length; so many for each worker
SIMULATED = [2**i for i in range(13)]
BUSY = 0.9


@dataclass(frozen=True)
class Sleep:
    """In place of the training of a block."""

    unit: Unit
    result: int
    """bytes"""
    seconds: float

    def __call__(self) -> bytes:
        time.sleep(self.seconds)
        return random.randbytes(self.result)


@dataclass(frozen=True)
class Measured:
    workers: int
    service: float
    """seconds of the scheduler's and of this process's time for a block"""
    short: float
    """seconds from the result of a block that takes no time to the next"""
    overhead: float
    """seconds that a worker has a block of LONG seconds beyond those"""


def main() -> None:
    unit = units_of(open_run(load_params(ROOT / "params.yaml"), RUN))[0]
    started = time.perf_counter()
    result = len(pickle.dumps(unit()))
    taken = time.perf_counter() - started
    sizes = (
        f"A block of the run `{RUN}`, {len(unit.seeds)} networks, took {taken:.0f} s of one core here. "
        f"{len(pickle.dumps(unit)) / 1000:.0f} kB are sent to a worker, and {result / 1000:.0f} kB come back."
    )
    print(sizes)
    measured = [measure(unit, result, workers) for workers in WORKERS]
    for row in measured:
        print(row)
    service = statistics.median(row.service for row in measured)
    shares = {mean: [busy_share(n, lengths(mean), service) for n in SIMULATED] for mean in LENGTHS}
    save(busy_figure(shares), ROOT / "benchmarks/cluster.png")
    fill(ROOT / "docs/cluster.md", {"sizes": f"{sizes}\n", "overhead": table(measured), "busy": told(shares, service)})


def measure(unit: Unit, result: int, workers: int) -> Measured:
    with tempfile.TemporaryDirectory() as folder, machines(Path(folder), workers) as found:
        processes = psutil.Process(), psutil.Process(found.scheduler.pid)
        with cluster(found.address, []) as executor:
            run_all([Sleep(unit, result, 0)] * workers, executor)  # the first tasks import what they need
            before = sum(map(cpu_seconds, processes))
            short = run_all([Sleep(unit, result, 0)] * BLOCKS, executor) / BLOCKS
            service = (sum(map(cpu_seconds, processes)) - before) / BLOCKS
            sleeping = [Sleep(unit, result, LONG)] * (LONG_BLOCKS * workers)
            overhead = run_all(sleeping, executor) / LONG_BLOCKS - LONG
    return Measured(workers, service, short, overhead)


def run_all(tasks: Sequence[Callable[[], bytes]], executor: Executor) -> float:
    """Seconds that it takes."""
    started = time.perf_counter()
    with tqdm(total=len(tasks), disable=None, leave=False) as progress:
        for _ in results_of(tasks, executor, progress.set_postfix_str):
            progress.update()
    return time.perf_counter() - started


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def lengths(mean: float) -> list[float]:
    """Seconds of the blocks of a study: from half the mean to one and a half times it."""
    draws = random.Random(0)
    return [mean * draws.uniform(0.5, 1.5) for _ in range(BLOCKS)]


def most_busy(shares: Sequence[float]) -> int:
    """The largest number of workers that are busy nine tenths of the time."""
    return max((n for n, share in zip(SIMULATED, shares, strict=True) if share >= BUSY), default=0)


def table(measured: Sequence[Measured]) -> str:
    rows = [
        {
            "workers": str(row.workers),
            "CPU time of scheduler and client": milliseconds(row.service),
            "a block of no length": milliseconds(row.short),
            f"beyond the {LONG:g} s of a block": milliseconds(row.overhead),
        }
        for row in measured
    ]
    return markdown_table({title: itemgetter(title) for title in rows[0]}, rows)


def milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms"


def told(shares: dict[int, list[float]], service: float) -> str:
    busy = listed([f"{most_busy(found):,} with blocks of {mean} s" for mean, found in shares.items()])
    return (
        f"With {milliseconds(service)} for each block, a study of {BLOCKS:,} blocks keeps up to so many workers busy "
        f"at least {BUSY:.0%} of the time: {busy}.\n"
    )


@styled
def busy_figure(shares: dict[int, list[float]]) -> Figure:
    figure = Figure(figsize=(WIDTH, 4.5))
    axes = figure.subplots()
    for (mean, found), line in zip(shares.items(), (":", "--", "-"), strict=True):
        axes.plot(SIMULATED, [100 * share for share in found], line, marker="o", label=f"blocks of {mean} s")
    axes.axhline(100 * BUSY, color="black", linewidth=1)
    axes.set_xscale("log", base=2)
    axes.set_xticks(SIMULATED[::2], [f"{n:,}" for n in SIMULATED[::2]])
    axes.set_ylim(0, 105)
    axes.set_xlabel("workers")
    axes.set_ylabel("time in which they compute (%)")
    axes.legend()
    most = max(LENGTHS)
    title = f"{BLOCKS:,} blocks of {most} s keep {most_busy(shares[most]):,} workers busy {BUSY:.0%} of the time"
    caption(figure, title, "Simulated, with the time of the scheduler and the client for each block as measured.")
    return figure


if __name__ == "__main__":
    main()
