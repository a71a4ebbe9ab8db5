"""report: all results on one page → results/report.html"""

from pathlib import Path

from permset.files import read_csv, write
from permset.params import load_params
from permset.report import render
from stages import run


def report() -> None:
    params = load_params()
    permutations = {
        name: read_csv(Path(f"results/permutations/{name}.csv"), f"evaluate@{name}") for name in params.runs
    }
    studies = {name: read_csv(Path(f"results/studies/{name}.csv"), f"study@{name}") for name in params.studies}
    summary = read_csv(Path("results/summary.csv"), "plot")
    page = render(params, summary, permutations, studies, Path("results/figures"), Path("results/study_figures"))
    write(Path("results/report.html"), lambda path: path.write_text(page))


if __name__ == "__main__":
    run(report)
