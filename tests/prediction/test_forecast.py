"""Predictions for the bags of a file, from the stages that read and train to the table: on a small project."""

import contextlib
import csv
import dataclasses
import itertools
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from permset import Absent, PermsetError
from permset.config.experiment import load_params
from permset.data.targets import BINARY, Real
from permset.evaluation.calibration import temperature
from permset.evaluation.metrics import measure
from permset.prediction import forecast, key_objects
from permset.prediction.forecast import open_forecast
from permset.reading.csv_portions import csv_portions
from permset.reading.portions import Portion, cut
from permset.store.arrays import read_model
from permset.store.tables import read_csv, write_csv, write_json
from permset.training import run as training
from permset.training.run import open_run
from stages.choose import choose
from stages.predict import predict
from stages.read import read
from stages.train import train

ROOT = Path(__file__).parents[2]
TINY = {"steps": 20, "batch_size": 10, "best_over": 10, "measure_every": 10, "measure_sets": 10}
FOLDS = {"kind": "folds", "folds": 3, "repeats": 1, "validation": 0.2, "seed": 0}
FRACTION = {"kind": "fraction", "test": 0.3, "validation": 0.2, "seed": 0}
DEEPSET = {
    "kind": "deepset",
    "element_widths": [8],
    "set_widths": [8],
    "element_activation": "relu",
    "set_activation": "relu",
    "pooling": ["mean", "max"],
}
SIZES = np.random.default_rng(0).integers(0, 9, 60)


def write_table(path: Path, sizes: Any = SIZES, labels: Any = None, seed: int = 0, extra: float = 0.0) -> None:
    """Bags of (u, v); u is about 2 in bags of the label yes, and 0 in others; all by the bag's own number."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["v", "which", *([] if labels is None else ["what"]), "u"])
        for i, size in enumerate(sizes):
            draws = np.random.default_rng([seed, i])
            label = [] if labels is None else [labels[i]]
            shift = np.array([2 * (i % 2) + extra, 0])
            for u, v in (draws.normal(size=(size, 2)) + shift).tolist() or [("", "")]:
                writer.writerow([v, f"bag {i}", *label, u])


FILES = ["march.csv", "march.json", "march_objects.csv"]
ANSWERS = ["yes" if i % 2 else "no" for i in range(60)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("forecast")
    write_table(folder / "mine.csv", labels=ANSWERS)
    objects, targets = np.random.default_rng(1).normal(size=(SIZES.sum(), 2)), np.random.default_rng(2).random((60, 2))
    for name, y in {"classes": np.arange(60) % 3, "real": targets * [1000, 1]}.items():
        np.savez(folder / f"{name}.npz", objects=objects, sizes=SIZES, y=y)
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    table = {"kind": "csv", "path": "mine.csv", "bag": "which", "label": "what", "target": "binary", "split": FOLDS}
    params |= {
        "seeds": 4,
        "workers": 1,
        "train": params["train"] | TINY,
        "tasks": {},
        "studies": {},
        "files": {
            "mine": table,
            "classes": {"kind": "npz", "path": "classes.npz", "target": "classes", "split": FRACTION},
            "real": {"kind": "npz", "path": "real.npz", "target": "real", "split": FRACTION},
        },
        "runs": {
            "deepset": {"task": "mine", "model": DEEPSET},
            "mlp": {"task": "mine", "model": {"kind": "mlp", "widths": [8], "activation": "relu"}},
            "attention": {"task": "mine", "model": DEEPSET | {"pooling": "attention"}},
            "of_classes": {"task": "classes", "model": DEEPSET},
            "of_reals": {"task": "real", "model": DEEPSET},
        },
        "predictions": {"march": {"run": "deepset", "path": "march.csv"}},
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    with contextlib.chdir(folder):
        for name in params["files"]:
            read(name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(training, "LEAST_POINTS", 2)  # of curves, which cost the most, and nothing here looks at
            for name in params["runs"]:
                train(name)
        yield folder


def predicted(
    run: str = "deepset", path: str = "march.csv", **options: bool
) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """The stage's table and summary."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    params["predictions"] = {"march": {"run": run, "path": path} | options}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    write_json(Path("results/chosen/march.json"), {"run": run, "task": None})
    predict("march")
    summary = json.loads(Path("results/predictions/march.json").read_text())
    return read_csv(Path("results/predictions/march.csv"), "predict@march"), summary["march"]


