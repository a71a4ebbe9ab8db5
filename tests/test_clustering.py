"""What the stage says of each network, from what was trained, beside the paper's numbers and the oracle's."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from committed import ROOT

from permset.config.experiment import load_params
from permset.data.tasks import build_task
from permset.evaluation.mixtures import em_step
from permset.store.tables import read_csv
from permset.training.run import open_run
from stages.clustering import clustering
from stages.generate import generate
from stages.train import train

FOLDER = ROOT / "published/clustering"


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Small networks on small bags, in a few steps."""
    chosen = yaml.safe_load((FOLDER / "params.yaml").read_text())
    chosen["tasks"]["mixtures"] |= {"set_sizes": [4, 5], "test_sets": 20}
    chosen["train"] |= {"steps": 8, "measure_sets": 10, "batch_size": 4}
    chosen |= {"seeds": 2, "workers": 1}
    chosen["certificate"] |= {"objects": 20, "permutations": 2}
    narrow = {"element_widths": [8], "set_widths": [8]}
    chosen["runs"] = {"mean": chosen["runs"]["mean"], "isab": chosen["runs"]["isab"]}
    chosen["runs"]["mean"]["model"] |= narrow
    chosen["runs"]["isab"]["model"] |= {"width": 8, "heads": 2}
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(yaml.safe_dump(chosen, sort_keys=False))
    Path("paper.yaml").write_text((FOLDER / "paper.yaml").read_text())
    return tmp_path


def test_each_network_is_beside_the_oracle_and_the_paper(small: Path) -> None:
    params = load_params()
    for name in params.runs:
        train(name)
    clustering()
    oracle, mean, isab = read_csv(Path("results/clustering.csv"), "clustering")
    assert [row["method"] for row in (oracle, mean, isab)] == ["oracle", "mean", "isab"]
    task = build_task(params.tasks["mixtures"])  # type: ignore[arg-type]
    assert (oracle["paper"], oracle["with_em"], mean["paper"], mean["paper_with_em"]) == (
        "-1.4726",
        "",
        "-2.0006",
        "-1.6186",
    )
    assert float(oracle["network"]) > -2.5
    opened = open_run(params, "mean")
    results = opened.tested(opened.network(), opened.saved()["state"])
    losses = [task.target.loss(outputs, labels).item() for outputs, labels in results]
    assert float(mean["network"]) == pytest.approx(-np.mean(losses), rel=1e-5)
    assert float(mean["network_low"]) < float(mean["network"]) < float(mean["network_high"])
    further = [em_step(outputs, labels, task.target) for outputs, labels in results]  # type: ignore[arg-type]
    after = [
        task.target.loss(outputs, labels.double()).item() for outputs, (_, labels) in zip(further, results, strict=True)
    ]
    assert float(mean["with_em"]) == pytest.approx(-np.mean(after), rel=1e-5)
    assert float(mean["with_em"]) > float(mean["network"]) + 0.5
    curves = read_csv(Path("results/curves/mean.csv"), "train")
    at = {
        step: np.mean([float(row["validation_loss"]) for row in curves if row["step"] == step]) for step in ("4", "8")
    }
    assert float(mean["gained"]) == pytest.approx(at["4"] - at["8"])
    assert mean["steps"] == "8"
    assert Path("results/clustering/clustering.png").is_file()


def test_the_pipeline_evaluates_mixtures_as_everything_else(small: Path) -> None:
    """Metrics, certificate, summary, figures and the report's own tables, whose score is the loss."""
    generate("mixtures")
    for name in ("mean", "isab"):
        train(name)
        call = [sys.executable, "-m", "stages.evaluate", name]
        done = subprocess.run(call, cwd=small, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    numbers = json.loads(Path("results/evaluate/isab.json").read_text())["isab"]
    assert numbers["score"] == "loss"
    assert numbers["verdict"] == "invariant"
    assert numbers["majority"] is None
    assert numbers["loss_low"] < numbers["loss"] < numbers["loss_high"]
    assert numbers["validation"] > 0
    from stages.plot import plot

    plot()
    rows = {row["run"]: row for row in read_csv(Path("results/summary.csv"), "plot")}
    assert float(rows["isab"]["loss_low"]) == pytest.approx(numbers["loss_low"])
    assert rows["isab"]["accuracy"] == rows["isab"]["mae"] == ""
    figures = {path.stem for path in Path("results/figures").glob("*.png")}
    assert figures == {f"{kind}_mixtures" for kind in ("accuracy", "batch", "invariance", "loss")}
    assert "loss" in json.loads(Path("results/metrics/mean.json").read_text())
