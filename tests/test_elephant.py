"""Accuracies on elephant beside the paper's, from what was evaluated."""

import json
from pathlib import Path

import pytest
from committed import ROOT

from permset.config.experiment import load_params
from permset.store.tables import read_csv
from stages.elephant import elephant


def test_there_is_a_row_for_each_run_with_the_papers_number_where_it_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = ROOT / "published/elephant"
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "paper.yaml"):
        Path(name).write_text((folder / name).read_text())
    Path("results/evaluate").mkdir(parents=True)
    runs = list(load_params("params.yaml").runs)
    for place, run in enumerate(runs):
        numbers = {"accuracy": 0.8 + place / 100, "accuracy_low": 0.7, "accuracy_high": 0.9, "auc": 0.95, "loss": 1}
        Path(f"results/evaluate/{run}.json").write_text(json.dumps({run: numbers}))
    elephant()
    rows = {row["method"]: row for row in read_csv(Path("results/elephant.csv"), "elephant")}
    assert [f"elephant_{method}" for method in rows] == runs
    assert rows["mean"] == {
        "method": "mean",
        "accuracy": "0.8",
        "accuracy_low": "0.7",
        "accuracy_high": "0.9",
        "auc": "0.95",
        "paper": "",
        "spread": "",
    }
    assert (rows["max"]["accuracy"], rows["max"]["paper"], rows["max"]["spread"]) == ("0.81", "0.862", "0.034")
    assert (rows["attention"]["paper"], rows["attention"]["spread"]) == ("0.857", "0.027")
