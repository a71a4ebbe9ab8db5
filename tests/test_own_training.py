"""Training of one's own, from params.yaml to results: the best weights of each network instead of the last."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from permset.store.arrays import read_model
from permset.store.tables import read_curves, read_json
from stages.evaluate import evaluate
from stages.generate import generate
from stages.train import train

DATA = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text())
TRAIN = {"data": 100, "steps": 60, "batch_size": 20, "learning_rate": 0.03}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(**options: str) -> dict[str, Any]:
    """The metrics of an MLP that memorises its bags."""
    tasks = {"gaussian": DATA["tasks"]["gaussian_variance"] | {"test_sets": 400}}
    runs = {"mlp": {"task": "gaussian", "model": DATA["runs"]["gaussian_mlp"]["model"], "train": TRAIN | options}}
    shared = {"tasks": tasks, "files": {}, "studies": {}, "runs": runs, "seeds": 3, "workers": 1}
    certificate = DATA["certificate"] | {"objects": 100}
    Path("params.yaml").write_text(yaml.safe_dump(DATA | shared | {"certificate": certificate}))
    for stage, name in ((generate, "gaussian"), (train, "mlp"), (evaluate, "mlp")):
        stage(name)
    return read_json(Path("results/evaluate/mlp.json"), "")["mlp"]


def test_the_best_weights_are_saved_evaluated_and_marked_in_the_curves() -> None:
    last = run()
    states = [read_model(Path("models/mlp.pt"))]
    curves = read_curves(Path("results/curves/mlp.csv"))
    assert "kept" not in curves
    assert "kept_step" not in last
    best = run(keep="best")
    states.append(read_model(Path("models/mlp.pt")))
    marked = read_curves(Path("results/curves/mlp.csv"))
    kept = marked.pop("kept")
    assert all(np.array_equal(marked[name], values) for name, values in curves.items()), "the training is the same"
    assert kept.sum(0).tolist() == [1, 1, 1]
    assert kept.argmax(0).tolist() == curves["validation_loss"].argmin(0).tolist()
    assert best["kept_step"] == pytest.approx(curves["step"][kept.argmax(0)].mean())
    assert best["kept_step"] < 60
    assert best["validation"] == pytest.approx(curves["validation_score"][kept == 1].mean(), abs=1e-5)
    assert best["best_seed"] == curves["validation_loss"].min(0).argmin()
    assert best["loss"] < last["loss"] - 0.1, "on test bags"
    assert any((states[0]["state"][name] != states[1]["state"][name]).any() for name in states[0]["state"])
