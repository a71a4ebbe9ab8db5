"""compare (published/dvc.yaml): the re-run numbers beside the paper's → results/comparison.csv"""

from pathlib import Path

import yaml

from permset.store.tables import read_csv, write_csv
from stages import run

COLUMNS = (
    "method",
    "constant",
    "constant_low",
    "constant_high",
    "cosine",
    "cosine_low",
    "cosine_high",
    "paper",
    "spread",
)


def compare() -> None:
    """Runs are named <method>_<schedule>; the paper's spread is a standard deviation over its seeds."""
    rows = {row["run"]: row for row in read_csv(Path("results/summary.csv"), "plot")}
    paper = yaml.safe_load(Path("paper.yaml").read_text())
    lines = []
    for method, numbers in paper.items():
        ours = [rows[f"{method}_{schedule}"] for schedule in ("constant", "cosine")]
        lines.append([method, *(row[f"mae{end}"] for row in ours for end in ("", "_low", "_high")), *numbers])
    write_csv(Path("results/comparison.csv"), COLUMNS, lines)


if __name__ == "__main__":
    run(compare)
