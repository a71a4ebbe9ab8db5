"""What the stage `plot` takes for a difference that matters, from the scores that `evaluate` left."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from permset.evaluation.comparisons import Comparison
from stages.plot import compare, read_scores


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results/scores").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    return tmp_path


def rows_of(score: str, **values: list[float]) -> list[dict[str, Any]]:
    """Runs on folds, of which each has such a score; as evaluated, and with their scores in files."""
    for run, of_folds in values.items():
        arrays = {"values": np.array(of_folds), "shared": np.empty(0), "unexplained": 0.0, "overlap": 0.1}
        np.savez(f"results/scores/{run}.npz", **arrays)
    return [{"run": run, "score": score, score: float(np.mean(of_folds))} for run, of_folds in values.items()]


def compared(rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[Comparison]]:
    return compare("task", rows, {row["run"]: read_scores(row["run"]) for row in rows})


def test_a_point_of_accuracy_is_a_difference_that_matters(folder: Path) -> None:
    rows = rows_of("accuracy", best=[0.7, 0.7, 0.7], near=[0.695, 0.7, 0.7], far=[0.5, 0.51, 0.5])
    rows, pairs = compared(rows)
    assert [row["against_best"] for row in rows] == [None, "equal", "worse"]
    assert {pair.region for pair in pairs} == {0.01}
    assert len(pairs) == 3


def test_errors_are_compared_with_the_error_of_the_best_constant_answer(folder: Path) -> None:
    np.savez("data/task.npz", y=np.array([[0.0], [100.0], [200.0]]))
    rows = rows_of("mae", best=[1.0, 1.0, 1.1], near=[1.5, 1.5, 1.6], far=[2.0, 2.0, 2.1])
    rows, pairs = compared(rows)
    assert [row["against_best"] for row in rows] == [None, "equal", "worse"]
    assert pairs[0].region == pytest.approx(2 / 3)
