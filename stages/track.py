"""track: mirror what DVC holds into MLflow, an MLflow run for each distinct result."""

from functools import partial
from pathlib import Path
from typing import Any

from permset.files import read_bags, read_csv, read_curves, read_json, read_model
from permset.params import Params, load_params
from permset.plots import looks
from permset.tables import markdown
from permset.tracking import Result, digest, flatten, log_bags, log_network, mirror
from stages import run

LOSSES = "loss", "loss_low", "loss_high"


def track() -> None:
    params = load_params()
    numbers = {name: read_json(Path(f"results/evaluate/{name}.json"), f"evaluate@{name}")[name] for name in params.runs}
    losses = read_csv(Path("results/loss.csv"), "plot")
    runs = [run_result(params, name, numbers[name], losses) for name in params.runs]
    mirror([*runs, comparison(params, numbers)])


def run_result(params: Params, name: str, numbers: dict[str, Any], losses: list[dict[str, str]]) -> Result:
    chosen, settings = params.run(name), params.settings_of(name)
    files = [Path(f"results/{kind}/{name}.csv") for kind in ("train", "curves", "permutations")]
    files.append(Path(f"results/evaluate/{name}.json"))
    held_by_dvc = [Path(f"data/{chosen.task}.npz"), Path(f"models/{name}.pt")]
    beside = [other for other, run in params.runs.items() if run.task == chosen.task]
    mine = [row for row in losses if row["run"] == name]
    points = read_curves(Path(f"results/curves/{name}.csv"))
    steps = points.pop("step").astype(int).tolist()
    curves = {f"curves/{score}": list(zip(steps, values.mean(1), strict=True)) for score, values in points.items()}
    tags = {"run": name, "task": chosen.task, "model": chosen.method, "verdict": numbers["verdict"]}
    return Result(
        name=name,
        digest=digest(settings, [*held_by_dvc, *files]),
        params=flatten(settings),
        metrics={key: value for key, value in numbers.items() if isinstance(value, int | float)},
        tags=tags | {"mlflow.runColor": looks(beside)[name].colour},
        files=[*files, Path(f"results/figures/batch_{chosen.task}.png")],
        curves={f"train/{key}": [(int(row["step"]), float(row[key])) for row in mine] for key in LOSSES} | curves,
        log_inputs=partial(log_inputs, params, name),
    )


def log_inputs(params: Params, name: str) -> None:
    # torch takes seconds, which only a new result should pay.
    from permset.models import build_model, is_exportable, takes_any_set_size
    from permset.stacked import unstack

    chosen = params.run(name)
    x, y = read_bags(Path(f"data/{chosen.task}.npz"))
    saved = read_model(Path(f"models/{name}.pt"))
    network = build_model(chosen.model, chosen.symmetrizer, *x.shape[1:])
    log_bags(chosen.task, x, y)
    best = unstack(network, saved["state"], saved["best_seed"])
    log_network(best, x[:2], takes_any_set_size(network), is_exportable(network))


def comparison(params: Params, numbers: dict[str, dict[str, Any]]) -> Result:
    kinds = "loss", "curves", "accuracy", "invariance", "batch"
    paths = [Path(f"results/figures/{kind}_{task}.png") for task in params.tasks for kind in kinds]
    table = Path("results/summary.csv")
    metrics = {f"{run}.{key}": row[key] for run, row in numbers.items() for key in ("accuracy", "loss", "regret")}
    tags = {"run": "comparison", "mlflow.note.content": markdown(read_csv(table, "plot"))}
    return Result("comparison", digest({}, [table, *paths]), {}, metrics, tags, [table, *paths])


if __name__ == "__main__":
    run(track)
