"""plot: what all runs gave → results/summary.csv, results/loss.csv, results/figures/*.png"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from permset import plots
from permset.files import keep_only, read_bags, read_curves, read_history, read_json, write, write_csv
from permset.params import Params, load_params
from stages import run

FIGURES = Path("results/figures")
SUMMARY = (
    *("run", "task", "model", "num_params", "training_gflop", "bag_kflop", "num_seeds", "accuracy", "accuracy_low"),
    *("accuracy_high", "loss", "bayes_accuracy", "regret", "invariance_float64", "invariance_float32"),
    *("invariance_symmetric", "group", "verdict"),
)
Draw = Callable[[Path], None]


def plot() -> None:
    params = load_params()
    rows = [
        {"run": name, "task": chosen.task, "model": chosen.method}
        | read_json(Path(f"results/evaluate/{name}.json"), f"evaluate@{name}")[name]
        for name, chosen in params.runs.items()
    ]
    write_csv(Path("results/summary.csv"), SUMMARY, ([row[column] for column in SUMMARY] for row in rows))
    losses = {
        name: plots.loss_curve(read_history(Path(f"results/train/{name}.csv")), params.plots.loss_windows)
        for name in params.runs
    }
    points = ((name, *point) for name, curve in losses.items() for point in zip(*curve, strict=True))
    write_csv(Path("results/loss.csv"), ["run", *plots.LossCurve._fields], points)
    figures: dict[str, Draw] = {}
    for task in params.tasks:
        figures |= task_figures(params, task, [row for row in rows if row["task"] == task], losses)
    for name, draw in figures.items():
        write(FIGURES / f"{name}.png", draw)
    keep_only(FIGURES, [f"{name}.png" for name in figures])


def task_figures(
    params: Params, task: str, rows: list[dict[str, Any]], losses: dict[str, plots.LossCurve]
) -> dict[str, Draw]:
    x, y = read_bags(Path(f"data/{task}.npz"))
    some, runs = slice(params.plots.batch_sets), [row["run"] for row in rows]
    curves = {name: read_curves(Path(f"results/curves/{name}.csv")) for name in runs}
    limits = params.certificate.invariant, params.certificate.approximate
    return {
        f"loss_{task}": partial(plots.loss_figure, {name: losses[name] for name in runs}),
        f"curves_{task}": partial(plots.curves_figure, curves),
        f"accuracy_{task}": partial(plots.accuracy_figure, rows),
        f"invariance_{task}": partial(plots.invariance_figure, rows, *limits),
        f"batch_{task}": partial(plots.batch_figure, x[some, :, 0], y[some, 0]),
    }


if __name__ == "__main__":
    run(plot)
