"""The pipeline on as little as params.yaml can hold: one run, one seed, no studies, no files, no tasks, two folds."""

from pathlib import Path

import numpy as np
from clone import Project

from permset.store.tables import read_csv

SVM = {"kind": "svm", "statistics": ["mean"], "penalty": 1.0}


def test_one_run_of_one_seed_without_studies(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.params |= {"seeds": 1, "runs": {"mlp": project.params["runs"]["mlp"]}}
    del project.params["files"], project.params["studies"]
    project.write_params()
    project.repro()
    [row] = read_csv(tmp_path / "results/summary.csv", "plot")
    assert (row["run"], row["num_seeds"]) == ("mlp", "1")
    assert 0 < float(row["accuracy_low"]) < float(row["accuracy"]), "the error of its test bags alone"
    assert (tmp_path / "results/report.html").stat().st_size > 5000
    assert sorted(run.data.tags["run"] for run in project.tracked()) == ["comparison", "mlp", "report"]


def test_two_folds_of_a_file_without_tasks(tmp_path: Path) -> None:
    project = Project(tmp_path)
    sizes = np.full(12, 2)
    np.savez(tmp_path / "bags.npz", objects=np.random.default_rng(0).random((24, 2)), sizes=sizes, y=np.arange(12) % 2)
    folds = {"kind": "folds", "folds": 2, "repeats": 1, "validation": 0.4, "seed": 0}
    average = {"kind": "average", "group": {"kind": "symmetric"}, "train_samples": 1}
    mlp = project.params["runs"]["mlp"]["model"]
    project.params |= {
        "tasks": {},
        "files": {"bags": {"kind": "npz", "path": "bags.npz", "target": "binary", "split": folds}},
        "runs": {
            "svm": {"task": "bags", "model": SVM},
            "averaged": {"task": "bags", "model": mlp, "symmetrizer": average},
        },
        "studies": {},
    }
    project.write_params()
    project.repro()
    rows = {row["run"]: row for row in read_csv(tmp_path / "results/summary.csv", "plot")}
    assert {row["num_seeds"] for row in rows.values()} == {"2"}
    assert rows["averaged"]["verdict"] == "invariant", "an average of standardised bags"
