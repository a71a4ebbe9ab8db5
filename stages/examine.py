"""examine (published/dvc.yaml): which runs pass the tests of multiple-instance learning → results/mil_tests.*"""

from pathlib import Path
from typing import Any

from permset.config.experiment import load_params
from permset.config.tasks import MILTestParams
from permset.figures.looks import looks
from permset.figures.mil_tests import mil_tests_figure
from permset.figures.names import names
from permset.store.figures import write_figures
from permset.store.tables import read_curves, read_json, write_csv
from stages import run

COLUMNS = "test", "method", "train_accuracy", "auc", "auc_low", "auc_high", "result", "monotonicity", "monotone"


def examine() -> None:
    """Runs are named <test>_<method>; a method is the same in all tests."""
    params = load_params()
    runs = {name: run.task for name, run in params.runs.items() if isinstance(params.task(run.task), MILTestParams)}
    rows = [row_of(name, task) for name, task in runs.items()]
    write_csv(Path("results/mil_tests.csv"), COLUMNS, [[row[column] for column in COLUMNS] for row in rows])
    entries = {row["method"]: params.run(name).model_dump() for row, name in zip(rows, runs, strict=True)}
    write_figures(Path("results/mil_tests"), {"mil_tests": mil_tests_figure(rows, names(entries), looks(entries))})


def row_of(name: str, test: str) -> dict[str, Any]:
    """Of a run, what decides whether it passes."""
    numbers = read_json(Path(f"results/evaluate/{name}.json"), f"evaluate@{name}")[name]
    kept = {key: numbers[key] for key in ("auc", "auc_low", "auc_high", "monotonicity", "monotone")}
    trained = read_curves(Path(f"results/curves/{name}.csv"))["train_score"][-1].mean()
    result = passed(numbers["auc_low"], numbers["auc_high"])
    return {"test": test, "method": name.removeprefix(f"{test}_"), "train_accuracy": trained, "result": result} | kept


def passed(low: float, high: float) -> str:
    """By the ends of the interval of the AUC."""
    return "pass" if low > 0.5 else "fail" if high < 0.5 else "undecided"


if __name__ == "__main__":
    run(examine)
