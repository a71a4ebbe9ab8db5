"""Where each run of a task stands against the best one."""

from typing import Any

import numpy as np
import pytest
import torch

from permset.config.experiment import CertificateParams
from permset.data.bags import Bags
from permset.data.targets import BINARY, Real
from permset.evaluation.calibration import calibration
from permset.evaluation.certificate import certified
from permset.evaluation.comparisons import comparisons
from permset.evaluation.intervals import Scores
from permset.evaluation.invariance import double, yardstick
from permset.evaluation.metrics import measure
from permset.evaluation.monotonicity import monotonicity
from permset.evaluation.summary import COLUMNS, against_best

OF_THE_RUN = {"run", "task", "model", "num_params", "training_gflop", "bag_kflop", "validation"}
OF_THE_TABLE = {"majority", "targets", "warning"}
LIMITS = CertificateParams(objects=100, permutations=2, shown=1, seed=0, invariant=1e-12, approximate=0.1)


def standing(score: str, region: float, **values: list[float]) -> dict[str, dict[str, Any]]:
    """Of runs on folds, of which each has such a score."""
    rows = [{"run": run, "score": score, score: float(np.mean(of_folds))} for run, of_folds in values.items()]
    scores = {run: Scores(np.array(of_folds), np.empty(0), 0.0, 0.1) for run, of_folds in values.items()}
    pairs = comparisons(scores, region, more_is_better=score == "accuracy")
    return {row["run"]: row for row in against_best(rows, scores, pairs)}


def test_each_run_is_compared_with_the_most_accurate_one() -> None:
    far, near, wide = [0.5, 0.51, 0.5], [0.695, 0.7, 0.7], [0.9, 0.3, 0.6]
    rows = standing("accuracy", 0.01, far=far, near=near, best=[0.7, 0.7, 0.7], wide=wide)
    verdicts = {run: row["against_best"] for run, row in rows.items()}
    assert verdicts == {"far": "worse", "near": "equal", "best": None, "wide": "undecided"}
    assert [row["behind"] for row in rows.values()] == pytest.approx([0.59 / 3, 0.005 / 3, 0, 0.1])
    assert rows["wide"]["behind_low"] < 0.1 < rows["wide"]["behind_high"]
    assert rows["far"]["accuracy"] == pytest.approx(1.51 / 3)


def test_the_best_of_errors_is_the_smallest() -> None:
    rows = standing("mae", 2 / 3, best=[1.0, 1.0, 1.1], near=[1.5, 1.5, 1.6], far=[2.0, 2.0, 2.1])
    assert {run: row["against_best"] for run, row in rows.items()} == {"best": None, "near": "equal", "far": "worse"}
    assert rows["far"]["behind"] == pytest.approx(1)


def test_how_far_a_run_falls_short_is_not_known_from_one_fold() -> None:
    rows = standing("accuracy", 0.01, best=[0.7], other=[0.5])
    assert (rows["other"]["behind_low"], rows["other"]["behind_high"]) == (None, None)
    assert rows["other"]["against_best"] == "undecided"


def test_every_column_has_the_name_of_something_that_is_measured() -> None:
    x = torch.randn(40, 3, 1, generator=torch.Generator().manual_seed(0))
    outputs, labels = x.sum(-2), (x.sum(-2) > 0).float()
    tested, truth = [(outputs, labels), (2 * outputs, labels)], torch.sigmoid(outputs[:, 0])
    sums = lambda x, mask=None: x.sum(-2)[None]  # noqa: E731
    inputs = [double(Bags(x, labels))]
    limits = certified("sums", lambda size: None, sums, [Bags(x, labels)], LIMITS)
    measured = [
        measure(tested, BINARY, bayes_accuracy=1.0),
        measure(tested, Real(1)),
        calibration(tested, tested, BINARY, posterior=truth)[0],
        limits,
        monotonicity("sums", False, sums, inputs, yardstick(sums, inputs), LIMITS),
        standing("accuracy", 0.01, one=[0.5, 0.6], other=[0.7, 0.7])["one"],
    ]
    assert set(COLUMNS) - OF_THE_RUN - OF_THE_TABLE <= set().union(*measured)
    assert set(COLUMNS) >= OF_THE_RUN | OF_THE_TABLE
    assert len(set(COLUMNS)) == len(COLUMNS)
