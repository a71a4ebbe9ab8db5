"""A run of params.yaml: its task and its network, trained with all seeds and measured on test bags."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm import tqdm

from permset import PermsetError
from permset.config.data import FoldsParams
from permset.config.experiment import Params
from permset.config.networks import SVMParams
from permset.config.tasks import DrawnParams
from permset.data.bags import Bags, Collection, in_like_sizes
from permset.data.batches import Split, TrainingData
from permset.data.drawn import Fixed
from permset.data.splits import TEST
from permset.data.targets import build_target
from permset.data.tasks import Collected, Task, build_task
from permset.networks.build import build_model
from permset.store.arrays import read_collection, read_model
from permset.symmetry.symmetrizers import SetNetwork
from permset.training.blocks import Trained
from permset.training.learning_curves import outputs_and_labels
from permset.training.settings import Settings
from permset.training.stack import SETS_A_TIME, State, of_seed, predict
from permset.training.svm import fit_machines
from permset.training.train import choose_device, costs, train_seeds

LEAST_POINTS = 20
"""of a run's curves, however short its training"""


@dataclass(frozen=True)
class Run:
    params: Params
    name: str
    task: Task

    def network(self) -> SetNetwork:
        """A network of the run, with fresh weights from torch's generator."""
        return self.build()

    @property
    def build(self) -> partial[SetNetwork]:
        """Makes the run's network; with its arguments, for other processes."""
        chosen, task = self.params.run(self.name), self.task
        shape = task.set_size, task.channels, task.target.outputs
        return partial(build_model, chosen.model, chosen.symmetrizer, *shape, task.standardize)

    @property
    def seeds(self) -> int:
        """Networks that it trains: one for each fold, where there are folds."""
        return self.task.folds or self.params.seeds

    @property
    def data(self) -> TrainingData:
        train = self.params.train_of(self.name, bags=1)
        data = self.task.training(train.bags)
        return replace(data, balanced=train.class_weights == "balanced") if isinstance(data, Split) else data

    @property
    def settings(self) -> Settings:
        train = self.params.train_of(self.name, self.data.bags)
        return Settings(
            steps=train.steps,
            batch_size=train.batch_size,
            learning_rate=train.learning_rate,
            schedule=train.schedule,
            weight_decay=train.weight_decay,
            measure_every=min(train.measure_every, math.ceil(train.steps / LEAST_POINTS)),
            measure_sets=train.measure_sets,
            keep=train.keep,
        )

    def train(self, seeds: Sequence[int] | None = None, row: int | None = None) -> Trained:
        """These seeds, or all, as `train_seeds` trains them; of support-vector machines always all.

        Their progress bars are in this row and the next ones; without a row there are none.
        """
        model, data, title = self.params.run(self.name).model, self.data, None if row is None else self.name
        if isinstance(model, SVMParams) and isinstance(data, Split | Fixed):
            sets = self.settings.measure_sets
            return fit_machines(self.build, data, self.task.target, model.penalty, self.seeds, sets, title)
        return train_seeds(
            self.build,
            data,
            self.settings,
            range(self.seeds) if seeds is None else seeds,
            target=self.task.target,
            device=choose_device(self.params.device),
            name=title,
            row=row or 0,
        )

    def saved(self) -> dict[str, Any]:
        """What train@<run> left; PermsetError where it was trained with other parameters."""
        saved = read_model(Path(f"models/{self.name}.pt"))
        if saved["run"] != self.params.run(self.name).model_dump():
            raise PermsetError(
                f"models/{self.name}.pt: trained with other parameters; make it anew with: dvc repro train@{self.name}"
            )
        return saved

    def costs(self) -> dict[str, float | None]:
        """What it costs to train one network of the run, and to use it on one bag."""
        spent: dict[str, float | None] = {**costs(self.build, self.data, self.settings, self.task.target)}
        if isinstance(self.params.run(self.name).model, SVMParams):
            spent["training_gflop"] = None
        return spent

    def tested(
        self, network: SetNetwork, state: State, test_set: Bags | None = None, show: bool = False
    ) -> list[tuple[Tensor, Tensor]]:
        """Outputs and labels of each seed's network: on the one test set of a drawn task, or on its own test bags.

        With or without a progress bar.
        """
        seeds = range(len(next(iter(state.values()))))
        title, hidden = f"{self.name}: test bags", None if show else True  # None shows it on a terminal
        match self.task:
            case Collected(split=split):
                progress = tqdm(seeds, desc=title, leave=None, disable=hidden)
                return [
                    outputs_on_bags(network, of_seed(state, seed), split.collection, split.bags_of(seed, TEST))
                    for seed in progress
                ]
            case drawn:
                bags = test_set or drawn.test_set()
                outputs = predict(network, state, bags.x, bags.mask, title if show else None)
                return [(outputs[seed], bags.y) for seed in seeds]

    def validated(self, network: SetNetwork, state: State) -> list[tuple[Tensor, Tensor]]:
        """Outputs and labels of each seed's network on the bags of validation on which its curves are measured."""
        data, sets = self.data, self.settings.measure_sets
        bags = [data.validation(seed, sets, torch.device("cpu")) for seed in range(len(next(iter(state.values()))))]
        return [outputs_and_labels(network, of_seed(state, seed), portions) for seed, portions in enumerate(bags)]

    def excerpt(self, objects: int, test_set: Bags | None = None) -> list[Bags]:
        """Bags of about so many objects, in portions of like sizes: the first of a test set, or of each size in a file.

        If one bag of each size has more objects than that, it is those bags.
        """
        match self.task:
            case Collected(split=split):
                collection = split.collection
                chosen = collection.of_all_sizes(objects)
                lowest, portions = -1, []
                for end in reversed(collection.like_sizes(0.0)):
                    portion = chosen[(collection.sizes[chosen] > lowest) & (collection.sizes[chosen] <= end)]
                    portions += [collection.bags(portion, end)] if len(portion) else []
                    lowest = end
                return portions
            case drawn:
                return [(test_set or drawn.test_set())[: max(1, objects // self.task.set_size)]]


def open_run(params: Params, name: str) -> Run:
    """A run of params.yaml; the bags of a collection are read from data/<task>.npz."""
    return Run(params, name, open_task(params, params.run(name).task))


def open_task(params: Params, name: str) -> Task:
    source = params.task(name)
    if isinstance(source, DrawnParams):
        return build_task(source)
    arrays = read_collection(Path(f"data/{name}.npz"), f"{'generate' if name in params.tasks else 'read'}@{name}")
    objects, sizes, y, roles = (torch.from_numpy(arrays[key]) for key in ("objects", "sizes", "y", "roles"))
    names = arrays["classes"].tolist() or arrays["targets"].tolist()
    target = build_target(source.target, names, source.loss)
    folds = len(roles) if isinstance(source.split, FoldsParams) else None
    split = Split(Collection(objects, sizes, y), roles, real=source.target == "real")
    return Collected(split, target, folds, source.standardize)


def outputs_on_bags(
    network: SetNetwork, state: State, collection: Collection, chosen: Int[Tensor, " sets"]
) -> tuple[Float[Tensor, "sets outputs"], Float[Tensor, "sets targets"]]:
    """Outputs of one network, and labels, for these bags of a collection, in their order there."""
    outputs, order = [], []
    for portion in in_like_sizes(collection, chosen, SETS_A_TIME):
        bags = collection.bags(portion)
        outputs.append(predict(network, state, bags.x, bags.mask)[0])
        order.append(portion)
    back = torch.cat(order).argsort()
    return torch.cat(outputs)[back], collection.y[torch.cat(order)[back]]
