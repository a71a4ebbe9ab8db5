"""Figures have the same bytes each time."""

import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from permset.figures.looks import looks
from permset.figures.runs import (
    accuracy_figure,
    batch_figure,
    curves_figure,
    invariance_figure,
    loss_curve,
    loss_figure,
)
from permset.figures.studies import study_curves_figure, study_figure


def test_a_loss_curve_is_the_mean_of_its_windows() -> None:
    history = np.arange(24.0).reshape(12, 2)
    curve = loss_curve(history, windows=3)
    assert curve.step.tolist() == [3, 7, 11]
    np.testing.assert_allclose(curve.loss, [history[:4].mean(), history[4:8].mean(), history[8:].mean()])
    np.testing.assert_allclose(curve.loss_low, curve.loss - 0.5)
    np.testing.assert_allclose(curve.loss_high, curve.loss + 0.5)
    assert len(loss_curve(history, windows=99).step) == 12


ROW = {
    "num_params": 62,
    "score": "accuracy",
    "bayes_accuracy": 1.0,
    "accuracy": 0.9,
    "accuracy_low": 0.8,
    "accuracy_high": 1.0,
    "regret": 0.1,
    "regret_low": 0.0,
    "regret_high": 0.2,
    "invariance_float64": 0.0,
    "invariance_float32": 1e-7,
}
REAL = {"num_params": 5, "score": "mae", "mae": 0.3, "mae_low": 0.2, "mae_high": 0.4, "r2": 0.5}
ONE_SEED = ROW | {f"{value}_{end}": None for value in ("accuracy", "regret") for end in ("low", "high")}
CURVES = {f"run{i}": loss_curve(np.random.default_rng(i).random((50, 3)), 10) for i in range(9)}
STUDY = [
    {"run": run, "value": value, "axis": "train.data", "num_params": "5", "accuracy": str(0.5 + i / 10), "seed": "0"}
    | {"bayes_accuracy": "1.0", "regret": str(0.001 * 10**i)}
    for run in ("a", "b")
    for i, value in enumerate(("100", "1000", '"fresh"'))
]
STUDY_CURVES = [
    {"run": row["run"], "value": row["value"], "step": step, "validation_loss": "0.5", "train_loss": "0.4"}
    for row in STUDY
    for step in ("10", "20")
]
BESIDE = [{"run": "c", **ROW}, {"run": "d", **ONE_SEED}]
ONE_TASK, TWO_TASKS = {"a": "one", "b": "one"}, {"a": "one", "b": "two"}
LOOKS = looks(["c", "a"])
FIGURES = {
    "study": partial(study_figure, STUDY, ["accuracy", "regret"], "value", {}, LOOKS, ONE_TASK, BESIDE),
    "study_tasks": partial(study_figure, STUDY, ["regret"], "value", {}, LOOKS, TWO_TASKS, []),
    "study_slope": partial(study_figure, STUDY[:2], ["regret"], "value", {"regret": 0.5}, LOOKS, {"a": "one"}, []),
    "study_curves": partial(study_curves_figure, STUDY_CURVES, "train.data"),
    "curves": partial(
        curves_figure,
        {
            "a": {"step": np.arange(3)}
            | {f"{of}_{what}": np.full((3, 2), 0.5) for of in ("train", "validation") for what in ("loss", "score")}
        },
        LOOKS,
        "cross-entropy (nats)",
        "accuracy",
    ),
    "loss": partial(loss_figure, CURVES, looks(list(CURVES)), "cross-entropy (nats)"),
    "mae": partial(accuracy_figure, [{"run": "a", **REAL}, {"run": "b", **REAL, "r2": None}]),
    "accuracy": partial(accuracy_figure, [{"run": "a", **ROW}, {"run": "b", **ONE_SEED}]),
    "invariance": partial(invariance_figure, [{"run": "a", **ROW}, {"run": "b", **ROW}], 1e-12, 0.1),
    "batch": partial(batch_figure, [np.ones((n, 2)) * n for n in (3, 0, 5)], np.array([[0.0], [1.0], [0.5]]), {}),
}


@pytest.mark.parametrize(
    ("y", "known", "rows", "label"),
    [
        ([0, 1], {"classes": ["no", "yes"], "channels": ["mass", "x"]}, ["no", "yes"], "mass"),
        ([0, 1], {"classes": ["$a$", "b" * 99], "channels": ["c"]}, [r"\$a\$", "b" * 29 + "…"], "c"),
        ([3, 7], {"classes": [], "channels": ["mass", "x"]}, ["3", "7"], "mass"),
        ([0, 1], {}, ["class 0", "class 1"], "first channel of the object"),
    ],
)
def test_a_batch_has_the_names_of_its_file(
    y: list[float], known: dict[str, list[str]], rows: list[str], label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr("permset.figures.runs.save", lambda figure, path: drawn.append(figure))
    batch_figure([np.ones((3, 2))] * 2, np.array(y, float)[:, None], known, Path())
    axes, bar = drawn[0].axes
    assert [text.get_text() for text in axes.get_yticklabels()] == rows
    assert bar.get_ylabel() == label


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_has_the_same_bytes_each_time(tmp_path: Path, name: str) -> None:
    sums = set()
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        FIGURES[name](tmp_path / folder / "figure.png")
        sums.add(hashlib.md5((tmp_path / folder / "figure.png").read_bytes()).hexdigest())
    assert len(sums) == 1
