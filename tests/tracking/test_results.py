"""Names under which MLflow shows numbers, and when a computation's time is known."""

import math
import sys
from pathlib import Path

import pytest

from permset.tracking.results import grouped
from permset.tracking.store import seconds_of
from stages import run


def test_metrics_are_in_the_sections_of_what_they_measure() -> None:
    numbers = {
        "num_params": 62,
        "bag_kflop": 0.7,
        "accuracy": 0.9,
        "loss": 0.1,
        "train_loss": 0.2,
        "validation_score": 0.8,
        "initial_spread": 1.0,
        "invariance": 1e-16,
        "invariance_float32": 1e-7,
    }
    assert grouped(numbers) == {
        "cost/num_params": 62,
        "cost/bag_kflop": 0.7,
        "test/accuracy": 0.9,
        "test/loss": 0.1,
        "train/train_loss": 0.2,
        "train/validation_score": 0.8,
        "train/initial_spread": 1.0,
        "invariance/float64": 1e-16,
        "invariance/float32": 1e-7,
    }


def test_what_is_no_number_is_no_metric() -> None:
    assert grouped({"verdict": "invariant", "bayes_accuracy": None, "auc": math.nan, "targets": {}}) == {}


def test_the_time_of_a_stage_is_noted_for_its_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("stages.SECONDS", tmp_path / ".cache/seconds")
    monkeypatch.setattr(sys, "argv", ["train", "deepset"])
    times = iter([100.0, 107.25, 200.0, 201.0])
    monkeypatch.setattr("time.monotonic", lambda: next(times))
    output = Path("deepset.pt")
    for _ in range(2):  # The second one may have found its points in a cache.
        run(lambda name: output.write_text(name), ["{}.pt", "another.csv"])
        assert seconds_of(output) == 7.25
    output.write_text("of another machine")
    assert seconds_of(output) is None
