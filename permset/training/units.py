"""Units of work, large enough to be sent to another machine: blocks of the seeds of a run."""

from collections.abc import Iterable
from concurrent.futures import FIRST_EXCEPTION, Executor, wait
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from permset.config.experiment import Params
from permset.config.networks import SVMParams
from permset.training.blocks import Trained
from permset.training.run import Run, open_run
from permset.training.train import blocks_of, choose_device, joined


@dataclass(frozen=True)
class Unit:
    """Some seeds of a run, always computed together. It holds no bags: those of a collection are read where it runs."""

    params: Params
    name: str
    seeds: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name} seeds {self.seeds[0]}–{self.seeds[-1]}"

    def __call__(self) -> Trained:
        return open_run(self.params, self.name).train(seeds=self.seeds, show=False)


def units_of(run: Run) -> list[Unit]:
    """Of all seeds of a run; support-vector machines, which are fitted in no time, are one unit."""
    seeds = range(run.seeds)
    is_machine = isinstance(run.params.run(run.name).model, SVMParams)
    blocks = [list(seeds)] if is_machine else blocks_of(run.build, seeds, choose_device(run.params.device))
    return [Unit(run.params, run.name, tuple(block)) for block in blocks]


def train_units(run: Run, executor: Executor) -> Trained:
    """What `run.train()` gives, to the last bit, trained by whatever workers the executor has."""
    units = units_of(run)
    with tqdm(total=len(units), desc=run.name, unit="block", leave=None, disable=None) as progress:
        futures = [executor.submit(unit) for unit in units]
        waiting = set(futures)
        while waiting:
            done, waiting = wait(waiting, timeout=1, return_when=FIRST_EXCEPTION)  # so that the clock goes on
            for future in done:
                future.result()
            progress.update(len(done))
    return joined([future.result() for future in futures], list(range(run.seeds)))


def files_of(params: Params, tasks: Iterable[str]) -> list[Path]:
    """What workers need besides the parameters: the bags of collections."""
    return [Path(f"data/{name}.npz") for name in sorted(set(tasks)) if not params.task(name).drawn]
