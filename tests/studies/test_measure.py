"""A point of a study against the same run, trained and measured on its own."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from permset import PermsetError
from permset.config.experiment import Params
from permset.data.randomness import generator
from permset.evaluation.metrics import measure
from permset.store.arrays import write_collection
from permset.studies.measure import CURVE_COLUMNS, POINT_COLUMNS, key_of, measure_points
from permset.studies.plan import plan
from permset.training import run as training
from permset.training.learning_curves import CURVES
from permset.training.run import open_run

DATA = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
TRAIN = DATA["train"] | {"steps": 60, "batch_size": 20, "measure_every": 20, "measure_sets": 40}
TASKS = {name: task | {"test_sets": 400} for name, task in DATA["tasks"].items() if "test_sets" in task}
RUNS = {name: run for name, run in DATA["runs"].items() if run["task"] in TASKS}
DATA |= {"tasks": TASKS, "files": {}, "runs": RUNS, "certificate": DATA["certificate"] | {"objects": 500}}
STUDY = {"axis": "model.widths", "values": [[5]], "runs": {"mlp": {}}, "show": ["loss"]}


@pytest.fixture(autouse=True)
def few_points(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the curves, which cost ten times what the steps between them do, but where the curves are looked at."""
    if request.function is not test_curves_are_means_over_seeds_at_each_point:
        monkeypatch.setattr(training, "LEAST_POINTS", 3)


def tables(**study: Any) -> list[dict[str, Any]]:
    """Columns of each point: name → its values over seeds."""
    params = Params.model_validate(
        {**DATA, "seeds": 3, "train": TRAIN, "tasks": TASKS, "studies": {"s": {**STUDY, **study}}}
    )
    points = plan(params, "s")
    jobs = [points] if study.get("axis", "").startswith("test.") else [[point] for point in points]
    results = [result for job in jobs for result in measure_points(job)]
    assert all(len(row) == len(CURVE_COLUMNS) for result in results for row in result["curves"])
    return [dict(zip(POINT_COLUMNS, zip(*result["seeds"], strict=True), strict=True)) for result in results]


def test_a_point_is_its_run_trained_and_measured() -> None:
    [point] = tables(learning_rates=[0.01])
    run = DATA["runs"]["mlp"] | {"model": DATA["runs"]["mlp"]["model"] | {"widths": [5]}, "train": {}}
    params = Params.model_validate(
        {**DATA, "seeds": 3, "train": TRAIN | {"learning_rate": 0.01}, "tasks": TASKS, "runs": {"mlp": run}}
    )
    run = open_run(params, "mlp")
    trained, test = run.train(), run.task.sample(400, generator(0, "test"))
    metrics = measure(run.tested(run.network(), trained.state, test), bayes_accuracy=1.0)
    assert np.mean(point["accuracy"]) == pytest.approx(metrics["accuracy"])
    assert np.mean(point["loss"]) == pytest.approx(metrics["loss"])
    assert np.mean(point["regret"]) == pytest.approx(metrics["regret"])
    assert point["seed"] == (0, 1, 2)
    assert set(point["num_params"]) == {61}
    np.testing.assert_allclose(point["validation_loss"], trained.curves[-1, 2])
    assert min(point["invariance"]) > 1e-3


def test_the_learning_rate_is_chosen_on_validation_bags() -> None:
    sorted_mlp = partial(tables, runs={"canonical": {}}, values=[[20]])
    slow, good, both = (sorted_mlp(learning_rates=rates)[0] for rates in ([1e-5], [0.03], [1e-5, 0.03]))
    assert np.mean(good["validation_loss"]) < np.mean(slow["validation_loss"])
    assert set(both["learning_rate"]) == {0.03}
    assert both["accuracy"] == good["accuracy"]


def test_the_learning_rate_is_not_chosen_on_training_bags() -> None:
    """One that memorises 20 bags has the lower training loss, and loses on others."""
    study = partial(
        tables, runs={"mlp": {"set": {"train.data": 20, "model.widths": [200]}}}, axis="train.batch_size", values=[20]
    )
    [memorising], [idle], [chosen] = (study(learning_rates=rates) for rates in ([0.1], [1e-6], [0.1, 1e-6]))
    assert np.mean(memorising["train_loss"]) < np.mean(idle["train_loss"])
    assert np.mean(memorising["validation_loss"]) > np.mean(idle["validation_loss"])
    assert set(chosen["learning_rate"]) == {1e-6}


def test_a_point_is_kept_under_its_settings_and_the_bags_of_its_collection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    split = {"kind": "fraction", "test": 0.2, "validation": 0.1, "seed": 0}
    digits = {"kind": "digits", "threshold": 8, "split": split}
    svm = {"task": "digits", "model": {"kind": "svm", "statistics": ["mean"], "penalty": 1.0}}
    runs = {"mlp": DATA["runs"]["mlp"], "svm": svm}
    studies = {
        "drawn": STUDY | {"values": [[5], [6]]},
        "collected": STUDY | {"axis": "model.penalty", "values": [1.0], "runs": {"svm": {}}},
    }
    params = Params.model_validate({**DATA, "tasks": TASKS | {"digits": digits}, "runs": runs, "studies": studies})
    Path("data").mkdir()
    keys = []
    for content in (b"one", b"other"):
        Path("data/digits.npz").write_bytes(content)
        keys.append([key_of(point) for name in studies for point in plan(params, name)])
    (five, six, one), (same_five, same_six, other) = keys
    assert (five, six) == (same_five, same_six)
    assert len({five, six, one, other}) == 4


