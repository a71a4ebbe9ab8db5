"""What of the pipeline's results goes into MLflow: a run for each run, each point of a study, and the comparison."""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from permset.answers import points_of
from permset.files import is_present, read_bags, read_collection, read_csv, read_curves, read_json, read_model
from permset.params import Params
from permset.sources import DrawnParams
from permset.styles import looks
from permset.tables import markdown
from permset.tracking import Result, digest, flatten, log_bags, log_network

LOSSES = "loss", "loss_low", "loss_high"
# Of a study's table: what is the same for all seeds.
ABOUT = "study", "run", "axis", "value", "learning_rate"


def records(params: Params) -> Iterator[Result]:
    paths = {name: Path(f"results/evaluate/{name}.json") for name in params.runs}
    numbers = {name: read_json(path, f"evaluate@{name}")[name] for name, path in paths.items() if is_present(path)}
    losses = read_csv(Path("results/loss.csv"), "plot")
    for name in numbers:
        yield run_record(params, name, numbers[name], [row for row in losses if row["run"] == name])
    for name in params.studies:
        if not is_present(Path(f"results/studies/{name}.csv")):
            continue
        yield from study_records(name, read_csv(Path(f"results/studies/{name}.csv"), f"study@{name}"))
    yield comparison_record(params, numbers)


def run_record(params: Params, name: str, numbers: dict[str, Any], losses: Sequence[dict[str, str]]) -> Result:
    chosen, settings = params.run(name), params.settings_of(name)
    files = [Path(f"results/{kind}/{name}.csv") for kind in ("train", "curves", "permutations")]
    files.append(Path(f"results/evaluate/{name}.json"))
    held_by_dvc = [Path(f"data/{chosen.task}.npz"), Path(f"models/{name}.pt")]
    beside = [other for other, run in params.runs.items() if run.task == chosen.task]
    points = read_curves(Path(f"results/curves/{name}.csv"))
    steps = points.pop("step").astype(int).tolist()
    curves = {f"train/{key}": [(int(row["step"]), float(row[key])) for row in losses] for key in LOSSES}
    curves |= {f"curves/{score}": list(zip(steps, values.mean(1), strict=True)) for score, values in points.items()}
    tags = {"run": name, "task": chosen.task, "model": chosen.method, "verdict": numbers["verdict"]}
    return Result(
        name=name,
        digest=digest(settings, [*held_by_dvc, *files]),
        params=flatten(settings),
        metrics={key: value for key, value in numbers.items() if isinstance(value, int | float)},
        tags=tags | {"mlflow.runColor": looks(beside)[name].colour},
        files=[*files, Path(f"results/figures/batch_{chosen.task}.png")],
        curves=curves,
        log_inputs=partial(log_inputs, params, name),
    )


def study_records(name: str, rows: Sequence[dict[str, str]]) -> Iterator[Result]:
    """A study, and under it each of its points: means over seeds of each number in its table."""
    study = Result(name, digest({"study": name}, []), {}, {}, {"study": name}, [])
    yield study
    for point in points_of(rows):
        about = {key: point.rows[0][key] for key in ABOUT}
        means = {key: point.mean(key) for key in sorted(point.rows[0].keys() - {*ABOUT, "seed"})}
        yield Result(
            name=f"{point.run}, {about['axis'].rpartition('.')[2]} = {point.value}",
            digest=digest({"rows": point.rows}, []),
            params={**about, "seeds": len(point.rows)},
            metrics={key: mean for key, mean in means.items() if not math.isnan(mean)},
            tags={"study": name, "run": point.run},
            files=[],
            parent=study.digest,
        )


def comparison_record(params: Params, numbers: dict[str, dict[str, Any]]) -> Result:
    paths = sorted(Path("results/figures").glob("*.png")) + sorted(Path("results/study_figures").glob("*.png"))
    table, page = Path("results/summary.csv"), Path("results/report.html")
    keys = "accuracy", "mae", "loss", "regret"
    metrics = {f"{run}.{key}": row[key] for run, row in numbers.items() for key in keys if row.get(key) is not None}
    tags = {"run": "comparison", "mlflow.note.content": markdown(read_csv(table, "plot"))}
    return Result("comparison", digest({}, [page, table, *paths]), {}, metrics, tags, [page, table, *paths])


def log_inputs(params: Params, name: str) -> None:
    # torch takes seconds, which only a new result should pay.
    from permset.models import is_exportable
    from permset.runs import open_run
    from permset.stacked import unstack

    run, path = open_run(params, name), Path(f"data/{params.run(name).task}.npz")
    drawn = isinstance(params.task(params.run(name).task), DrawnParams)
    arrays = read_bags(path)[:2] if drawn else tuple(read_collection(path, path.stem)[key] for key in ("objects", "y"))
    log_bags(params.run(name).task, *arrays)
    saved = read_model(Path(f"models/{name}.pt"))
    best = unstack(run.network(), saved["state"], saved["best_seed"])
    example = arrays[0][:2] if drawn else run.some_bags(2 * run.task.set_size).x.numpy()
    log_network(
        best, example, run.task.target.outputs, params.run(name).takes_any_set_size, is_exportable(run.network())
    )
