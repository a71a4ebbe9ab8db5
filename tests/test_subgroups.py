"""What the stage says of each run on a task of a subgroup, from what was evaluated."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from committed import ROOT

from permset.config.experiment import load_params
from permset.store.tables import read_csv
from stages.subgroups import group_of, row_of, subgroups

METHODS = {"equivariant", "average", "canonical", "augmentation", "mlp", "deepset"}


@pytest.fixture
def params() -> Any:
    return load_params(ROOT / "published/subgroups/params.yaml")


def test_every_method_has_its_groups(params: Any) -> None:
    """The right one is that of the task: the rotations, and the orders within halves."""
    right = {"rotations": {"kind": "cyclic"}, "blocks": {"kind": "blocks", "sizes": [5, 5]}}
    for task, group in right.items():
        runs = {name: run for name, run in params.runs.items() if run.task == task}
        fits = {tuple(name.removeprefix(f"{task}_").rpartition("_")[::2]) for name in runs}
        assert {method for method, _ in fits} >= METHODS
        assert {fit for _, fit in fits} == {"small", "right", "large"}
        for name, run in runs.items():
            if name.endswith("_right"):
                assert group_of(run).model_dump() == group
            if name.endswith("_large"):
                assert group_of(run).model_dump() == {"kind": "symmetric"}
        assert group_of(runs[f"{task}_mlp_small"]).model_dump() == {"kind": "trivial"}


def test_there_is_a_row_for_each_run(params: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = yaml.safe_load((ROOT / "published/subgroups/params.yaml").read_text())
    kept = "rotations_deepset_large", "blocks_equivariant_right"
    chosen["runs"] = {name: chosen["runs"][name] for name in kept}
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(yaml.safe_dump(chosen, sort_keys=False))
    for folder in ("evaluate", "curves"):
        Path("results", folder).mkdir(parents=True)
    numbers = {
        "accuracy": 0.6,
        "accuracy_low": 0.5,
        "accuracy_high": 0.7,
        "bayes_accuracy": 0.8,
        "verdict": "invariant",
    }
    header = "step,seed,train_loss,train_score,validation_loss,validation_score"
    for name in kept:
        Path(f"results/evaluate/{name}.json").write_text(json.dumps({name: numbers}))
        Path(f"results/curves/{name}.csv").write_text(f"{header}\n9,0,0,0.7,0,0\n9,1,0,0.8,0,0\n")
    subgroups()
    first, second = read_csv(Path("results/subgroups.csv"), "subgroups")
    told = {key: first[key] for key in ("task", "method", "fit", "group", "accuracy", "possible", "continuous")}
    assert told == {
        "task": "rotations",
        "method": "deepset",
        "fit": "large",
        "group": "S_8",
        "accuracy": "0.6",
        "possible": "0.5",
        "continuous": "",
    }
    assert float(first["train_accuracy"]) == pytest.approx(0.75)
    assert (second["task"], second["fit"], second["group"]) == ("blocks", "right", "S_5 × S_5")
    assert Path("results/subgroups/subgroups.png").is_file()
    assert row_of(load_params("params.yaml"), kept[1], params.runs[kept[1]])["possible"] == pytest.approx(
        float(second["possible"])
    )
