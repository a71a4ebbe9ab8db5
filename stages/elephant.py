"""elephant (published/elephant): accuracies beside the paper's → results/elephant.csv"""

from pathlib import Path

import yaml

from permset.config.experiment import load_params
from permset.store.tables import read_json, write_csv
from stages import run

MEASURED = "accuracy", "accuracy_low", "accuracy_high", "auc"


def elephant() -> None:
    """Runs are named elephant_<method>; the paper, whose spread is a standard error, lacks some methods."""
    papers = yaml.safe_load(Path("paper.yaml").read_text())
    lines = []
    for name in load_params().runs:
        numbers = read_json(Path(f"results/evaluate/{name}.json"), f"evaluate@{name}")[name]
        method = name.removeprefix("elephant_")
        lines.append([method, *(numbers[column] for column in MEASURED), *papers.get(method, ("", ""))])
    write_csv(Path("results/elephant.csv"), ["method", *MEASURED, "paper", "spread"], lines)


if __name__ == "__main__":
    run(elephant)
