"""plot: what all runs gave → results/summary.csv, results/loss.csv, results/figures/*.png"""

from functools import partial
from pathlib import Path

from permset import plots
from permset.files import keep_only, read_bags, read_history, read_json, write, write_csv
from permset.params import load_params
from stages import run

FIGURES = Path("results/figures")
SUMMARY = (
    *("run", "task", "model", "num_params", "num_seeds", "accuracy", "accuracy_low", "accuracy_high", "loss"),
    *("bayes_accuracy", "regret", "invariance_float64", "invariance_float32", "verdict"),
)


def plot() -> None:
    params = load_params()
    limits = params.certificate.invariant, params.certificate.approximate
    rows = [
        {"run": name, "task": chosen.task, "model": chosen.method}
        | read_json(Path(f"results/evaluate/{name}.json"), f"evaluate@{name}")[name]
        for name, chosen in params.runs.items()
    ]
    curves = {
        name: plots.loss_curve(read_history(Path(f"results/train/{name}.csv")), params.plots.loss_windows)
        for name in params.runs
    }
    write_csv(Path("results/summary.csv"), SUMMARY, ([row[column] for column in SUMMARY] for row in rows))
    points = ((name, *point) for name, curve in curves.items() for point in zip(*curve, strict=True))
    write_csv(Path("results/loss.csv"), ["run", *plots.LossCurve._fields], points)

    figures = {
        "loss": partial(plots.loss_figure, curves),
        "accuracy": partial(plots.accuracy_figure, rows),
        "invariance": partial(plots.invariance_figure, rows, *limits),
    }
    for name in params.tasks:
        x, y = read_bags(Path(f"data/{name}.npz"))
        some = slice(params.plots.batch_sets)
        figures[f"batch_{name}"] = partial(plots.batch_figure, x[some, :, 0], y[some, 0])
    for name, draw in figures.items():
        write(FIGURES / f"{name}.png", draw)
    keep_only(FIGURES, [f"{name}.png" for name in figures])


if __name__ == "__main__":
    run(plot)
