"""Training of one's own, from params.yaml to results: the best weights of each network, and what calibration says."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from permset.store.arrays import read_model
from permset.store.tables import read_csv, read_curves, read_json
from stages.evaluate import evaluate
from stages.generate import generate
from stages.plot import plot
from stages.train import train

DATA = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text())
TRAIN = {"data": 100, "steps": 60, "batch_size": 20, "learning_rate": 0.03}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(task: dict[str, Any] = DATA["tasks"]["gaussian_variance"], **options: str) -> dict[str, Any]:
    """The metrics of an MLP that memorises its bags."""
    runs = {"mlp": {"task": "own", "model": DATA["runs"]["gaussian_mlp"]["model"], "train": TRAIN | options}}
    certificate = DATA["certificate"] | {"objects": 100}
    shared = {"tasks": {"own": task | {"test_sets": 400}}, "files": {}, "studies": {}, "certificate": certificate}
    Path("params.yaml").write_text(yaml.safe_dump(DATA | shared | {"runs": runs, "seeds": 3, "workers": 1}))
    for stage, name in ((generate, "own"), (train, "mlp"), (evaluate, "mlp")):
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


def test_calibration_goes_from_evaluation_into_the_summary_and_a_figure() -> None:
    """A network that has memorised its bags is too sure of itself on others."""
    metrics = run()
    assert metrics["temperature"] > 1.2
    for name in ("calibration_error", "posterior_error"):
        assert metrics[name] > metrics[f"{name}_scaled"] + 0.02
        assert metrics[f"{name}_low"] < metrics[name] < metrics[f"{name}_high"]
    with np.load("results/scores/mlp.npz") as arrays:
        assert arrays["bags"].sum(1).tolist() == [1200, 1200]
        right = np.nansum(arrays["accuracy"] * arrays["bags"], 1) / 1200
    np.testing.assert_allclose(right, metrics["accuracy"])
    plot()
    [row] = read_csv(Path("results/summary.csv"), "")
    for name in ("calibration_error", "calibration_error_scaled", "temperature", "posterior_error_scaled"):
        assert float(row[name]) == pytest.approx(metrics[name], rel=1e-5)
    assert Path("results/figures/calibration_own.svg").is_file()


def test_numbers_have_no_calibration() -> None:
    metrics = run({"kind": "maximum", "set_size": 10, "high": 1.0, "loss": "squared", "test_seed": 0})
    assert not any(name.startswith(("calibration", "temperature", "posterior")) for name in metrics)
    with np.load("results/scores/mlp.npz") as arrays:
        assert "confidence" not in arrays
    plot()
    figures = [path.name for path in Path("results/figures").iterdir()]
    assert "accuracy_own.svg" in figures
    assert not any(name.startswith("calibration") for name in figures)