def test_classes_that_are_balanced_can_be_compared_with_classes_that_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rare, roles = np.arange(200) % 10 == 0, np.where(np.arange(200) < 150, 0, np.arange(200) % 2 + 1)
    objects = np.random.default_rng(0).standard_normal((200, 1)) + rare[:, None]
    names = {"classes": np.array(["common", "rare"]), "channels": np.array(["x"]), "targets": np.array(["y"])}
    arrays = {"objects": objects.astype("f4"), "sizes": np.ones(200, int), "y": rare[:, None].astype("f4")}
    Path("data").mkdir()
    write_collection(Path("data/own.npz"), arrays | names | {"roles": roles[None].astype(np.int8)})
    split = {"kind": "fraction", "test": 0.2, "validation": 0.1, "seed": 0}
    files = {"own": {"kind": "npz", "path": "own.npz", "target": "binary", "split": split}}
    runs = {"own": {"task": "own", "model": DATA["runs"]["deepset"]["model"]}}
    study = STUDY | {"axis": "train.class_weights", "values": ["none", "balanced"], "runs": {"own": {}}}
    params = {**DATA, "seeds": 2, "train": TRAIN, "files": files, "runs": runs, "studies": {"s": study}}
    plain, balanced = (measure_points([point])[0] for point in plan(Params.model_validate(params), "s"))
    place, start = POINT_COLUMNS.index("accuracy"), POINT_COLUMNS.index("initial_spread")
    assert all(a[place] > b[place] for a, b in zip(plain["seeds"], balanced["seeds"], strict=True))
    assert [row[start:-1] for row in plain["seeds"]] == [row[start:-1] for row in balanced["seeds"]], "before training"


def test_a_learning_rate_that_diverges_is_not_chosen() -> None:
    diverging = {"mlp": {"set": {"model.activation": "none", "model.widths": [50, 50, 50, 50, 50, 50]}}}
    study = partial(tables, runs=diverging, axis="train.batch_size", values=[20])
    [point] = study(learning_rates=[1e30, 0.001])
    assert set(point["learning_rate"]) == {0.001}
    with pytest.raises(PermsetError, match="mlp: training: the loss of seed"):
        study(learning_rates=[1e30])


def test_pooling_without_a_nonlinearity_gives_every_bag_the_same() -> None:
    runs = {"deepset": {}, "deepset_linear": {}}
    points = tables(runs=runs, axis="model.element_widths", values=[[5, 5, 1], [20, 3]])
    spreads = {(point["run"][0], point["value"][0]): max(point["pooled_spread"]) for point in points}
    # The data is in float32, in which the objects of a bag sum to one to rounding.
    assert max(spread for (run, _), spread in spreads.items() if run == "deepset_linear") < 1e-6
    assert min(spread for (run, _), spread in spreads.items() if run == "deepset") > 1e-3


def test_summed_channels_saturate_before_training() -> None:
    runs = {how: {"run": "equivariant", "set": {"model.channels": how}} for how in ("sum", "mean", "scaled")}
    wide, _, _ = points = tables(runs=runs, values=[[64, 64]])
    assert [point["run"][0] for point in points] == list(runs)
    assert min(wide["initial_saturated"]) > 0.9
    assert max(max(point["initial_saturated"]) for point in points[1:]) < 0.1
    assert min(wide["initial_spread"]) > 10 * max(points[2]["initial_spread"])


def test_points_of_a_test_share_their_training() -> None:
    runs = {"gaussian_sampled_average": {"set": {"train.steps": 200}}}
    one, many = tables(runs=runs, axis="test.symmetrizer.samples", values=[1, 64])
    assert one["validation_loss"] == many["validation_loss"]
    assert np.mean(one["invariance"]) > 2 * np.mean(many["invariance"])
    assert many["bag_kflop"][0] == 64 * one["bag_kflop"][0]


def test_every_column_has_its_value_but_for_scores_of_other_targets() -> None:
    study = {"axis": "model.set_widths", "values": [[4]], "runs": {"deepset": {}}}
    [point] = tables(**study)
    assert {column for column, values in point.items() if None in values} == {"mae"}
    columns = ("study", "run", "axis", "value", "learning_rate", "bayes_accuracy")
    expected = ("s", "deepset", "model.set_widths", "[4]", TRAIN["learning_rate"], 1.0)
    assert tuple(point[column][0] for column in columns) == expected


def test_curves_are_means_over_seeds_at_each_point() -> None:
    params = Params.model_validate({**DATA, "seeds": 3, "train": TRAIN, "studies": {"s": STUDY}})
    [point] = plan(params, "s")
    trained = open_run(point.tested, "mlp").train()
    [result] = measure_points([point])
    rows = [dict(zip(CURVE_COLUMNS, row, strict=True)) for row in result["curves"]]
    expected = [("mlp", "[5]", step) for step in range(3, 61, 3)]
    assert [(row["run"], row["value"], row["step"]) for row in rows] == expected
    for i, name in enumerate(CURVES):
        assert [row[name] for row in rows] == pytest.approx(trained.curves[:, i].mean(-1).tolist())
