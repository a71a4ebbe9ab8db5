"""Which runs pass the tests of multiple-instance learning, from what was evaluated."""

import json
from pathlib import Path

import pytest
import yaml
from committed import ROOT

from permset.store.tables import read_csv
from stages.examine import examine, passed

KEPT = "one_concept_mean", "two_concepts_concepts", "mean_constant"


def test_a_test_is_passed_or_failed_where_the_whole_interval_says_so() -> None:
    assert passed(0.51, 0.9) == "pass"
    assert passed(0.1, 0.49) == "fail"
    assert passed(0.5, 0.9) == passed(0.1, 0.5) == passed(0.4, 0.6) == "undecided"


def test_there_is_a_row_for_each_run_on_a_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = yaml.safe_load((ROOT / "published/params.yaml").read_text())
    params["runs"] = {name: params["runs"][name] for name in KEPT}
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(yaml.safe_dump(params))
    for folder in ("evaluate", "curves"):
        Path("results", folder).mkdir(parents=True)
    header, scores = "step,seed,train_loss,train_score,validation_loss,validation_score", (0.1, 0.2, 0.9, 0.8)
    for name, low in zip(KEPT[:2], (0.2, 0.8), strict=True):
        numbers = {"auc": low + 0.1, "auc_low": low, "auc_high": low + 0.2, "monotonicity": low, "monotone": "monotone"}
        Path(f"results/evaluate/{name}.json").write_text(json.dumps({name: numbers}))
        lines = [f"{step},{seed},0,{score},0,0" for (step, seed), score in zip(STEPS, scores, strict=True)]
        Path(f"results/curves/{name}.csv").write_text("\n".join([header, *lines, ""]))
    examine()
    first, second = read_csv(Path("results/mil_tests.csv"), "examine")
    assert {key: first[key] for key in ("test", "method", "auc", "result", "monotonicity", "monotone")} == {
        "test": "one_concept",
        "method": "mean",
        "auc": "0.3",
        "result": "fail",
        "monotonicity": "0.2",
        "monotone": "monotone",
    }
    assert Path("results/mil_tests/mil_tests.png").is_file()
    assert (second["test"], second["method"], second["result"]) == ("two_concepts", "concepts", "pass")
    assert float(first["train_accuracy"]) == pytest.approx(0.85), "of the last step, the mean over seeds"


STEPS = (100, 0), (100, 1), (200, 0), (200, 1)
