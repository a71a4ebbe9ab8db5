"""plot: what all runs gave → results/summary.csv, results/loss.csv, results/figures/*.png"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from permset import plots
from permset.files import keep_only, read_bags, read_csv, read_curves, read_history, read_json, write, write_csv
from permset.params import load_params
from stages import run

FIGURES = Path("results/figures")
SUMMARY = (
    *("run", "task", "model", "num_params", "training_gflop", "bag_kflop", "num_seeds", "accuracy", "accuracy_low"),
    *("accuracy_high", "loss", "bayes_accuracy", "regret", "invariance_float64", "invariance_float32"),
    *("invariance_symmetric", "group", "verdict"),
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
    points = {name: read_curves(Path(f"results/curves/{name}.csv")) for name in params.runs}
    write_csv(Path("results/summary.csv"), SUMMARY, ([row[column] for column in SUMMARY] for row in rows))
    rows_of_curves = ((name, *point) for name, curve in curves.items() for point in zip(*curve, strict=True))
    write_csv(Path("results/loss.csv"), ["run", *plots.LossCurve._fields], rows_of_curves)

    figures: dict[str, Callable[[Path], None]] = {}
    for task in params.tasks:
        x, y = read_bags(Path(f"data/{task}.npz"))
        some = slice(params.plots.batch_sets)
        mine = [row for row in rows if row["task"] == task]
        figures |= {
            f"loss_{task}": partial(plots.loss_figure, {row["run"]: curves[row["run"]] for row in mine}),
            f"curves_{task}": partial(plots.curves_figure, {row["run"]: points[row["run"]] for row in mine}),
            f"accuracy_{task}": partial(plots.accuracy_figure, mine),
            f"invariance_{task}": partial(plots.invariance_figure, mine, *limits),
            f"batch_{task}": partial(plots.batch_figure, x[some, :, 0], y[some, 0]),
        }
    known: dict[str, plots.Look] = {}
    for task in params.tasks:
        known |= plots.looks([name for name, chosen in params.runs.items() if chosen.task == task])
    for name, study in params.studies.items():
        rows_of_study = read_csv(Path(f"results/studies/{name}.csv"), f"study@{name}")
        figures[f"study_{name}"] = partial(plots.study_figure, rows_of_study, study.show, study.slopes, known)
    for name, draw in figures.items():
        write(FIGURES / f"{name}.png", draw)
    keep_only(FIGURES, [f"{name}.png" for name in figures])


if __name__ == "__main__":
    run(plot)
