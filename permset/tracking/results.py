"""What goes into MLflow: the runs and their comparison, the studies and their points, and the report."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from permset.config.experiment import Params
from permset.figures.looks import looks
from permset.report.answers import points_of
from permset.report.page import answer, question
from permset.report.tables import markdown
from permset.store.arrays import read_bags, read_collection
from permset.store.files import is_present
from permset.store.tables import read_csv, read_curves, read_json
from permset.tracking.predictions import prediction_results
from permset.tracking.store import STUDIES, Result, digest, flatten, seconds_of

LOSSES = "loss", "loss_low", "loss_high"
COSTS = {"num_params", "training_gflop", "bag_kflop"}
# What is known before the test: on the way through training, at its start, and of the weights that it keeps.
TRAINING = "train_", "validation", "initial_", "kept_"
# Of a run's numbers: a setting, not a measurement.
SETTINGS = "best_seed", "num_seeds"
# Of a study's table: what is the same for all seeds.
ABOUT = "study", "run", "axis", "value", "learning_rate"


def run_results(params: Params) -> Iterator[Result]:
    """One for each prediction and run, and the comparison; first runs last, since MLflow lists the newest first."""
    paths = {name: Path(f"results/evaluate/{name}.json") for name in params.runs}
    numbers = {name: read_json(path, f"evaluate@{name}")[name] for name, path in paths.items() if is_present(path)}
    losses = read_csv(Path("results/loss.csv"), "plot")
    yield from prediction_results(params)
    for name in reversed(numbers):
        yield run_record(params, name, numbers[name], [row for row in losses if row["run"] == name])
    yield comparison_record()


def study_results(params: Params) -> Iterator[Result]:
    """One for each study, one under it for each of its points, and the report; first ones last, as with the runs."""
    for name in reversed(params.studies):
        path = Path(f"results/studies/{name}.csv")
        if is_present(path):
            yield from study_records(params, name, read_csv(path, f"study@{name}"))
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
    curves |= {f"train/{score}": list(zip(steps, values.mean(1), strict=True)) for score, values in points.items()}
    tags = {"run": name, "task": chosen.task, "model": chosen.method, "verdict": numbers["verdict"]}
    tags |= {key: str(numbers[key]) for key in SETTINGS}
    return Result(
        name=name,
        digest=digest(settings, [*held_by_dvc, *files]),
        params=flatten(settings),
        metrics=grouped({key: value for key, value in numbers.items() if key not in {*SETTINGS, "validation"}}),
        tags=tags | {"mlflow.runColor": looks(beside)[name].colour},
        files=[*files, Path(f"results/figures/batch_{chosen.task}.png")],
        curves=curves,
        log_inputs=partial(log_inputs, params, name),
        seconds=seconds_of(Path(f"models/{name}.pt")),
    )


def grouped(numbers: Mapping[str, Any]) -> dict[str, int | float]:
    """The numbers among some values, in the sections under which MLflow draws them."""
    sections = {}
    for key, value in numbers.items():
        if isinstance(value, int | float) and not math.isnan(value):
            if key in COSTS:
                name = f"cost/{key}"
            elif key.startswith("invariance"):
                name = f"invariance/{key.removeprefix('invariance').strip('_') or 'float64'}"
            else:
                name = f"{'train' if key.startswith(TRAINING) else 'test'}/{key}"
            sections[name] = value
    return sections


def study_records(params: Params, name: str, rows: Sequence[dict[str, str]]) -> Iterator[Result]:
    """A study, and under it each of its points: means over seeds of each number in its table."""
    points = points_of(rows)
    asked = question(params, name)
    answered = answer(params, name, points, read_csv(Path("results/summary.csv"), "plot"))
    tables = [Path(f"results/studies/{name}{suffix}.csv") for suffix in ("", "_curves")]
    figures = [Path(f"results/study_figures/{name}{suffix}.png") for suffix in ("", "_curves")]
    study = Result(
        name=name,
        digest=digest({"question": asked, "answer": answered}, tables),
        params={},
        metrics={},
        tags={"study": name, "question": asked, "mlflow.note.content": f"**{asked}**\n\n{answered}"},
        files=[*tables, *filter(Path.is_file, figures)],
        experiment=STUDIES,
    )
    yield study
    for point in reversed(points):
        about = {key: point.rows[0][key] for key in ABOUT}
        means = {key: point.mean(key) for key in sorted(point.rows[0].keys() - {*ABOUT, "seed"})}
        yield Result(
            name=f"{point.run}, {about['axis'].rpartition('.')[2]} = {point.value}",
            digest=digest({"study": study.digest, "rows": point.rows}, []),
            params={**about, "seeds": len(point.rows)},
            metrics=grouped(means),
            tags={"study": name, "run": point.run},
            files=[],
            parent=study.digest,
            experiment=STUDIES,
        )


def comparison_record() -> Result:
    """All runs at once: their tables and their figures. Numbers are in the runs, which MLflow compares."""
    table = Path("results/summary.csv")
    files = [table, Path("results/comparisons.csv"), *sorted(Path("results/figures").glob("*.png"))]
    tags = {"run": "comparison", "mlflow.note.content": markdown(read_csv(table, "plot"))}
    return Result("comparison", digest({}, files), {}, {}, tags, files)


def log_inputs(params: Params, name: str) -> None:
    # torch takes seconds, which only a new result should pay.
    from permset.tracking.mirror import log_bags
    from permset.tracking.models import best_network, log_network

    task = params.run(name).task
    path = Path(f"data/{task}.npz")
    drawn = params.task(task).drawn
    arrays = read_bags(path)[:2] if drawn else tuple(read_collection(path, path.stem)[key] for key in ("objects", "y"))
    log_bags(task, *arrays)
    log_network(*best_network(params, name), name)
