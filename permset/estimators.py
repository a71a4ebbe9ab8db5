"""Networks on bags with scikit-learn's interface: they train on lists of arrays what a run trains on a file."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from pydantic import ValidationError
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from permset import PermsetError
from permset.config.kinds import ClassWeights, Keep, Schedule
from permset.config.mistakes import describe
from permset.config.networks import SVMParams
from permset.config.runs import RunParams
from permset.data.bags import Collection
from permset.data.batches import Split
from permset.data.randomness import generator
from permset.data.splits import TRAINING, VALIDATION
from permset.data.targets import Binary, Classes, Real, Target
from permset.networks.build import build_model
from permset.training.run import LEAST_POINTS, outputs_on_bags
from permset.training.settings import Settings
from permset.training.stack import of_seed
from permset.training.svm import fit_machines
from permset.training.train import choose_device, train_seeds

DEEPSET = {
    "kind": "deepset",
    "element_widths": [64],
    "element_activation": "relu",
    "pooling": ["mean", "max"],
    "set_widths": [32],
    "set_activation": "relu",
}


class BagEstimator(BaseEstimator):  # type: ignore[misc]
    """What a classifier and a regressor of bags share.

    A bag is an array, or a data frame, with a row for each object, (n, channels); bags may have any sizes, also none.
    `model` and `symmetrizer` are written as in params.yaml, and the other arguments mean what they mean there: `seeds`
    networks are trained, each from weights of its own, and their predictions are averaged. The share `validation` of
    the bags, drawn by `random_state`, is kept out of training. `set_size` is the most objects that a bag may have, for
    networks that need to know; that of the largest bag of training where it is None.
    """

    def __init__(
        self,
        model: Mapping[str, Any] | None = None,
        symmetrizer: Mapping[str, Any] | None = None,
        *,
        epochs: int = 50,
        batch_size: int = 32,
        learning_rate: float = 0.003,
        schedule: Schedule = "cosine",
        weight_decay: float = 0.01,
        class_weights: ClassWeights = "none",
        keep: Keep = "last",
        seeds: int = 1,
        standardize: bool = True,
        validation: float = 0.1,
        set_size: int | None = None,
        random_state: int = 0,
        device: str = "auto",
    ):
        self.model = model
        self.symmetrizer = symmetrizer
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.class_weights = class_weights
        self.keep = keep
        self.seeds = seeds
        self.standardize = standardize
        self.validation = validation
        self.set_size = set_size
        self.random_state = random_state
        self.device = device

    def outputs(self, bags: Sequence[ArrayLike]) -> Float[np.ndarray, "seeds sets outputs"]:
        """What each network gives, as in the pipeline: logits, or numbers in the units of the labels."""
        check_is_fitted(self)
        objects, sizes = _flat(bags)
        if objects.shape[1] != self.n_features_in_:
            raise PermsetError(f"bags must have {self.n_features_in_} channels, got {objects.shape[1]}")
        collection = Collection(objects, sizes, torch.zeros(len(sizes), 1))
        everything = torch.arange(len(sizes))
        states = [of_seed(self.state_, seed) for seed in range(self.seeds)]
        found = [outputs_on_bags(self.network_, state, collection, everything)[0] for state in states]
        return torch.stack(found).numpy()

    def _fit(
        self, bags: Sequence[ArrayLike], y: Float[np.ndarray, "sets targets"], target: Target, roles: ArrayLike | None
    ) -> None:
        entry = self._entry()
        objects, sizes = _flat(bags)
        if len(sizes) != len(y):
            raise PermsetError(f"there must be a label for each bag, got {len(sizes)} bags and {len(y)} labels")
        if not len(objects):
            raise PermsetError("there must be objects to learn from, got only empty bags")
        given = self._draw_roles(y, target) if roles is None else np.asarray(roles)
        if given.shape != (len(y),) or not {TRAINING, VALIDATION} <= set(given.tolist()):
            raise PermsetError(
                "roles must be 0 (training), 1 (validation) or 2 (neither) for each bag, some 0 and some 1"
            )
        collection = Collection(objects, sizes, torch.from_numpy(y).float())
        rows, balanced = torch.from_numpy(given.astype(np.int8))[None], self.class_weights == "balanced"
        split = Split(collection, rows, real=isinstance(target, Real), balanced=balanced)
        self.n_features_in_ = objects.shape[1]
        size = self.set_size or collection.largest
        build = partial(
            build_model, entry.model, entry.symmetrizer, size, self.n_features_in_, target.outputs, self.standardize
        )
        if isinstance(entry.model, SVMParams):
            trained = fit_machines(build, split, target, entry.model.penalty, self.seeds, 0, None)
        else:
            steps = math.ceil(self.epochs * split.bags / self.batch_size)
            settings = Settings(
                steps=steps,
                batch_size=self.batch_size,
                learning_rate=self.learning_rate,
                schedule=self.schedule,
                weight_decay=self.weight_decay,
                measure_every=None if self.keep == "last" else math.ceil(steps / LEAST_POINTS),
                measure_sets=len(split),
                keep=self.keep,
            )
            device = choose_device(self.device)
            trained = train_seeds(build, split, settings, range(self.seeds), target=target, device=device, name=None)
        self.network_, self.state_ = build(), trained.state

    def _entry(self) -> RunParams:
        """The arguments, checked as a run of params.yaml is."""
        names = "epochs", "batch_size", "learning_rate", "schedule", "weight_decay", "class_weights", "keep"
        train = {name: getattr(self, name) for name in names}
        entry = {"task": "bags", "model": dict(self.model or DEEPSET), "symmetrizer": self.symmetrizer, "train": train}
        try:
            checked = RunParams.model_validate(entry)
        except ValidationError as error:
            [detail, *_] = error.errors()
            place = ".".join(str(part) for part in detail["loc"] if part != "train")
            raise PermsetError(f"{place}: {describe(detail)}") from error
        if not 0 < self.validation < 1:
            raise PermsetError(f"validation must be a share between 0 and 1, got {self.validation}")
        if self.seeds < 1:
            raise PermsetError(f"seeds must be at least 1, got {self.seeds}")
        return checked

    def _draw_roles(self, y: Float[np.ndarray, "sets targets"], target: Target) -> Int[np.ndarray, " sets"]:
        """Every so many-th bag for validation, along a line in which the bags of a class stand together."""
        order = torch.randperm(len(y), generator=generator(self.random_state, "split")).numpy()
        if not isinstance(target, Real):
            order = order[np.argsort(y[order, 0], kind="stable")]
        count = max(1, round(self.validation * len(y)))
        chosen = np.floor((np.arange(count) + 0.5) * len(y) / count).astype(int)
        roles = np.full(len(y), TRAINING)
        roles[order[chosen]] = VALIDATION
        return roles


class BagClassifier(ClassifierMixin, BagEstimator):  # type: ignore[misc]
    """A classifier of bags for scikit-learn: see `BagEstimator` for its arguments.

        BagClassifier(epochs=20).fit(bags, labels).predict_proba(more_bags)

    It works in `cross_val_score`, `GridSearchCV` and `Pipeline`. For the same settings, seeds and roles of the bags its
    outputs are those of the pipeline to the last bit.
    """

    def fit(self, X: Sequence[ArrayLike], y: ArrayLike, roles: ArrayLike | None = None) -> "BagClassifier":
        """Learn from bags and the class of each, of any type; `roles` in place of a random share for validation.

        PermsetError, a ValueError, in one line for what cannot be learnt from.
        """
        self.classes_, indices = np.unique(np.asarray(y), return_inverse=True)
        names = [str(name) for name in self.classes_]
        if len(names) < 2:
            raise PermsetError(f"there must be at least two classes, got {len(names)}")
        target = Binary((names[0], names[1])) if len(names) == 2 else Classes(len(names), tuple(names))
        self._fit(X, indices.reshape(-1, 1).astype(float), target, roles)
        return self

    def predict_proba(self, X: Sequence[ArrayLike]) -> Float[np.ndarray, "sets classes"]:
        """The probability of each class in the order of `classes_`, the mean over seeds."""
        outputs = torch.from_numpy(self.outputs(X)).double()
        if len(self.classes_) == 2:
            return torch.sigmoid(torch.cat([-outputs, outputs], -1)).mean(0).numpy()
        return outputs.softmax(-1).mean(0).numpy()

    def predict(self, X: Sequence[ArrayLike]) -> np.ndarray:
        """The most probable class of each bag."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(-1)]


