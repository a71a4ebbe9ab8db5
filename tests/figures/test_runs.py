"""Figures that compare the runs of a task."""

import json

import numpy as np
import pytest
import yaml
from committed import committed
from figure_texts import faults, words
from matplotlib.figure import Figure

from permset.config.experiment import Params
from permset.figures.looks import looks
from permset.figures.names import names
from permset.figures.runs import EXACT, LARGEST, LEAST, accuracy_figure, invariance_figure, place_of

FOLDERS = {"": "params.yaml", "published/": "published/params.yaml"}
PARAMS = {folder: Params.model_validate(yaml.safe_load(committed(path))) for folder, path in FOLDERS.items()}
TASKS = [(folder, task) for folder, params in PARAMS.items() for task in params.sources]
ENTRY = {"task": "t", "model": {"kind": "mlp"}, "symmetrizer": None, "train": {}}


def rows_of(folder: str, task: str) -> list[dict[str, object]]:
    runs = [run for run, chosen in PARAMS[folder].runs.items() if chosen.task == task]
    return [{"run": run} | json.loads(committed(f"{folder}results/evaluate/{run}.json"))[run] for run in runs]


@pytest.mark.parametrize(("folder", "task"), TASKS)
def test_all_runs_of_a_task_are_in_its_figures_and_can_be_read(folder: str, task: str) -> None:
    rows = rows_of(folder, task)
    entries = {str(row["run"]): PARAMS[folder].run(str(row["run"])).model_dump() for row in rows}
    named, known = names(entries), looks(entries)
    for figure in (accuracy_figure(rows, named, known), invariance_figure(rows, named, known, 1e-12, 0.3)):
        assert faults(figure) == []
        text = words(figure)
        assert all(name in text for name in named.values())


def scores(
    values: list[float | None], score: str = "accuracy", against: list[str | None] | None = None, **more: object
) -> Figure:
    """Runs a, b, …, each with an interval of ±0.01, and with what it is against the best."""
    rows = [
        {"run": run, "score": score, score: value, f"{score}_low": value - 0.01, f"{score}_high": value + 0.01, **more}
        | ({} if against is None else {"against_best": against[i]})
        for i, (run, value) in enumerate(zip("abcdef", values, strict=False))
        if value is not None
    ]
    entries = {str(row["run"]): ENTRY for row in rows}
    return accuracy_figure(rows, {run: f"method {run}" for run in entries}, looks(entries))


def test_the_best_is_on_top_and_its_interval_is_compared() -> None:
    figure = scores([0.7, 0.9, 0.895], against=["worse", None, "equal"], bayes_accuracy=0.95, regret=0.05)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["method b", "method c", "method a"]
    assert figure.axes[0].get_ylim()[0] > figure.axes[0].get_ylim()[1], "from the top"
    text = (
        "method b has the highest test accuracy, 90.00%; on the same bags 1 of the other 2 is practically equal to it"
    )
    assert text in words(figure)
    assert "Bayes accuracy 95.00%" in words(figure)
    assert "89.50%, regret 0.0500" in words(figure)
    lowest = scores([0.7, 0.9], "mae")
    assert "method a has the lowest mean absolute error" in words(lowest)


@pytest.mark.parametrize(
    ("values", "against", "said"),
    [
        ([0.7, 0.9], ["equal", None], "the other is practically equal to it"),
        ([0.7, 0.9, 0.8], ["equal", None, "equal"], "all others are practically equal to it"),
        ([0.7, 0.9, 0.8], ["undecided", None, "undecided"], "all others may be as good"),
        (
            [0.7, 0.9, 0.8, 0.6, 0.6],
            ["equal", None, "equal", "undecided", "worse"],
            "2 of the other 4 are practically equal to it and 1 may be as good",
        ),
        ([0.7, 0.9, 0.8], ["worse", None, "undecided"], "1 of the other 2 may be as good"),
        ([0.7, 0.9], ["worse", None], None),
        ([0.7, 0.9], None, None),
        ([0.9, 0.9, 0.7], [None, "equal", "equal"], None),
    ],
)
def test_the_title_says_what_the_others_are_to_the_best(
    values: list[float], against: list[str | None] | None, said: str | None
) -> None:
    """Nothing where all are worse, where that is not known, and where two share the best place."""
    figure = scores([*values], against=against)
    assert faults(figure) == []
    text = words(figure)
    assert f"; on the same bags {said}" in text if said else "on the same bags" not in text


def test_the_share_of_the_largest_class_is_told_where_it_is_known() -> None:
    assert "Always the largest class: 50.00%" in words(scores([0.7, 0.9], majority=0.5))
    assert "largest class" not in words(scores([0.7, 0.9]))


def test_errors_that_span_powers_of_ten_have_a_logarithmic_axis() -> None:
    assert scores([0.005, 3.0], "mae").axes[0].get_xscale() == "log"
    assert scores([2.0, 3.0], "mae").axes[0].get_xscale() == "linear"


def test_an_error_of_zero_has_a_place_of_its_own_and_no_error_leaves_the_figure() -> None:
    assert place_of(0.0) == EXACT < LEAST == place_of(1e-30)
    assert place_of(1e-9) == 1e-9
    assert place_of(float("nan")) == place_of(float("inf")) == place_of(1e30) == LARGEST


def test_each_error_lies_in_the_zone_of_its_verdict() -> None:
    verdicts = {"invariant": 1e-15, "approximate": 0.1, "not invariant": 2.0}
    rows = [
        {"run": verdict, "verdict": verdict, "invariance_float64": error, "invariance_float32": error}
        for verdict, error in verdicts.items()
    ]
    entries = dict.fromkeys(verdicts, ENTRY)
    figure = invariance_figure(rows, {run: f"run {run}" for run in entries}, looks(entries), 1e-12, 0.3)
    zones = [patch.get_extents().transformed(figure.axes[0].transData.inverted()) for patch in figure.axes[0].patches]
    drawn = [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_markerfacecolor() != "white"]
    for zone, x in zip(zones, drawn, strict=True):
        assert zone.x0 < x < zone.x1
    assert np.isclose(zones[0].x1, 1e-12)
    assert np.isclose(zones[1].x1, 0.3)
