"""plot: what all runs gave → results/{summary,comparisons,loss}.csv, figures/*.{png,svg} and metrics/*.json"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from permset.config.experiment import Params, load_params
from permset.evaluation.comparisons import REGION, Comparison, comparisons, region_of_errors
from permset.evaluation.intervals import Scores
from permset.evaluation.summary import COLUMNS, against_best
from permset.figures import training as plots
from permset.figures.bags import batch_figure, digits_figure
from permset.figures.calibration import calibration_figure
from permset.figures.looks import Look, looks
from permset.figures.names import names, plain
from permset.figures.runs import accuracy_figure, invariance_figure
from permset.figures.sentences import HIGHER_IS_BETTER
from permset.figures.styles import LABELS
from permset.store.arrays import some_bags
from permset.store.figures import write_figures
from permset.store.files import intact, is_present, keep_only
from permset.store.tables import read_curves, read_history, read_json, write_csv, write_json
from stages import run

METRICS = Path("results/metrics")


def plot() -> None:
    params = load_params()
    rows = [
        {"run": name, "task": chosen.task, "model": chosen.method}
        | read_json(Path(f"results/evaluate/{name}.json"), f"evaluate@{name}")[name]
        for name, chosen in params.runs.items()
        if is_present(Path(f"results/evaluate/{name}.json"))
    ]
    arrays = {row["run"]: read_scores(row["run"]) for row in rows}
    by_task, pairs = {}, []
    for task in dict.fromkeys(row["task"] for row in rows):
        by_task[task], compared = compare(task, [row for row in rows if row["task"] == task], arrays)
        pairs += [(task, *pair) for pair in compared]
    write_csv(Path("results/comparisons.csv"), ["task", *Comparison._fields], pairs)
    standing = {row["run"]: row for of_task in by_task.values() for row in of_task}
    write_summary([standing[row["run"]] for row in rows])
    write_metrics(rows)
    histories = {row["run"]: read_history(Path(f"results/train/{row['run']}.csv")) for row in rows}
    losses = {
        name: plots.loss_curve(history, params.plots.loss_windows)
        for name, history in histories.items()
        if len(history)
    }
    known: dict[str, Look] = {}
    for of_task in by_task.values():
        known |= looks({row["run"]: params.run(row["run"]).model_dump() for row in of_task})
    write_losses(params, losses, known)
    figures: dict[str, Figure] = {}
    for task, of_task in by_task.items():
        figures |= task_figures(params, task, of_task, arrays, losses, known)
    write_figures(Path("results/figures"), figures)


def compare(
    task: str, rows: list[dict[str, Any]], arrays: dict[str, dict[str, np.ndarray]]
) -> tuple[list[dict[str, Any]], list[Comparison]]:
    """The rows of a task's runs with their standing, and every pair of them. All are tested on the same bags."""
    scores = {row["run"]: scores_in(arrays[row["run"]]) for row in rows}
    region = read_region(task) if rows[0]["score"] == "mae" else REGION  # of accuracy, or of a loss in nats
    pairs = comparisons(scores, region, rows[0]["score"] in HIGHER_IS_BETTER)
    return against_best(rows, scores, pairs), pairs


def scores_in(arrays: dict[str, np.ndarray]) -> Scores:
    return Scores(arrays["values"], arrays["shared"], float(arrays["unexplained"]), float(arrays["overlap"]))


def read_region(task: str) -> float:
    path = Path(f"data/{task}.npz")
    with intact(path, f"dvc repro -f {task}"), np.load(path) as arrays:
        return region_of_errors(arrays["y"])


def read_scores(run: str) -> dict[str, np.ndarray]:
    """What evaluating a run left for comparisons and, of classes, its bins of confidence."""
    path = Path(f"results/scores/{run}.npz")
    with intact(path, f"dvc repro -f evaluate@{run}"), np.load(path) as arrays:
        return dict(arrays)


def write_summary(rows: list[dict[str, Any]]) -> None:
    table = []
    for row in rows:
        targets = "; ".join(_errors(name, errors) for name, errors in row.get("targets", {}).items())
        table.append([(row | {"targets": targets}).get(column) for column in COLUMNS])
    write_csv(Path("results/summary.csv"), COLUMNS, table)


def write_losses(params: Params, losses: dict[str, plots.LossCurve], known: dict[str, Look]) -> None:
    """Of all runs, with their looks, for DVC's plots."""
    points = (
        (params.run(name).task, name, *point, known[name].colour, known[name].dashes)
        for name, curve in losses.items()
        for point in zip(*curve, strict=True)
    )
    write_csv(Path("results/loss.csv"), ["task", "run", *plots.LossCurve._fields, "colour", "dashes"], points)


def write_metrics(rows: list[dict[str, Any]]) -> None:
    """The score of each run, for DVC, whose tables have a row for each file and a column for each name in them."""
    scores = {f"{row['run']}.json": {row["score"]: float(f"{row[row['score']]:.4g}")} for row in rows}
    for name, score in scores.items():
        write_json(METRICS / name, score)
    keep_only(METRICS, scores)


def task_figures(
    params: Params,
    task: str,
    rows: list[dict[str, Any]],
    arrays: dict[str, dict[str, np.ndarray]],
    losses: dict[str, plots.LossCurve],
    known: dict[str, Look],
) -> dict[str, Figure]:
    bags, y, known_names = some_bags(Path(f"data/{task}.npz"), params.plots.batch_sets)
    named = names({row["run"]: params.run(row["run"]).model_dump() for row in rows})
    limits = params.certificate.invariant, params.certificate.approximate
    of_digits = params.task(task).kind == "digits"
    figures = {
        f"accuracy_{task}": accuracy_figure(rows, named, known),
        f"invariance_{task}": invariance_figure(rows, named, known, *limits),
        f"batch_{task}": digits_figure(bags, y) if of_digits else batch_figure(bags, y, known_names, plain(task)),
    }
    if rows[0].get("calibration_error") is not None:
        bins = {row["run"]: arrays[row["run"]] for row in rows}
        errors = {row["run"]: (row["calibration_error"], row["calibration_error_scaled"]) for row in rows}
        figures[f"calibration_{task}"] = calibration_figure(bins, errors, named, known)
    named = {run: name for run, name in named.items() if run in losses}
    if named:
        curves = {run: read_curves(Path(f"results/curves/{run}.csv")) for run in named}
        along = {
            column: {run: plots.over_seeds(curve["step"], curve[column]) for run, curve in curves.items()}
            for column in ("train_score", "validation_score", "validation_loss")
        }
        first = rows[0]
        figures[f"loss_{task}"] = plots.loss_figure(
            losses, along["validation_loss"], named, known, first["loss_name"], first.get("bayes_loss")
        )
        # Where the score is the loss, that is shown already.
        if first["score"] != "loss" and first["loss_name"] != LABELS[first["score"]]:
            figures[f"curves_{task}"] = plots.curves_figure(
                along["train_score"], along["validation_score"], named, known, first["score"], first["bayes_accuracy"]
            )
    return figures


def _errors(name: str, of_target: dict[str, float]) -> str:
    """The errors of one of several real targets, in its own units."""
    return f"{name}: MAE {of_target['mae']:.3g}, RMSE {of_target['rmse']:.3g}"


if __name__ == "__main__":
    run(plot)
