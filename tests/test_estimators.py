"""scikit-learn's interface trains what a run trains, and works in scikit-learn's own tools."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from permset import PermsetError, estimators
from permset.config.experiment import Params
from permset.data.splits import TEST
from permset.data.targets import BINARY
from permset.data.tasks import Collected
from permset.estimators import BagClassifier, BagEstimator, BagRegressor
from permset.store.arrays import write_collection
from permset.training import run as training
from permset.training.run import open_run

DATA = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text())
DEEPSET = {
    **{"kind": "deepset", "element_widths": [8], "element_activation": "tanh", "pooling": ["mean", "max"]},
    **{"set_widths": [4], "set_activation": "tanh"},
}
SVM = {"kind": "svm", "statistics": ["mean", "max"], "penalty": 1.0}
MLP = {"kind": "mlp", "widths": [8], "activation": "tanh"}
TRAIN = {"epochs": 3, "batch_size": 16, "learning_rate": 0.01, "schedule": "cosine", "weight_decay": 0.01}
BEST = {"epochs": 40, "learning_rate": 0.1, "schedule": "constant", "keep": "best"}
ROLES = np.arange(60) % 6 // 4 + (np.arange(60) % 6 == 5)  # 0 0 0 0 1 2 …
QUICK: dict[str, Any] = {"model": DEEPSET, "epochs": 30, "learning_rate": 0.03, "device": "cpu"}


def bags_of(count: int, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """Bags of 1 to 8 objects with two channels, and the largest first channel of each."""
    draws = np.random.default_rng(seed)
    bags = [draws.standard_normal((size, 2)).astype(np.float32) for size in draws.integers(1, 9, count)]
    return bags, np.array([bag[:, 0].max() for bag in bags])


def labels_of(target: str, largest: np.ndarray) -> np.ndarray:
    match target:
        case "binary":
            return np.where(largest > np.median(largest), "yes", "no")
        case "classes":
            return np.digitize(largest, np.quantile(largest, [0.3, 0.6]))
        case _:
            return np.stack([largest, 100 * largest**2], 1)


@pytest.mark.parametrize(
    ("model", "train"),
    [(DEEPSET, TRAIN), (DEEPSET, TRAIN | BEST), (SVM, TRAIN), (MLP, TRAIN)],
    ids=["deepset", "best", "svm", "mlp"],
)
@pytest.mark.parametrize("target", ["binary", "classes", "real"])
def test_outputs_are_those_of_the_pipeline_to_the_last_bit(
    target: str, model: dict[str, Any], train: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for module in (estimators, training):  # Points of the curves cost the most.
        assert module.LEAST_POINTS == 20
        monkeypatch.setattr(module, "LEAST_POINTS", 5)
    bags, largest = bags_of(60)
    labels = labels_of(target, largest)
    names, indices = np.unique(labels, return_inverse=True)
    real = target == "real"
    arrays = {
        "objects": np.concatenate(bags),
        "sizes": np.array([len(bag) for bag in bags]),
        "y": labels.astype(np.float32) if real else indices.reshape(-1, 1).astype(np.float32),
        "roles": ROLES[None].astype(np.int8),
        "classes": np.array([] if real else names.astype(str), dtype=str),
        "channels": np.array(["a", "b"]),
        "targets": np.array(["one", "two"] if real else ["label"]),
    }
    Path("data").mkdir()
    write_collection(Path("data/own.npz"), arrays)
    split = {"kind": "fraction", "test": 0.2, "validation": 0.2, "seed": 0}
    file = {"kind": "npz", "path": "own.npz", "target": target, "split": split}
    runs = {"one": {"task": "own", "model": model, "train": train}}
    run = open_run(Params.model_validate({**DATA, "files": {"own": file}, "runs": runs, "seeds": 2}), "one")
    assert isinstance(run.task, Collected)
    tested = run.tested(run.network(), run.train().state)

    kind = BagRegressor if real else BagClassifier
    estimator = kind(model, seeds=2, device=DATA["device"], **train).fit(bags, labels, roles=ROLES)
    outputs = estimator.outputs([bag for bag, role in zip(bags, ROLES, strict=True) if role == TEST])
    np.testing.assert_array_equal(outputs, np.stack([found.numpy() for found, _ in tested]))
    others = kind(model, seeds=2, device="cpu", **train).fit(bags, labels, roles=(ROLES + 1) % 3)
    assert (others.outputs(bags) != estimator.outputs(bags)).any(), "the control: other bags of training"


def test_a_classifier_predicts_classes_of_any_type_and_their_probabilities() -> None:
    bags, largest = bags_of(300)
    for target in ("binary", "classes"):
        labels = labels_of(target, largest)
        classifier = BagClassifier(seeds=2, **QUICK).fit(bags[:200], labels[:200])
        probabilities = classifier.predict_proba(bags[200:])
        assert classifier.classes_.tolist() == np.unique(labels).tolist()
        assert probabilities.shape == (100, len(classifier.classes_))
        np.testing.assert_allclose(probabilities.sum(1), 1)
        predicted = classifier.predict(bags[200:])
        assert (predicted == classifier.classes_[probabilities.argmax(1)]).all()
        assert (predicted == labels[200:]).mean() == classifier.score(bags[200:], labels[200:]) > 0.8
        outputs = torch.from_numpy(classifier.outputs(bags[200:])).double()
        each = outputs.softmax(-1) if target == "classes" else torch.sigmoid(torch.cat([-outputs, outputs], -1))
        np.testing.assert_allclose(probabilities, each.mean(0), err_msg="the mean of the networks' probabilities")
        assert not torch.equal(outputs[0], outputs[1])


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_a_regressor_gives_numbers_in_the_units_and_the_shape_of_the_labels(shape: tuple[int, ...]) -> None:
    bags, largest = bags_of(300)
    labels = (1000 * largest + 5000).reshape(shape)
    regressor = BagRegressor(seeds=2, **QUICK).fit(bags[:200], labels[:200])
    predicted = regressor.predict(bags[200:])
    assert predicted.shape == labels[200:].shape
    assert regressor.score(bags[200:], labels[200:]) > 0.8
    np.testing.assert_allclose(predicted.ravel(), regressor.outputs(bags[200:]).mean(0).ravel(), rtol=1e-6)


def test_scikit_learns_tools_take_it() -> None:
    bags, largest = bags_of(120)
    labels = labels_of("binary", largest)
    classifier = BagClassifier(**QUICK)
    assert cross_val_score(classifier, bags, labels, cv=2).mean() > 0.8
    halves = FunctionTransformer(lambda bags: [bag[:, 1:] for bag in bags])
    blind = Pipeline([("second channel", halves), ("bags", BagClassifier(**QUICK))])
    assert cross_val_score(blind, bags, labels, cv=2).mean() < 0.7, "the control: only noise is left"
    search = GridSearchCV(BagClassifier(**QUICK), {"learning_rate": [1e-9, 0.03], "model": [DEEPSET]}, cv=2)
    assert search.fit(bags, labels).best_params_["learning_rate"] == 0.03
    copied = clone(BagClassifier(SVM, seeds=3, validation=0.3))
    assert (copied.get_params()["model"], copied.seeds, copied.validation) == (SVM, 3, 0.3)
    with pytest.raises(NotFittedError):
        copied.predict(bags)


def test_the_bags_of_validation_are_a_share_of_each_class_and_drawn_by_the_random_state() -> None:
    _, largest = bags_of(100)
    y = (largest > np.quantile(largest, 0.8)).astype(float).reshape(-1, 1)
    [of_one, again, of_another] = [
        BagClassifier(validation=0.2, random_state=seed)._draw_roles(y, target=BINARY) for seed in (0, 0, 1)
    ]
    assert [int((of_one[y[:, 0] == label] == 1).sum()) for label in (0, 1)] == [16, 4]
    assert of_one.tolist() == again.tolist() != of_another.tolist()
    assert BagClassifier(validation=0.001)._draw_roles(y, target=BINARY).sum() == 1


@pytest.mark.parametrize(
    ("changes", "bags", "labels", "message"),
    [
        ({}, [np.ones(3)] * 2, [0, 1], r"bag 0 must be an array of objects and channels, got shape \(3,\)"),
        ({}, [np.ones((1, 2)), np.ones((1, 3))], [0, 1], "bag 1 has 3 channels, and bag 0 has 2"),
        ({}, [np.ones((1, 2)), np.full((1, 2), np.nan)], [0, 1], "bag 1 has numbers that are not finite"),
        ({}, [np.ones((1, 2))] * 3, [0, 1], "there must be a label for each bag, got 3 bags and 2 labels"),
        ({}, [np.ones((1, 2))] * 2, [1, 1], "there must be at least two classes, got 1"),
        ({}, [np.ones((0, 2))] * 2, [0, 1], "there must be objects to learn from, got only empty bags"),
        ({}, [], [0, 1], "there must be at least one bag"),
        ({"validation": 1.0}, [np.ones((1, 2))] * 2, [0, 1], "validation must be a share between 0 and 1, got 1.0"),
        ({"seeds": 0}, [np.ones((1, 2))] * 2, [0, 1], "seeds must be at least 1, got 0"),
        ({"model": {"kind": "deep"}}, [np.ones((1, 2))] * 2, [0, 1], "model: kind must be one of .*, got 'deep'"),
        ({"epochs": 0}, [np.ones((1, 2))] * 2, [0, 1], "epochs: Input should be greater than or equal to 1, got 0"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    changes: dict[str, Any], bags: list[np.ndarray], labels: list[int], message: str
) -> None:
    with pytest.raises(PermsetError, match=f"^{message}$"):
        BagClassifier(**changes).fit(bags, labels)


def test_balanced_classes_are_those_of_the_pipeline_and_numbers_have_none() -> None:
    bags, largest = bags_of(200)
    labels = np.where(largest > np.quantile(largest, 0.9), "rare", "common")
    plain, balanced = (BagClassifier(class_weights=how, **QUICK).fit(bags, labels) for how in ("none", "balanced"))
    assert balanced.predict_proba(bags)[:, 1].mean() > plain.predict_proba(bags)[:, 1].mean() + 0.02
    with pytest.raises(PermsetError, match=r"^class_weights: real targets have no classes to balance; choose none$"):
        BagRegressor(class_weights="balanced").fit(bags, largest)


def test_bags_must_have_the_channels_of_training_and_labels_must_be_finite() -> None:
    bags, largest = bags_of(20)
    with pytest.raises(PermsetError, match=r"^labels must be finite numbers$"):
        BagRegressor().fit(bags, np.full(20, np.inf))
    for roles in (ROLES[:19], np.zeros(20)):
        with pytest.raises(PermsetError, match=r"^roles must be 0"):
            BagRegressor().fit(bags, largest, roles=roles)
    fitted: BagEstimator = BagRegressor(SVM).fit(bags, largest)
    with pytest.raises(PermsetError, match=r"^bags must have 2 channels, got 3$"):
        fitted.outputs([np.ones((4, 3))])


def test_a_network_of_fixed_size_takes_bags_up_to_the_given_size() -> None:
    bags, largest = bags_of(40)
    longer = [np.zeros((12, 2), np.float32)]
    assert BagRegressor(MLP, set_size=12, epochs=1).fit(bags, largest).predict(longer).shape == (1,)
    with pytest.raises(PermsetError, match="bags of at most 8 objects can be taken here"):
        BagRegressor(MLP, epochs=1).fit(bags, largest).predict(longer)
