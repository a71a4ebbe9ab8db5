"""compare (published/dvc.yaml): the re-run numbers beside the papers' → results/comparison.csv, results/elephant.csv"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from permset.store.tables import read_csv, write_csv
from stages import run

ENDS = "", "_low", "_high"
SCHEDULES = "constant", "cosine"
PAPER = "paper", "spread"
Papers = Mapping[str, Sequence[float]]
"""of each method that a paper has: its number and the spread of that"""


def compare() -> None:
    summary = read_csv(Path("results/summary.csv"), "plot")
    papers = yaml.safe_load(Path("paper.yaml").read_text())
    maximum(summary, papers["maximum"])
    elephant(summary, papers["elephant"])


def maximum(summary: Sequence[Mapping[str, str]], papers: Papers) -> None:
    """Runs are named <method>_<schedule>; the paper's spread is a standard deviation over its seeds."""
    rows = {row["run"]: row for row in summary}
    lines = []
    for method, numbers in papers.items():
        ours = [rows[f"{method}_{schedule}"] for schedule in SCHEDULES]
        lines.append([method, *(row[f"mae{end}"] for row in ours for end in ENDS), *numbers])
    columns = "method", *(f"{schedule}{end}" for schedule in SCHEDULES for end in ENDS), *PAPER
    write_csv(Path("results/comparison.csv"), columns, lines)


def elephant(summary: Sequence[Mapping[str, str]], papers: Papers) -> None:
    """Runs are named elephant_<method>; the paper, whose spread is a standard error, lacks some methods."""
    columns = *(f"accuracy{end}" for end in ENDS), "auc"
    lines = []
    for row in summary:
        if row["task"] == "elephant":
            method = row["run"].removeprefix("elephant_")
            lines.append([method, *(row[column] for column in columns), *papers.get(method, ("", ""))])
    write_csv(Path("results/elephant.csv"), ["method", *columns, *PAPER], lines)


if __name__ == "__main__":
    run(compare)
