"""plot_studies: what all studies gave → results/study_figures/*.{png,svg}"""

from pathlib import Path

from matplotlib.figure import Figure

from permset.config.experiment import load_params
from permset.figures.looks import Look, looks
from permset.figures.names import names, with_settings
from permset.figures.studies import study_curves_figure, study_figure
from permset.store.figures import write_figures
from permset.store.files import is_present
from permset.store.tables import read_csv, read_json
from stages import run


def plot_studies() -> None:
    params = load_params()
    known: dict[str, Look] = {}
    for task in params.sources:
        known |= looks({name: run.model_dump() for name, run in params.runs.items() if run.task == task})
    figures: dict[str, Figure] = {}
    for name, study in params.studies.items():
        if not is_present(Path(f"results/studies/{name}.csv")):
            continue
        table = read_csv(Path(f"results/studies/{name}.csv"), f"study@{name}")
        tasks = {variant: params.run(chosen.run or variant).task for variant, chosen in study.runs.items()}
        beside = {
            run: read_json(Path(f"results/evaluate/{run}.json"), f"evaluate@{run}")[run]
            for run in study.beside
            if is_present(Path(f"results/evaluate/{run}.json"))
        }
        entries = {
            variant: with_settings(params.run(chosen.run or variant).model_dump(), study.set | chosen.set, study.axis)
            for variant, chosen in study.runs.items()
        }
        entries |= {run: params.run(run).model_dump() for run in study.beside}
        named = names(entries)
        figures[name] = study_figure(
            table, study.show, study.x, study.slopes, tasks, beside, named, looks(entries, known)
        )
        if study.curves:
            curves = read_csv(Path(f"results/studies/{name}_curves.csv"), f"study@{name}")
            unit = "nats" if table[0]["accuracy"] else ""
            figures[f"{name}_curves"] = study_curves_figure(
                curves, study.axis, {run: named[run] for run in tasks}, unit
            )
    write_figures(Path("results/study_figures"), figures)


if __name__ == "__main__":
    run(plot_studies)
