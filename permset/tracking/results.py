"""What goes into MLflow: the runs and their comparison, the studies and their points, and the report."""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from permset.config.experiment import Params
from permset.figures.looks import looks
from permset.report.answers import points_of
from permset.report.tables import markdown
from permset.store.arrays import read_bags, read_collection, read_model
from permset.store.files import is_present
from permset.store.tables import read_csv, read_curves, read_json
from permset.tracking.store import Result, digest, flatten

LOSSES = "loss", "loss_low", "loss_high"
# Of a study's table: what is the same for all seeds.
ABOUT = "study", "run", "axis", "value", "learning_rate"


def run_results(params: Params) -> Iterator[Result]:
    """One for each run, and their comparison."""
    paths = {name: Path(f"results/evaluate/{name}.json") for name in params.runs}
    numbers = {name: read_json(path, f"evaluate@{name}")[name] for name, path in paths.items() if is_present(path)}
    losses = read_csv(Path("results/loss.csv"), "plot")
    for name in numbers:
        yield run_record(params, name, numbers[name], [row for row in losses if row["run"] == name])
    yield comparison_record(numbers)


def study_results(params: Params) -> Iterator[Result]:
    """One for each study, one under it for each of its points, and the report."""
    for name in params.studies:
        path = Path(f"results/studies/{name}.csv")
        if is_present(path):
            yield from study_records(name, read_csv(path, f"study@{name}"))
    page = Path("results/report.html")
    files = [page, *sorted(Path("results/study_figures").glob("*.png"))]
    yield Result("report", digest({}, files), {}, {}, {"run": "report"}, files)


def run_record(params: Params, name: str, numbers: dict[str, Any], losses: Sequence[dict[str, str]]) -> Result:
    chosen, settings = params.run(name), params.settings_of(name)
    files = [Path(f"results/{kind}/{name}.csv") for kind in ("train", "curves", "permutations")]
    files.append(Path(f"results/evaluate/{name}.json"))
    held_by_dvc = [Path(f"data/{chosen.task}.npz"), Path(f"models/{name}.pt")]
    beside = {other: run.model_dump() for other, run in params.runs.items() if run.task == chosen.task}
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


def comparison_record(numbers: dict[str, dict[str, Any]]) -> Result:
    table = Path("results/summary.csv")
    files = [table, *sorted(Path("results/figures").glob("*.png"))]
    keys = "accuracy", "mae", "loss", "regret"
    metrics = {f"{run}.{key}": row[key] for run, row in numbers.items() for key in keys if row.get(key) is not None}
    tags = {"run": "comparison", "mlflow.note.content": markdown(read_csv(table, "plot"))}
    return Result("comparison", digest({}, files), {}, metrics, tags, files)


def log_inputs(params: Params, name: str) -> None:
    # torch takes seconds, which only a new result should pay.
    from permset.tracking.mirror import log_bags
    from permset.tracking.models import example_of, log_network
    from permset.training.run import open_run
    from permset.training.stack import unstack

    run, path = open_run(params, name), Path(f"data/{params.run(name).task}.npz")
    drawn = params.task(params.run(name).task).drawn
    arrays = read_bags(path)[:2] if drawn else tuple(read_collection(path, path.stem)[key] for key in ("objects", "y"))
    log_bags(params.run(name).task, *arrays)
    saved = read_model(Path(f"models/{name}.pt"))
    best = unstack(run.network(), saved["state"], saved["best_seed"])
    log_network(best, example_of(run.task), params.run(name).takes_any_set_size)
