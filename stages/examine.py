"""examine (published/dvc.yaml): which runs pass the tests of multiple-instance learning → results/mil_tests.csv"""

from pathlib import Path

from permset.config.data import MILTestParams
from permset.config.experiment import load_params
from permset.store.tables import read_curves, read_json, write_csv
from stages import run

COLUMNS = "test", "method", "train_accuracy", "auc", "auc_low", "auc_high", "result", "monotonicity", "monotone"


def examine() -> None:
    """Runs are named <test>_<method>. A model that learns what is not so has an AUC below 1/2 on the test bags."""
    params, lines = load_params(), []
    for name, chosen in params.runs.items():
        if not isinstance(params.task(chosen.task), MILTestParams):
            continue
        numbers = read_json(Path(f"results/evaluate/{name}.json"), f"evaluate@{name}")[name]
        trained = read_curves(Path(f"results/curves/{name}.csv"))["train_score"][-1].mean()
        area = [numbers[f"auc{end}"] for end in ("", "_low", "_high")]
        method, certified = name.removeprefix(f"{chosen.task}_"), [numbers["monotonicity"], numbers["monotone"]]
        lines.append([chosen.task, method, trained, *area, passed(*area[1:]), *certified])
    write_csv(Path("results/mil_tests.csv"), COLUMNS, lines)


def passed(low: float, high: float) -> str:
    """By the ends of the interval of the AUC."""
    return "pass" if low > 0.5 else "fail" if high < 0.5 else "undecided"


if __name__ == "__main__":
    run(examine)
