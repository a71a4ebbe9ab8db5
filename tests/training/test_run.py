"""A run of params.yaml: what it is trained on, with what settings, and what is measured on which bags."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from permset.config.experiment import Params
from permset.data.bags import Bags, Collection
from permset.data.batches import Split
from permset.data.drawn import Fixed, Fresh
from permset.data.splits import TEST, TRAINING, VALIDATION
from permset.data.targets import Binary, Classes, Real
from permset.data.tasks import Collected, UnitSum
from permset.networks.kernel_machine import KernelMachine
from permset.networks.networks import DeepSet
from permset.networks.standardization import Standardized
from permset.store.arrays import write_collection
from permset.training.run import Run, open_run
from permset.training.settings import Settings
from permset.training.stack import predict, stack

DATA = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
DEEPSET = {
    **{"kind": "deepset", "element_widths": [3], "element_activation": "tanh", "pooling": "sum"},
    **{"set_widths": [], "set_activation": "tanh"},
}
SVM = {"kind": "svm", "statistics": ["mean"], "penalty": 1.0}
FOLDS = {"kind": "folds", "folds": 3, "repeats": 1, "validation": 0.1, "seed": 0}
FRACTION = {"kind": "fraction", "test": 0.2, "validation": 0.2, "seed": 0}
SIZES = np.array([1, 2, 3, 9, 2, 1, 4, 8, 0, 5, 1, 2, 7, 2])


def drawn(**train: Any) -> Run:
    runs = {"one": {"task": "unit_sum", "model": DEEPSET, "train": train}}
    return open_run(Params.model_validate({**DATA, "files": {}, "runs": runs, "seeds": 3}), "one")


def collected(target: str, split: dict[str, Any], model: dict[str, Any] = DEEPSET, **train: Any) -> Run:
    """Fourteen bags in data/own.npz, of which every fold tests two others."""
    file = {"kind": "npz", "path": "own.npz", "target": target, "split": split}
    runs = {"one": {"task": "own", "model": model, "train": train}}
    rows = np.full((3, len(SIZES)), TRAINING, np.int8)
    for row in range(3):
        rows[row, [row, row + 3]], rows[row, row + 6] = TEST, VALIDATION
    y = np.arange(28, dtype=np.float32).reshape(14, 2) if target == "real" else np.arange(14.0, dtype=np.float32) % 2
    arrays = {
        "objects": np.random.default_rng(0).standard_normal((SIZES.sum(), 2)).astype(np.float32),
        "sizes": SIZES,
        "y": y.reshape(14, -1),
        "roles": rows if split is FOLDS else rows[:1],
        "classes": np.array([] if target == "real" else ["a", "b"], dtype=str),
        "channels": np.array(["height", "width"]),
        "targets": np.array(["mass", "age"] if target == "real" else ["kind"]),
    }
    Path("data").mkdir(exist_ok=True)
    write_collection(Path("data/own.npz"), arrays)
    return open_run(Params.model_validate({**DATA, "files": {"own": file}, "runs": runs, "seeds": 3}), "one")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_drawn_task_is_trained_on_fresh_bags_or_on_a_sample_in_steps_or_epochs() -> None:
    assert isinstance(drawn().task, UnitSum)
    assert isinstance(drawn().data, Fresh)
    run = drawn(data=50, epochs=3, batch_size=40, learning_rate=0.5, schedule="cosine", weight_decay=0.25)
    assert isinstance(run.data, Fixed)
    assert (run.data.bags, run.data.classes) == (50, 2)
    shared = DATA["train"]
    expected = Settings(4, 40, 0.5, "cosine", 0.25, 1, shared["measure_sets"])
    assert run.settings == expected, "⌈3 · 50 / 40⌉ steps, with a point after each"
    assert drawn(keep="best").settings.keep == "best"
    assert run.seeds == 3
    assert isinstance(run.network(), DeepSet)


def test_a_collection_is_trained_on_its_own_bags_in_epochs_over_those_of_training() -> None:
    run = collected("binary", FOLDS, epochs=2, batch_size=4)
    assert isinstance(run.data, Split)
    assert run.settings.steps == 6, "⌈2 · 11 / 4⌉"
    assert run.seeds == 3
    assert isinstance(run.network(), Standardized)


def test_classes_are_balanced_where_the_run_asks_for_it() -> None:
    runs = [collected("binary", FOLDS, **train) for train in ({}, {"class_weights": "balanced"})]
    assert [run.data.class_weights(0) is None for run in runs] == [True, False]
    assert drawn(class_weights="balanced").data.class_weights(0) is None, "every class has as many"


@pytest.mark.parametrize("split", [FOLDS, FRACTION], ids=["folds", "fraction"])
@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("binary", Binary(("a", "b"))),
        ("classes", Classes(2, ("a", "b"))),
        ("real", Real(2, "squared", ("mass", "age"))),
    ],
)
def test_the_task_of_a_file_is_what_is_in_it(kind: str, target: Any, split: dict[str, Any]) -> None:
    task = collected(kind, split).task
    assert isinstance(task, Collected)
    assert task.target == target
    assert task.folds == (3 if split is FOLDS else None)
    assert task.split.real == (kind == "real")
    assert task.split.collection.sizes.tolist() == SIZES.tolist()
    assert task.standardize


def test_support_vector_machines_are_fitted_and_cost_no_training() -> None:
    run = collected("binary", FOLDS, SVM)
    trained = run.train()
    assert trained.history.shape == (0, 3)
    assert isinstance(run.network().network, KernelMachine)  # type: ignore[union-attr]
    assert run.costs()["training_gflop"] is None
    assert run.costs()["bag_kflop"] is not None
    assert collected("binary", FOLDS).costs()["training_gflop"] is not None


def test_each_fold_is_tested_on_bags_of_its_own_in_their_order() -> None:
    run = collected("real", FOLDS)
    networks = [run.network() for _ in range(3)]
    weights, fitted = stack(networks)
    for seed, (outputs, labels) in enumerate(run.tested(run.network(), {**weights, **fitted})):
        bags = collection(run).bags(torch.tensor([seed, seed + 3]))
        torch.testing.assert_close(outputs, networks[seed](bags.x, bags.mask), rtol=1e-4, atol=1e-5)
        assert torch.equal(labels, bags.y)


def test_a_drawn_task_is_tested_on_one_test_set_or_a_given_one() -> None:
    run = drawn()
    network = run.network()
    state = stack([run.network() for _ in range(2)])[0]
    bags = Bags(torch.randn(6, 4, 1), torch.ones(6, 1))
    for given, expected in ((None, run.task.test_set()), (bags, bags)):  # type: ignore[union-attr]
        for seed, (outputs, labels) in enumerate(run.tested(network, state, given)):
            assert torch.equal(outputs, predict(network, state, expected.x)[seed])
            assert torch.equal(labels, expected.y)


def test_each_seed_is_validated_on_bags_of_its_own_which_are_those_of_its_curves() -> None:
    for run in (collected("binary", FOLDS, steps=5), drawn(steps=5)):
        trained = run.train()
        results = run.validated(run.network(), trained.state)
        losses = [float(run.task.target.loss(outputs, labels)) for outputs, labels in results]
        np.testing.assert_allclose(losses, trained.curves[-1, 2], rtol=1e-6)
        assert len(set(losses)) == 3


def collection(run: Run) -> Collection:
    assert isinstance(run.task, Collected)
    return run.task.split.collection


@pytest.mark.parametrize("objects", [1, 40, 60, 999])
def test_an_excerpt_of_a_file_has_bags_of_all_sizes_in_portions_of_like_ones(objects: int) -> None:
    run = collected("binary", FOLDS)
    portions = run.excerpt(objects)
    chosen = collection(run).of_all_sizes(objects)
    sizes = [part.mask.sum(-1).tolist() for part in portions]  # type: ignore[union-attr]
    assert sorted(size for part in sizes for size in part) == sorted(SIZES[chosen].tolist())
    ends = [part.x.shape[1] for part in portions]
    assert ends == [1, 2, 4, 9]
    assert all(lower < size <= end for lower, part, end in zip([-1, *ends], sizes, ends, strict=False) for size in part)


def test_an_excerpt_of_a_test_set_is_its_first_bags() -> None:
    run = drawn()
    for objects, bags in ((1, 1), (19, 1), (35, 3)):
        [part] = run.excerpt(objects)
        assert torch.equal(part.x, run.task.test_set().x[:bags])  # type: ignore[union-attr]
