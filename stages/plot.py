"""plot: what all runs gave → results/summary.csv, results/metrics/*.json, results/loss.csv, results/figures/*.png"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from permset.config.experiment import Params, load_params
from permset.figures import runs as plots
from permset.figures.looks import looks
from permset.store.arrays import some_bags
from permset.store.files import is_present, keep_only, write
from permset.store.tables import read_curves, read_history, read_json, write_csv, write_json
from stages import run

FIGURES = Path("results/figures")
METRICS = Path("results/metrics")
SUMMARY = [
    "run",
    "task",
    "model",
    "num_params",
    "training_gflop",
    "bag_kflop",
    "num_seeds",
    "validation",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "majority",
    "balanced_accuracy",
    "auc",
    "mae",
    "mae_low",
    "mae_high",
    "rmse",
    "r2",
    "targets",
    "loss",
    "bayes_accuracy",
    "regret",
    "invariance_float64",
    "invariance_float32",
    "invariance_symmetric",
    "group",
    "verdict",
    "warning",
]
Draw = Callable[[Path], None]


def plot() -> None:
    params = load_params()
    rows = [
        {"run": name, "task": chosen.task, "model": chosen.method}
        | read_json(Path(f"results/evaluate/{name}.json"), f"evaluate@{name}")[name]
        for name, chosen in params.runs.items()
        if is_present(Path(f"results/evaluate/{name}.json"))
    ]
    for row in rows:
        row["targets"] = "; ".join(_errors(name, of_target) for name, of_target in row.get("targets", {}).items())
    write_csv(Path("results/summary.csv"), SUMMARY, ([row.get(column) for column in SUMMARY] for row in rows))
    write_metrics(rows)
    histories = {row["run"]: read_history(Path(f"results/train/{row['run']}.csv")) for row in rows}
    losses = {
        name: plots.loss_curve(history, params.plots.loss_windows)
        for name, history in histories.items()
        if len(history)
    }
    points = (
        (params.run(name).task, name, *point) for name, curve in losses.items() for point in zip(*curve, strict=True)
    )
    write_csv(Path("results/loss.csv"), ["task", "run", *plots.LossCurve._fields], points)
    figures: dict[str, Draw] = {}
    for task in dict.fromkeys(row["task"] for row in rows):
        figures |= task_figures(params, task, [row for row in rows if row["task"] == task], losses)
    for name, draw in tqdm(figures.items(), desc="figures", leave=None, disable=None):  # None shows it on a terminal
        write(FIGURES / f"{name}.png", draw)
    keep_only(FIGURES, [f"{name}.png" for name in figures])


def write_metrics(rows: list[dict[str, Any]]) -> None:
    """The score of each run, for DVC, whose tables have a row for each file and a column for each name in them."""
    scores = {f"{row['run']}.json": {row["score"]: float(f"{row[row['score']]:.4g}")} for row in rows}
    for name, score in scores.items():
        write_json(METRICS / name, score)
    keep_only(METRICS, scores)


def task_figures(
    params: Params, task: str, rows: list[dict[str, Any]], losses: dict[str, plots.LossCurve]
) -> dict[str, Draw]:
    bags, y, names = some_bags(Path(f"data/{task}.npz"), params.plots.batch_sets)
    known = looks([row["run"] for row in rows])
    curves = {name: read_curves(Path(f"results/curves/{name}.csv")) for name in known if name in losses}
    limits = params.certificate.invariant, params.certificate.approximate
    figures: dict[str, Draw] = {
        f"accuracy_{task}": partial(plots.accuracy_figure, rows),
        f"invariance_{task}": partial(plots.invariance_figure, rows, *limits),
        f"batch_{task}": partial(plots.batch_figure, bags, y, names),
    }
    if curves:
        loss_name, score = rows[0]["loss_name"], rows[0]["score"]
        shown = {name: losses[name] for name in curves}
        figures[f"loss_{task}"] = partial(plots.loss_figure, shown, known, loss_name)
        figures[f"curves_{task}"] = partial(plots.curves_figure, curves, known, loss_name, score)
    return figures


def _errors(name: str, of_target: dict[str, float]) -> str:
    """The errors of one of several real targets, in its own units."""
    return f"{name}: MAE {of_target['mae']:.3g}, RMSE {of_target['rmse']:.3g}"


if __name__ == "__main__":
    run(plot)
