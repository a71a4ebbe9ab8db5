"""plot: what all runs gave → results/summary.csv, results/loss.csv, results/figures/*.png"""

from pathlib import Path

from permset import plots
from permset.files import read_bags, read_history, read_json, write, write_csv
from permset.params import load_params
from stages import run

FIGURES = Path("results/figures")
SUMMARY = (
    "run task model num_params num_seeds accuracy accuracy_low accuracy_high loss "
    "bayes_accuracy regret invariance_float64 invariance_float32 verdict"
).split()


def plot() -> None:
    params = load_params()
    limits, count = params.certificate, params.plots.loss_windows
    rows = [
        {"run": name, "task": chosen.task, "model": chosen.model.kind}
        | read_json(Path(f"results/evaluate/{name}.json"), f"evaluate@{name}")[name]
        for name, chosen in params.runs.items()
    ]
    histories = {name: read_history(Path(f"results/train/{name}.csv")) for name in params.runs}
    batches = {name: read_bags(Path(f"data/{name}.npz")) for name in params.tasks}

    write_csv(Path("results/summary.csv"), SUMMARY, ([_text(row[column]) for column in SUMMARY] for row in rows))
    curves = {name: plots.windows(history, count) for name, history in histories.items()}
    means = ((name, step, _text(x)) for name, (steps, xs) in curves.items() for step, x in zip(steps, xs.mean(1), strict=True))
    write_csv(Path("results/loss.csv"), ["run", "step", "loss"], means)

    write(FIGURES / "loss.png", lambda p: plots.loss_figure(p, histories, count))
    write(FIGURES / "accuracy.png", lambda p: plots.accuracy_figure(p, rows))
    write(FIGURES / "invariance.png", lambda p: plots.invariance_figure(p, rows, limits.invariant, limits.approximate))
    for name, (x, y) in batches.items():
        some = slice(params.plots.batch_sets)
        write(FIGURES / f"batch_{name}.png", lambda p, x=x, y=y: plots.batch_figure(p, x[some, :, 0], y[some, 0]))


def _text(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value


if __name__ == "__main__":
    run(plot)