def test_every_bag_has_its_class_its_probabilities_and_their_spread(project: Path) -> None:
    write_table(project / "march.csv", seed=1)
    rows, summary = predicted()
    assert list(rows[0]) == ["bag", "predicted", "probability of no", "probability of yes", "spread", "outside"]
    assert [row["bag"] for row in rows] == [f"bag {i}" for i in range(60)]
    for row in rows:
        no, yes = float(row["probability of no"]), float(row["probability of yes"])
        assert no + yes == pytest.approx(1, abs=1e-5)
        assert row["predicted"] == ("yes" if yes > no else "no")
        assert float(row["spread"]) > 0
    filled = [row["predicted"] == answer for row, answer, size in zip(rows, ANSWERS, SIZES, strict=True) if size > 2]
    assert np.mean(filled) > 0.8
    outside = sum(bool(row["outside"]) for row in rows)
    assert 0 < outside < 60
    assert summary == {
        "run": "deepset",
        "task": "mine",
        "file": "march.csv",
        "networks": 3,
        "bags": 60,
        "outside": outside,
        "labelled": 0,
    }


def test_predictions_have_the_same_bytes_however_the_file_is_read(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_table(project / "march.csv", seed=1)
    predicted()
    before = Path("results/predictions/march.csv").read_bytes()
    for block, sets, numbers in ((90, 7, 10**6), (400, 1, 10**6), (1 << 20, 1000, 30)):
        monkeypatch.setattr(forecast, "csv_portions", partial(csv_portions, block=block))
        monkeypatch.setattr(forecast, "SETS", sets)
        monkeypatch.setattr(forecast, "NUMBERS", numbers)
        predicted()
        assert Path("results/predictions/march.csv").read_bytes() == before


def test_labels_are_scored_and_not_used(project: Path) -> None:
    write_table(project / "march.csv", seed=1)
    rows, _ = predicted()
    labels = ["yes" if i % 3 else "no" for i in range(59)] + [""]
    write_table(project / "march.csv", seed=1, labels=labels)
    again, summary = predicted()
    assert again == rows
    assert summary["labelled"] == 59
    right = [row["predicted"] == label for row, label in zip(rows, labels, strict=True) if label]
    assert summary["accuracy"] == pytest.approx(np.mean(right))
    assert 0 < summary["accuracy_low"] < summary["accuracy"] < summary["accuracy_high"] < 1
    yes = np.array([float(row["probability of yes"]) for row in rows[:59]])
    is_yes = np.array(labels[:59]) == "yes"
    assert summary["loss"] == pytest.approx(-np.log(np.where(is_yes, yes, 1 - yes)).mean(), abs=1e-4)
    pairs = yes[is_yes][:, None] - yes[~is_yes]
    assert summary["auc"] == pytest.approx(((pairs > 0) + (pairs == 0) / 2).mean(), abs=1e-3)


def test_bags_beyond_those_of_training_are_named(project: Path) -> None:
    write_table(project / "march.csv", sizes=[3, 20], seed=1, extra=100)
    rows, summary = predicted()
    assert rows[0]["outside"].startswith("u 10")
    assert rows[1]["outside"].startswith(f"objects 20 > {SIZES.max()}; ")
    assert summary["outside"] == 2


def test_a_network_of_fixed_size_refuses_larger_bags_in_one_line(project: Path) -> None:
    write_table(project / "march.csv", seed=1)
    rows, _ = predicted("mlp")
    assert len(rows) == 60
    kept = Path("results/predictions/march.csv").read_bytes()
    write_table(project / "march.csv", sizes=[3, 9], seed=1)
    expected = (
        r"^march.csv: bag 'bag 1' has 9 objects, and mlp takes at most 8, as many as the largest bag of training; "
    )
    with pytest.raises(PermsetError, match=expected):
        predicted("mlp")
    assert Path("results/predictions/march.csv").read_bytes() == kept
    assert sorted(path.name for path in Path("results/predictions").iterdir()) == FILES


def test_a_mistake_late_in_the_file_leaves_nothing_behind(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(project / "march.csv", seed=1)
    predicted()
    kept = Path("results/predictions/march.csv").read_bytes()
    with (project / "march.csv").open("a") as file:
        file.write("1,bag 0,2\n")
    monkeypatch.setattr(forecast, "csv_portions", partial(csv_portions, block=90))
    monkeypatch.setattr(forecast, "SETS", 5)
    with pytest.raises(PermsetError, match=r"^march.csv: line \d+: bag 'bag 0' has other rows, up to line \d"):
        predicted()
    assert Path("results/predictions/march.csv").read_bytes() == kept
    assert sorted(path.name for path in Path("results/predictions").iterdir()) == FILES


def test_classes_of_arrays_have_their_numbers(project: Path) -> None:
    with np.load("classes.npz") as arrays:
        np.savez("april.npz", objects=arrays["objects"], sizes=arrays["sizes"], y=arrays["y"].astype(float))
    rows, summary = predicted("of_classes", "april.npz")
    assert [name for name in rows[0] if name.startswith("prob")] == [f"probability of {i}" for i in range(3)]
    shares = [max("012", key=lambda i: float(row[f"probability of {i}"])) for row in rows]
    assert [row["predicted"] for row in rows] == shares
    assert summary["accuracy"] == np.mean([int(row["predicted"]) == i % 3 for i, row in enumerate(rows)])
    assert summary["networks"] == 4


def test_real_targets_are_in_the_units_of_the_file(project: Path) -> None:
    rows, summary = predicted("of_reals", "real.npz")
    assert list(rows[0]) == [
        "bag",
        "predicted target 0",
        "predicted target 1",
        "spread of target 0",
        "spread of target 1",
        "outside",
    ]
    assert 100 < float(rows[0]["predicted target 0"]) < 1000
    assert 0 < float(rows[0]["predicted target 1"]) < 1
    with np.load("real.npz") as arrays:
        errors = [abs(float(row["predicted target 0"]) - y[0]) for row, y in zip(rows, arrays["y"], strict=True)]
    assert summary["targets"]["target 0"]["mae"] == pytest.approx(np.mean(errors), rel=1e-4)


def test_the_interval_is_over_the_bags(project: Path) -> None:
    write_table(project / "march.csv", seed=1, labels=ANSWERS)
    opened = open_forecast(load_params(), "deepset", Path("march.csv"))
    list(opened.rows("march"))
    [(outputs, labels)] = opened.labelled
    assert opened.summary()["accuracy_low"] == measure([(outputs, labels)], BINARY)["accuracy_low"]


def test_rows_come_before_the_file_ends(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file without an end: no more is read than the next portion takes."""
    taken = itertools.count()

    def endless(*_: object) -> Iterator[Portion]:
        for i in taken:
            objects = np.zeros((30, 2), np.float32)
            yield Portion([f"{i} {j}" for j in range(10)], objects, np.full(10, 3), np.full((10, 1), np.nan), 0.0)

    monkeypatch.setattr(forecast, "csv_portions", endless)
    monkeypatch.setattr(forecast, "SETS", 50)
    rows = open_forecast(load_params(), "deepset", Path("march.csv")).rows("march")
    assert len(list(itertools.islice(rows, 500))) == 500
    assert next(taken) <= 60


def test_a_run_that_was_trained_otherwise_is_refused(project: Path) -> None:
    write_table(project / "march.csv")
    whole = Path("params.yaml").read_text()
    Path("params.yaml").write_text(whole.replace("- 8", "- 9"))
    with pytest.raises(
        PermsetError, match=r"^models/deepset.pt: trained with other parameters; make it anew with: dvc"
    ):
        predicted()
    Path("params.yaml").write_text(whole)


def test_without_a_run_there_are_no_predictions(project: Path) -> None:
    write_json(Path("results/chosen/march.json"), {"run": None, "task": "mine"})
    with pytest.raises(Absent, match=r"^no run of mine has results here$"):
        predict("march")


def objects_of(run: str = "deepset", path: str = "march.csv") -> list[dict[str, str]]:
    """The stage's table of objects."""
    predicted(run, path, objects=True)
    return read_csv(Path("results/predictions/march_objects.csv"), "predict@march")


def test_every_object_has_a_row_with_its_line_and_its_effect(project: Path) -> None:
    write_table(project / "march.csv", seed=1)
    rows = objects_of()
    assert list(rows[0]) == ["bag", "row", "effect", "spread"]
    lines = (project / "march.csv").read_text().splitlines()
    filled = [i for i, line in enumerate(lines, 1) if i > 1 and line.split(",")[0]]
    assert [int(row["row"]) for row in rows] == filled
    assert len(filled) == SIZES.sum() < len(lines) - 1, "some bags have no objects"
    assert all(row["bag"] == lines[int(row["row"]) - 1].split(",")[1] for row in rows)
    before = {row["bag"]: row for row in predicted()[0]}
    for row in rows[:5] + rows[-5:]:
        line = int(row["row"])
        if SIZES[int(row["bag"].removeprefix("bag "))] < 2:
            continue
        (project / "april.csv").write_text("\n".join(lines[: line - 1] + lines[line:]) + "\n")
        after = {row["bag"]: row for row in predicted(path="april.csv")[0]}
        of_class = f"probability of {before[row['bag']]['predicted']}"
        change = float(before[row["bag"]][of_class]) - float(after[row["bag"]][of_class])
        assert float(row["effect"]) == pytest.approx(change, abs=3e-6)
        assert float(row["spread"]) > 0


def test_effects_have_the_same_bytes_however_the_file_is_read(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(project / "march.csv", sizes=SIZES[:25], seed=1)
    table = Path("results/predictions/march_objects.csv")
    for run in ("deepset", "attention"):
        objects_of(run)
        before = table.read_bytes()
        for block, sets, numbers, left in ((90, 7, 10**6, 50), (400, 1, 10**6, 1), (1 << 20, 1000, 30, 10**6)):
            with monkeypatch.context() as patch:
                patch.setattr(forecast, "csv_portions", partial(csv_portions, block=block))
                patch.setattr(forecast, "SETS", sets)
                patch.setattr(forecast, "NUMBERS", numbers)
                patch.setattr(key_objects, "NUMBERS", left)
                objects_of(run)
            assert table.read_bytes() == before


def test_where_objects_are_not_asked_for_a_note_stands_in_their_place(project: Path) -> None:
    write_table(project / "march.csv", seed=1)
    objects_of()
    predicted()
    table = Path("results/predictions/march_objects.csv")
    assert table.read_text() == "absent: not asked for; set predictions.march.objects to true\n"


def test_the_only_object_of_a_bag_has_an_effect_where_training_had_empty_bags(project: Path) -> None:
    """What is left is the empty bag."""
    write_table(project / "march.csv", sizes=[1, 0, 3], seed=1)
    opened = open_forecast(load_params(), "deepset", Path("march.csv"))
    assert opened.seen.fewest == 0
    _, _, effect, _ = next(opened.object_rows("march"))
    portion = next(cut(csv_portions(Path("march.csv"), opened.expected), 3, 10**6))
    one, empty, _ = opened.ensemble.readings(portion).mean
    assert effect == pytest.approx(one.max() - empty[one.argmax()], abs=1e-6)
    opened.seen = dataclasses.replace(opened.seen, fewest=1)
    rows = list(opened.object_rows("march"))
    assert rows[0] == ["bag 0", 2, "", ""]
    assert all(isinstance(value, float) for row in rows[1:] for value in row[2:])


def test_a_network_of_fixed_size_has_effects_too(project: Path) -> None:
    """A bag that lacks an object is one of the smaller bags that it takes."""
    write_table(project / "march.csv", sizes=[8, 2], seed=1)
    rows = objects_of("mlp")
    assert len(rows) == 10
    assert len({row["effect"] for row in rows}) == 10


def test_weights_of_attention_stand_beside_the_effects(project: Path) -> None:
    write_table(project / "march.csv", sizes=[1, 3], seed=1)
    rows = objects_of("attention")
    assert list(rows[0]) == ["bag", "row", "effect", "spread", "attention"]
    assert float(rows[0]["attention"]) == 1
    assert sum(float(row["attention"]) for row in rows[1:]) == pytest.approx(1, abs=1e-5)


def test_each_real_target_has_effects_of_its_own_and_arrays_have_places(project: Path) -> None:
    rows = objects_of("of_reals", "real.npz")
    assert list(rows[0]) == [
        "bag",
        "row",
        "effect on target 0",
        "effect on target 1",
        "spread of target 0",
        "spread of target 1",
    ]
    assert [int(row["row"]) for row in rows] == list(range(SIZES.sum()))
    assert [int(row["bag"]) for row in rows] == np.repeat(np.arange(60), SIZES).tolist()
    sizes = {name: np.mean([abs(float(row[name])) for row in rows]) for name in list(rows[0])[2:4]}
    assert sizes["effect on target 0"] > 100 * sizes["effect on target 1"], "they are in the units of the file"


@pytest.mark.parametrize("run", ["deepset", "of_classes"])
def test_calibrated_probabilities_are_at_the_temperatures_of_validation(project: Path, run: str) -> None:
    params, path = load_params(), Path("mine.csv" if run == "deepset" else "classes.npz")
    opened, saved = open_run(params, run), read_model(Path(f"models/{run}.pt"))
    assert not isinstance(opened.task.target, Real)
    validated = opened.validated(opened.network(), saved["state"])
    temperatures = [temperature(*result, opened.task.target) for result in validated]
    assert len(set(temperatures)) == len(temperatures) > 2, "each network has one of its own"
    found = open_forecast(params, run, path, calibrated=True).ensemble.temperatures
    assert found is not None
    assert found.tolist() == temperatures
    assert open_forecast(params, run, path).ensemble.temperatures is None
    (plain, _), (calibrated, _) = predicted(run, str(path)), predicted(run, str(path), calibrated=True)
    [name] = [column for column in plain[0] if column.startswith("probability of ")][:1]
    assert max(abs(float(a[name]) - float(b[name])) for a, b in zip(plain, calibrated, strict=True)) > 0.001


def test_a_calibrated_prediction_is_made_anew_when_other_bags_validate(project: Path) -> None:
    """DVC sees it by the content of the file that says what a prediction depends on."""
    params = yaml.safe_load(Path("params.yaml").read_text())
    entry = {"run": "deepset", "path": "march.csv"}
    write_csv(Path("results/summary.csv"), ["run", "task"], [])
    contents = []
    for sets in (10, 20):
        settings = {"predictions": {"plain": entry, "calibrated": entry | {"calibrated": True}}}
        Path("params.yaml").write_text(
            yaml.safe_dump(params | settings | {"train": params["train"] | {"measure_sets": sets}})
        )
        choose()
        contents.append([Path(f"results/chosen/{name}.json").read_text() for name in ("plain", "calibrated")])
    Path("params.yaml").write_text(yaml.safe_dump(params))
    (plain, calibrated), (same, other) = contents
    assert plain == same
    assert len({plain, calibrated, other}) == 3
