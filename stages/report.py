"""report: all results on one page → results/report.html"""

from pathlib import Path

from permset.config.experiment import load_params
from permset.config.predictions import OBJECTS
from permset.figures.key_objects import KeyBag
from permset.report.key_objects import key_bags
from permset.report.page import render
from permset.store.files import is_present, write
from permset.store.tables import csv_rows, read_csv, read_json
from stages import run


def report() -> None:
    params, summary = load_params(), read_csv(Path("results/summary.csv"), "plot")
    comparisons = read_csv(Path("results/comparisons.csv"), "plot")
    permutations = {
        row["run"]: read_csv(Path(f"results/permutations/{row['run']}.csv"), f"evaluate@{row['run']}")
        for row in summary
    }
    tables = {name: Path(f"results/studies/{name}.csv") for name in params.studies}
    studies = {name: read_csv(path, f"study@{name}") for name, path in tables.items() if is_present(path)}
    # No dependency of the stage in studies/dvc.yaml: DVC would run the published pipeline anew before each report.
    published = [("comparison", "."), ("mil_tests", ".")]
    published += [(name, name) for name in ("clustering", "elephant", "population", "subgroups")]
    of_papers = {name: Path("published", folder, "results", f"{name}.csv") for name, folder in published}
    papers = {name: read_csv(path, name) if path.is_file() else [] for name, path in of_papers.items()}
    figures = Path("results/figures"), Path("results/study_figures")
    answers = {name: Path(f"results/predictions/{name}.json") for name in params.predictions}
    predictions = {name: read_json(path, f"predict@{name}")[name] for name, path in answers.items() if is_present(path)}
    objects = {name: key_objects(name) for name in predictions if params.predictions[name].objects}
    page = render(params, summary, comparisons, permutations, studies, papers, *figures, predictions, objects)
    write(Path("results/report.html"), lambda path: path.write_text(page))


def key_objects(name: str) -> list[KeyBag]:
    tables = (Path(f"results/predictions/{name}{kind}.csv") for kind in (OBJECTS, ""))
    return key_bags(*(csv_rows(path, f"predict@{name}") for path in tables))


if __name__ == "__main__":
    run(report)
