"""train@<run>: all seeds of a run → models/<run>.pt, results/train/<run>.csv, results/curves/<run>.csv"""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from permset.config.experiment import files_of, load_params
from permset.store.arrays import write_model
from permset.store.tables import write_csv
from permset.training.blocks import Trained
from permset.training.finished import finish, forget
from permset.training.learning_curves import CURVES
from permset.training.run import Run, open_run
from permset.training.train import best_seed, choose_device, joined
from permset.training.units import units_of
from permset.training.workers import Remote, seed_workers
from stages import run


def train(name: str) -> None:
    params = load_params()
    opened = open_run(params, name)
    costs = opened.costs()  # before workers are forked, which then need not load what tracing takes
    trained = train_all(opened)
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
    for unit in units_of(opened):
        forget(unit)


def train_all(opened: Run) -> Trained:
    """All seeds. Blocks are kept as they end, so that a run that is interrupted goes on with the others."""
    params, found = opened.params, dict[int, Trained]()
    files = files_of(params, [params.run(opened.name).task])
    with seed_workers(params.workers, choose_device(params.device), files) as executor:
        is_here = not isinstance(executor, Remote)  # where each block shows its own steps
        units = units_of(opened, shown=is_here)
        with tqdm(total=len(units), desc=opened.name, unit="block", leave=None, disable=is_here or None) as progress:
            for i, trained in finish(units, executor, progress.set_postfix_str):
                found[i] = trained
                progress.update()
    return joined([found[i] for i in range(len(units))], list(range(opened.seeds)))


if __name__ == "__main__":
    run(train, ["models/{}.pt", "results/train/{}.csv", "results/curves/{}.csv"])
