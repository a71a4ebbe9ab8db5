"""track: mirror what DVC holds into MLflow, an MLflow run for each distinct result."""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np

from permset.files import read_bags, read_history, read_json, read_model
from permset.params import Params, load_params
from permset.plots import windows
from permset.tracking import Result, digest, flatten, log_network, mirror
from stages import run


def track() -> None:
    params = load_params()
    evaluated = {name: read_json(Path(f"results/evaluate/{name}.json"), f"evaluate@{name}")[name] for name in params.runs}
    runs = [run_result(params, name, numbers) for name, numbers in evaluated.items()]
    mirror([*runs, comparison(evaluated)])


def run_result(params: Params, name: str, numbers: dict[str, Any]) -> Result:
    chosen, task = params.run(name), params.task(params.run(name).task)
    model, data, losses = Path(f"models/{name}.pt"), Path(f"data/{chosen.task}.npz"), Path(f"results/train/{name}.csv")
    files = [losses, Path(f"results/evaluate/{name}.json"), Path(f"results/permutations/{name}.csv")]
    settings = {
        "run": name,
        "task": {"name": chosen.task, **task.model_dump()},
        "model": chosen.model.model_dump(),
        "train": params.train_of(name).model_dump(exclude={"workers"}),
        "seeds": params.seeds,
        "device": params.device,
        "certificate": params.certificate.model_dump(),
    }

    def curves() -> dict[str, tuple[np.ndarray, np.ndarray]]:
        steps, xs = windows(read_history(losses), params.plots.loss_windows)
        return {"train_loss": (steps, xs.mean(1)), "train_loss_low": (steps, xs.min(1)), "train_loss_high": (steps, xs.max(1))}

    def log_model() -> None:
        from permset.models import build_model, takes_any_set_size
        from permset.stacked import unstack

        x, _ = read_bags(data)
        saved = read_model(model)
        network = build_model(chosen.model, *x.shape[1:])
        log_network(unstack(network, saved["state"], saved["best_seed"]), x[:2], takes_any_set_size(network))

    def dataset() -> mlflow.data.dataset.Dataset:
        x, y = read_bags(data)
        return mlflow.data.from_numpy(x, str(data), targets=y, name=chosen.task)

    return Result(
        name,
        digest(settings, [model, data, *files]),
        flatten(settings),
        {key: value for key, value in numbers.items() if isinstance(value, int | float)},
        {"run": name, "task": chosen.task, "model": chosen.model.kind, "verdict": numbers["verdict"]},
        files,
        [Path(f"results/figures/batch_{chosen.task}.png")],
        curves,
        dataset,
        log_model,
    )


def comparison(evaluated: dict[str, dict[str, Any]]) -> Result:
    table, figures = Path("results/summary.csv"), sorted(Path("results/figures").glob("*.png"))
    metrics = {f"{name}.{key}": numbers[key] for name, numbers in evaluated.items() for key in ("accuracy", "loss", "regret")}
    return Result("comparison", digest({}, [table, *figures]), {}, metrics, {"run": "comparison"}, [table], figures)


if __name__ == "__main__":
    run(track)
