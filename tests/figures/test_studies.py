"""Figures of the studies."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from committed import committed
from figure_texts import faults, words
from matplotlib.figure import Figure

from permset.config.experiment import Params
from permset.figures.looks import looks
from permset.figures.names import names, with_settings
from permset.figures.studies import study_curves_figure, study_figure
from permset.store.tables import read_csv

PARAMS = Params.model_validate(yaml.safe_load(committed("params.yaml")))
ENTRIES = {
    run: {"task": "t", "model": {"kind": kind}, "symmetrizer": None, "train": {}}
    for run, kind in {"a": "mlp", "b": "svm", "c": "equivariant"}.items()
}
NAMES, LOOKS = names(ENTRIES), looks(ENTRIES)


def table(values: list[Any], **columns: list[float]) -> list[dict[str, str]]:
    """Runs a and b with two seeds; b has ten times as much of everything."""
    return [
        {"run": run, "value": json.dumps(value), "axis": "train.data", "num_params": "5", "seed": str(seed)}
        | {"accuracy": "1", "bayes_accuracy": "1.0"}
        | {name: str(numbers[i] * (10 if run == "b" else 1)) for name, numbers in columns.items()}
        for run in ("a", "b")
        for i, value in enumerate(values)
        for seed in range(2)
    ]


def figure_of(
    rows: list[dict[str, str]], *columns: str, two: bool = False, beside: dict[str, Any] | None = None
) -> Figure:
    tasks = {"a": "one", "b": "two" if two else "one"}
    return study_figure(rows, columns, "value", {}, tasks, beside or {}, NAMES, LOOKS)


def test_numbers_are_joined_by_lines_and_architectures_are_not() -> None:
    numbers = figure_of(table([100, 1000], regret=[0.2, 0.1]), "regret")
    fresh = figure_of(table([100, "fresh"], regret=[0.2, 0.1]), "regret")
    shapes = figure_of(table([[5], [5, 5]], regret=[0.2, 0.1]), "regret")
    for figure, joined in ((numbers, True), (fresh, True), (shapes, False)):
        lines = [line for line in figure.axes[0].lines if not line.get_markevery()]
        assert [line.get_linestyle() != "None" for line in lines] == [joined, joined]
        assert faults(figure) == []
    assert "1 × 5" in words(shapes)
    assert "fresh" in words(fresh)


def test_a_column_that_never_varies_is_said_and_has_no_panel() -> None:
    figure = figure_of(table([1, 2], regret=[0.0, 0.0], loss=[0.3, 0.2]), "regret", "loss")
    assert len(figure.axes) == 1
    assert "regret is 0 everywhere" in words(figure)
    assert len(figure_of(table([1, 2], regret=[0.0, 0.0]), "regret").axes) == 1, "but there is one panel at least"


def test_the_title_says_where_the_best_is_also_beside_the_study() -> None:
    rows = table([100, 1000], loss=[0.3, 0.2])
    assert "MLP, with 1,000 training bags, has the lowest test loss, 0.2" in words(figure_of(rows, "loss"))
    ranked = table([100, 1000], loss=[0.3, 0.2], regret=[0.1, 0.2])
    assert "MLP, with 100 training bags, has the lowest regret, 0.1" in words(figure_of(ranked, "loss", "regret"))
    beside = {"c": {"loss": 0.1, "loss_low": 0.05, "loss_high": 0.15}}
    best = figure_of(rows, "loss", beside=beside)
    assert "Equivariant network has the lowest test loss, 0.1" in words(best)
    assert faults(best) == []
    both = words(figure_of(rows, "loss", two=True))
    assert "One: MLP, with" in both
    assert "Two: SVM, with" in both


def test_of_bags_that_vary_the_worst_counts() -> None:
    rows = [row | {"axis": "test.task.set_size"} for row in table([2, 5], regret=[0.1, 0.3])]
    assert "MLP has the lowest regret at worst, 0.3" in words(figure_of(rows, "regret"))


def test_curves_say_which_value_ends_lowest() -> None:
    rows = [
        {"run": run, "value": value, "step": step, "train_loss": "0.1", "validation_loss": loss}
        for run, losses in {"a": ("0.5", "0.2"), "b": ("0.4", "0.3")}.items()
        for value, loss in zip(("100", "1000"), losses, strict=True)
        for step in ("1", "2")
    ]
    figure = study_curves_figure(rows, "train.data", {run: NAMES[run] for run in ("a", "b")}, "nats")
    assert figure.axes[0].get_ylabel() == "loss (nats)"
    assert "MLP, with 1,000 training bags, has the lowest loss on validation bags, 0.2" in words(figure)
    assert faults(figure) == []


@pytest.mark.parametrize("name", PARAMS.studies)
def test_all_runs_of_a_study_are_in_its_figures_and_can_be_read(name: str, tmp_path: Path) -> None:
    study = PARAMS.study(name)
    for kind in (name, f"{name}_curves"):
        (tmp_path / f"{kind}.csv").write_text(committed(f"results/studies/{kind}.csv"))
    entries = {
        variant: with_settings(PARAMS.run(chosen.run or variant).model_dump(), study.set | chosen.set, study.axis)
        for variant, chosen in study.runs.items()
    }
    tasks = {variant: entry["task"] for variant, entry in entries.items()}
    entries |= {run: PARAMS.run(run).model_dump() for run in study.beside}
    beside = {run: json.loads(committed(f"results/evaluate/{run}.json"))[run] for run in study.beside}
    named = names(entries)
    rows = read_csv(tmp_path / f"{name}.csv", "study")
    figure = study_figure(rows, study.show, study.x, study.slopes, tasks, beside, named, looks(entries))
    assert faults(figure) == []
    text = words(figure)
    assert all(name in text for name in named.values())
    assert all(len(axes.lines) + len(axes.collections) > 0 for axes in figure.axes), "no empty panel"
    curves = study_curves_figure(
        read_csv(tmp_path / f"{name}_curves.csv", "study"), study.axis, {run: named[run] for run in tasks}, ""
    )
    assert faults(curves) == []
    text = words(curves)
    assert all(named[run] in text for run in tasks)
