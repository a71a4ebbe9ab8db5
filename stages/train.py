"""train@<run>: all seeds of a run → models/<run>.pt, results/train/<run>.csv"""

from functools import partial
from pathlib import Path

from permset.files import write_csv, write_model
from permset.models import build_model
from permset.params import load_params
from permset.tasks import build_task
from permset.training import Settings, best_seed, choose_device, seed_workers, train_seeds
from stages import run


def train(name: str) -> None:
    params = load_params()
    chosen = params.run(name)
    task = build_task(params.task(chosen.task))
    settings = params.train_of(name)
    device = choose_device(params.device)
    with seed_workers(settings.workers, device) as executor:
        trained = train_seeds(
            partial(build_model, chosen.model, chosen.symmetrizer, task.set_size, task.channels),
            task.sample,
            Settings(settings.steps, settings.batch_size, settings.learning_rate, settings.schedule),
            range(params.seeds),
            device=device,
            executor=executor,
            name=name,
        )
    best = best_seed(trained.history, settings.best_over)
    write_model(Path(f"models/{name}.pt"), chosen.model_dump(), trained.state, best)
    losses = enumerate(trained.history.tolist())
    rows = ((step, seed, loss) for step, row in losses for seed, loss in enumerate(row))
    write_csv(Path(f"results/train/{name}.csv"), ["step", "seed", "loss"], rows)


if __name__ == "__main__":
    run(train)
