"""plot_studies: what all studies gave → results/study_figures/*.png"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tqdm import tqdm

from permset.config.experiment import load_params
from permset.figures.looks import Look, looks
from permset.figures.studies import study_curves_figure, study_figure
from permset.store.files import is_present, keep_only, write
from permset.store.tables import read_csv, read_json
from stages import run

FIGURES = Path("results/study_figures")


def plot_studies() -> None:
    params = load_params()
    known: dict[str, Look] = {}
    for task in params.sources:
        known |= looks([name for name, chosen in params.runs.items() if chosen.task == task])
    figures: dict[str, Callable[[Path], None]] = {}
    for name, study in params.studies.items():
        if not is_present(Path(f"results/studies/{name}.csv")):
            continue
        table = read_csv(Path(f"results/studies/{name}.csv"), f"study@{name}")
        tasks = {variant: params.run(chosen.run or variant).task for variant, chosen in study.runs.items()}
        beside = [
            {"run": run} | read_json(Path(f"results/evaluate/{run}.json"), f"evaluate@{run}")[run]
            for run in study.beside
            if is_present(Path(f"results/evaluate/{run}.json"))
        ]
        figures[name] = partial(study_figure, table, study.show, study.x, study.slopes, known, tasks, beside)
        if study.curves:
            curves = read_csv(Path(f"results/studies/{name}_curves.csv"), f"study@{name}")
            figures[f"{name}_curves"] = partial(study_curves_figure, curves, study.axis)
    for name, draw in tqdm(figures.items(), desc="figures", leave=None, disable=None):  # None shows it on a terminal
        write(FIGURES / f"{name}.png", draw)
    keep_only(FIGURES, [f"{name}.png" for name in figures])


if __name__ == "__main__":
    run(plot_studies)
