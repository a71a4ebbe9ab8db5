"""Training many seeds at once against the plain loop of the exercise, side by side.

    make bench

Ratios of times that were taken in turn in one process are what holds; absolute times change with the machine.
"""

import os
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch

from benchmarks.memory import peak_memory
from permset.data.drawn import Fresh
from permset.data.tasks import UnitSum
from permset.networks.networks import DeepSet
from permset.training.blocks import initialise
from permset.training.settings import Settings
from permset.training.train import train, train_seeds
from permset.training.workers import seed_workers

SEEDS = 32
ROUNDS = 3
CPU = torch.device("cpu")
SETTINGS = Settings(steps=4000, batch_size=100, learning_rate=0.01)
TASK = UnitSum()
BUILD = partial(DeepSet, 1, [5, 5, 1], [5])


def plain_loop(settings: Settings = SETTINGS) -> None:
    """One model, fused Adam, data drawn ahead: as fast as we know how to write it. One seed."""
    train(initialise(BUILD, 0), Fresh(TASK.sample), settings)


def at_once(workers: int, settings: Settings = SETTINGS) -> None:
    with seed_workers(workers, CPU) as executor:
        train_seeds(BUILD, Fresh(TASK.sample), settings, range(SEEDS), executor=executor)


def seconds(work: Callable[[], None], cores: set[int]) -> float:
    os.sched_setaffinity(0, cores)
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare_with_jax(cores: set[int]) -> None:
    """All seeds at once in JAX, without the time that it takes to compile."""
    try:
        from benchmarks.jax_peer import trainer
    except ImportError:
        print("JAX is not installed (pip install -e .[bench]): not compared with")
        return
    os.sched_setaffinity(0, cores)
    jax_at_once = trainer(SETTINGS.steps, SETTINGS.batch_size, SETTINGS.learning_rate, SEEDS)
    ratios = [seconds(jax_at_once, cores) / seconds(partial(at_once, 1), cores) for _ in range(ROUNDS)]
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"at once over 1 core: {statistics.median(ratios):.2f} times as fast as JAX's jit·scan·vmap ({spread})")


def main() -> None:
    torch.set_num_threads(1)
    all_cores = os.sched_getaffinity(0)
    one, two = set(sorted(all_cores)[:1]), set(sorted(all_cores)[:2])
    short = Settings(200, SETTINGS.batch_size, SETTINGS.learning_rate)
    plain_loop(short)  # Both import what they need when they are first called.
    at_once(1, short)
    print(f"deepset, {SETTINGS.steps} steps of {SETTINGS.batch_size} bags; {SEEDS} seeds at once, {ROUNDS} rounds")
    ratios: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        loop = seconds(plain_loop, one)
        for workers, cores in ((1, one), (2, two)):
            if len(cores) == workers:
                ratios[workers].append(loop / (seconds(partial(at_once, workers), cores) / SEEDS))
    for workers, values in ratios.items():
        if values:
            spread = f"{min(values):.1f} to {max(values):.1f}"
            print(f"at once over {workers} core(s): {statistics.median(values):5.1f} times as fast a seed ({spread})")
    compare_with_jax(one)
    os.sched_setaffinity(0, all_cores)
    print(f"peak extra memory, plain loop, one seed: {peak_memory(partial(plain_loop, short)):6.1f} MB")
    print(f"peak extra memory, {SEEDS} seeds at once:  {peak_memory(partial(at_once, 1, short)):6.1f} MB")


if __name__ == "__main__":
    main()
