"""The table of all runs: its columns, and where each run stands against the best one of its task."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from permset.evaluation.comparisons import Comparison, both_ways
from permset.evaluation.intervals import Scores, shortfalls

COLUMNS = [
    "run",
    "task",
    "model",
    "num_params",
    "training_gflop",
    "bag_kflop",
    "num_seeds",
    "validation",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "behind",
    "behind_low",
    "behind_high",
    "majority",
    "balanced_accuracy",
    "auc",
    "calibration_error",
    "calibration_error_scaled",
    "temperature",
    "posterior_error",
    "posterior_error_scaled",
    "mae",
    "mae_low",
    "mae_high",
    "rmse",
    "r2",
    "targets",
    "loss",
    "loss_low",
    "loss_high",
    "bayes_accuracy",
    "regret",
    "invariance_float64",
    "invariance_float32",
    "invariance_symmetric",
    "invariance_bags",
    "invariance_smallest",
    "invariance_largest",
    "group",
    "verdict",
    "monotonicity",
    "monotone",
    "warning",
]


def against_best(
    rows: Sequence[dict[str, Any]], scores: Mapping[str, Scores], pairs: Sequence[Comparison]
) -> list[dict[str, Any]]:
    """The rows of a task's runs, each with its verdict against the best run, and by how much it falls short of it.

    `pairs` are all comparisons of these runs.
    """
    more_is_better = rows[0]["score"] == "accuracy"
    best = max(rows, key=lambda row: row[row["score"]] * (1 if more_is_better else -1))["run"]
    chances = both_ways({(pair.run, pair.other): pair.chances for pair in pairs})
    gaps = shortfalls(scores, more_is_better)
    found = []
    for row in rows:
        run = row["run"]
        behind, low, high = (None if math.isnan(end) else end for end in gaps[run])
        verdict = None if run == best else chances[run, best].verdict
        found.append(row | {"behind": behind, "behind_low": low, "behind_high": high, "against_best": verdict})
    return found