class BagRegressor(RegressorMixin, BagEstimator):  # type: ignore[misc]
    """A regressor of bags for scikit-learn, of one number or several: see `BagEstimator` for its arguments."""

    def fit(self, X: Sequence[ArrayLike], y: ArrayLike, roles: ArrayLike | None = None) -> "BagRegressor":
        """Learn from bags and the number of each, (sets,) or (sets, targets); `roles` as for a classifier."""
        if self.class_weights == "balanced":
            raise PermsetError("class_weights: real targets have no classes to balance; choose none")
        numbers = np.asarray(y, dtype=float)
        if not np.isfinite(numbers).all():
            raise PermsetError("labels must be finite numbers")
        self._shape = numbers.shape[1:]
        numbers = numbers.reshape(len(numbers), -1)
        self._fit(X, numbers, Real(numbers.shape[1]), roles)
        return self

    def predict(self, X: Sequence[ArrayLike]) -> Float[np.ndarray, "sets *targets"]:
        """In the units of the labels, the mean over seeds."""
        return self.outputs(X).astype(float).mean(0).reshape(-1, *self._shape)


def _flat(bags: Sequence[ArrayLike]) -> tuple[Float[torch.Tensor, "objects c"], Int[torch.Tensor, " sets"]]:
    """The objects of all bags in a row, and how many each has."""
    arrays = [np.asarray(bag, dtype=np.float32) for bag in bags]
    for i, array in enumerate(arrays):
        if array.ndim != 2:
            raise PermsetError(f"bag {i} must be an array of objects and channels, got shape {array.shape}")
        if array.shape[1] != arrays[0].shape[1]:
            raise PermsetError(f"bag {i} has {array.shape[1]} channels, and bag 0 has {arrays[0].shape[1]}")
        if not np.isfinite(array).all():
            raise PermsetError(f"bag {i} has numbers that are not finite")
    if not arrays:
        raise PermsetError("there must be at least one bag")
    return torch.from_numpy(np.concatenate(arrays)), torch.tensor([len(array) for array in arrays])
