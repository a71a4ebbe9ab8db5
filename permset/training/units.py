"""Units of work, large enough to be sent to another machine: blocks of the seeds of a run."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeVar

from permset.config.experiment import Params
from permset.config.networks import SVMParams
from permset.training.blocks import Trained
from permset.training.run import Run, open_run
from permset.training.train import blocks_of, choose_device

T = TypeVar("T")


@dataclass(frozen=True)
class Unit:
    """Some seeds of a run, always computed together. It holds no bags: those of a collection are read where it runs."""

    params: Params
    name: str
    seeds: tuple[int, ...]
    row: int | None = None
    """of its progress bar; None for none, as on another machine"""

    def __str__(self) -> str:
        return f"{self.name} seeds {self.seeds[0]}–{self.seeds[-1]}"

    def __call__(self) -> Trained:
        return open_run(self.params, self.name).train(self.seeds, self.row)


def units_of(run: Run, shown: bool = False) -> list[Unit]:
    """Of all seeds of a run, with progress bars or not; support-vector machines, fitted in no time, are one unit."""
    seeds = range(run.seeds)
    is_machine = isinstance(run.params.run(run.name).model, SVMParams)
    blocks = [list(seeds)] if is_machine else blocks_of(run.build, seeds, choose_device(run.params.device))
    return [Unit(run.params, run.name, tuple(block), i if shown else None) for i, block in enumerate(blocks)]


def results_of(
    tasks: Sequence[Callable[[], T]], executor: Executor | None, show: Callable[[str], object]
) -> Iterator[tuple[int, T]]:
    """The place of each task and its result, as they end, here without an executor.

    The first task that is waited for is shown.
    """
    if executor is None:
        for i, task in enumerate(tasks):
            show(str(task))
            yield i, task()
        return
    ended = SimpleQueue[Future[T]]()  # concurrent.futures.wait asks all futures each time, which ten thousand make slow
    waiting = {executor.submit(task): i for i, task in enumerate(tasks)}
    for future in waiting:
        future.add_done_callback(ended.put)
    while waiting:
        show(str(tasks[next(iter(waiting.values()))]))
        with suppress(Empty):
            future = ended.get(timeout=1)  # so that the clock goes on
            yield waiting.pop(future), future.result()
