"""train@<run>: all seeds of a run → models/<run>.pt, results/train/<run>.csv, results/curves/<run>.csv"""

from pathlib import Path

import numpy as np

from permset.config.experiment import files_of, load_params
from permset.store.arrays import write_model
from permset.store.tables import write_csv
from permset.training.blocks import Trained
from permset.training.finished import forget, kept
from permset.training.learning_curves import CURVES
from permset.training.run import Run, open_run
from permset.training.train import best_seed, choose_device, joined
from permset.training.units import Unit, train_units, units_of
from permset.training.workers import Remote, seed_workers
from stages import run


def train(name: str) -> None:
    params = load_params()
    opened = open_run(params, name)
    costs = opened.costs()  # before workers are forked, which then need not load what tracing takes
    units = units_of(opened)
    trained = finished(opened, units) or train_now(opened)
    best = best_seed(trained, opened.settings.keep, params.train.best_over)
    write_model(Path(f"models/{name}.pt"), params.run(name).model_dump(), trained.state, best, costs)
    losses = enumerate(trained.history.tolist())
    rows = ((step, seed, loss) for step, row in losses for seed, loss in enumerate(row))
    write_csv(Path(f"results/train/{name}.csv"), ["step", "seed", "loss"], rows)
    columns, curves = list(CURVES), trained.curves
    if opened.settings.keep == "best":
        columns.append("kept")
        curves = np.concatenate([curves, trained.is_kept[:, None]], axis=1)
    points = zip(trained.measured.tolist(), curves, strict=True)
    rows = ((step, seed, *scores) for step, point in points for seed, scores in enumerate(point.T.tolist()))
    write_csv(Path(f"results/curves/{name}.csv"), ["step", "seed", *columns], rows)
    for unit in units:
        forget(unit)


def finished(opened: Run, units: list[Unit]) -> Trained | None:
    """What `stages.ahead` left, if that is all of the run."""
    done = [kept(unit) for unit in units]
    found = [trained for trained in done if trained is not None]
    return joined(found, list(range(opened.seeds))) if len(found) == len(done) else None


def train_now(opened: Run) -> Trained:
    params = opened.params
    files = files_of(params, [params.run(opened.name).task])
    with seed_workers(params.workers, choose_device(params.device), files) as executor:
        return train_units(opened, executor) if isinstance(executor, Remote) else opened.train(executor)


if __name__ == "__main__":
    run(train, ["models/{}.pt", "results/train/{}.csv", "results/curves/{}.csv"])
