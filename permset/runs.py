"""A run of params.yaml: its task, its network, the network trained with all seeds."""

from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from permset.bags import Bags, Collection, in_like_sizes
from permset.batches import Data, Fixed, Fresh, Split
from permset.entries import SVMParams
from permset.files import read_collection
from permset.models import Model, build_model
from permset.params import Params
from permset.scores import Target
from permset.sources import CollectionParams, DrawnParams, FoldsParams
from permset.splits import TEST, TRAINING
from permset.stacked import SETS_A_TIME, State, of_seed, predict
from permset.tasks import Collected, Task, build_task
from permset.training import Build, Settings, Trained, choose_device, costs, train_seeds
from permset.yardstick import fit_machines


@dataclass(frozen=True)
class Run:
    params: Params
    name: str
    task: Task

    def network(self) -> Model:
        """With fresh weights."""
        return cast(Model, self.build())

    @property
    def build(self) -> Build:
        """Makes its network, with fresh weights from torch's generator."""
        chosen, task = self.params.run(self.name), self.task
        standardize = isinstance(task, Collected) and task.standardize
        shape = task.set_size, task.channels, task.target.outputs
        return partial(build_model, chosen.model, chosen.symmetrizer, *shape, standardize)

    @property
    def seeds(self) -> int:
        """Networks that it trains: one for each fold, where there are folds."""
        return getattr(self.task, "folds", None) or self.params.seeds

    @property
    def overlap(self) -> float:
        """Test bags over bags of training of a fold, 0 without folds; see evaluation.interval."""
        if not isinstance(self.task, Collected) or self.task.folds is None:
            return 0.0
        roles = self.task.split.roles
        return float((roles == TEST).sum() / (roles == TRAINING).sum())

    @property
    def data(self) -> Data:
        if isinstance(self.task, Collected):
            return self.task.split
        bags = self.params.train_of(self.name).bags
        if bags is None:
            return Fresh(self.task.sample)
        return Fixed(self.task.sample, bags, 2 if self.task.target.kind == "binary" else 1)

    @property
    def settings(self) -> Settings:
        data = self.data
        train = self.params.train_of(self.name, len(data.of(0, TRAINING)) if isinstance(data, Split) else None)
        return Settings(
            steps=train.steps,
            batch_size=train.batch_size,
            learning_rate=train.learning_rate,
            schedule=train.schedule,
            weight_decay=train.weight_decay,
            measure_every=train.measure_every,
            measure_sets=train.measure_sets,
        )

    def train(self, executor: Executor | None = None, show: bool = True) -> Trained:
        """All seeds, as `train_seeds` trains them, with or without a bar of progress."""
        model = self.params.run(self.name).model
        if isinstance(model, SVMParams):
            assert isinstance(self.data, Split), "params.yaml was checked"
            return fit_machines(self.build, self.data, self.task.target, model.penalty, self.seeds)
        return train_seeds(
            self.build,
            self.data,
            self.settings,
            range(self.seeds),
            target=self.task.target,
            device=choose_device(self.params.device),
            executor=executor,
            name=self.name if show else None,
        )

    def costs(self) -> dict[str, float | None]:
        """Of training one network of the run, and of using it."""
        spent: dict[str, float | None] = {**costs(self.build, self.data, self.settings, self.task.target)}
        if isinstance(self.params.run(self.name).model, SVMParams):
            spent["training_gflop"] = None
        return spent

    def tested(self, network: Model, state: State, bags: Bags | None = None) -> list[tuple[Tensor, Tensor]]:
        """Outputs and labels of each seed's network on the bags, or on its own test bags of a collection."""
        seeds = range(len(next(iter(state.values()))))
        if bags is not None:
            outputs = predict(network, state, bags.x, bags.mask)
            return [(outputs[seed], bags.y) for seed in seeds]
        assert isinstance(self.data, Split), "drawn bags are given"
        return [_on_own(network, of_seed(state, seed), self.data, self.data.of(seed, TEST)) for seed in seeds]

    def some_bags(self, objects: int, drawn: Bags | None = None) -> Bags:
        """Of those drawn, or of its collection, from all over it: as many as have so many objects, padding included."""
        count = max(1, objects // self.task.set_size)
        if drawn is not None:
            return drawn[:count]
        assert isinstance(self.data, Split)
        which = torch.linspace(0, len(self.data) - 1, min(count, len(self.data))).round().long()
        return self.data.collection.bags(which, self.task.set_size)


def open_run(params: Params, name: str) -> Run:
    """With the bags of its collection, if it has one, from data/<task>.npz."""
    return Run(params, name, open_task(params, params.run(name).task))


def open_task(params: Params, name: str) -> Task:
    source = params.task(name)
    if isinstance(source, DrawnParams):
        return build_task(source)
    assert isinstance(source, CollectionParams)
    arrays = read_collection(Path(f"data/{name}.npz"), f"{'generate' if name in params.tasks else 'read'}@{name}")
    objects, sizes, y, roles = (torch.from_numpy(arrays[key]) for key in ("objects", "sizes", "y", "roles"))
    kind: Literal["binary", "classes", "real"] = getattr(source, "target", "classes")
    outputs = {"binary": 1, "classes": len(arrays["classes"]), "real": y.shape[1]}[kind]
    target = Target(kind, outputs, getattr(source, "loss", "squared"))
    folds = len(roles) if isinstance(source.split, FoldsParams) else None
    split = Split(Collection(objects, sizes, y), roles, real=kind == "real")
    return Collected(split, target, folds, source.standardize)


def _on_own(
    network: nn.Module, state: State, split: Split, which: Tensor
) -> tuple[Float[Tensor, "sets outputs"], Float[Tensor, "sets targets"]]:
    """Outputs of one network, and labels, for these bags of a collection, in their order there."""
    outputs, order = [], []
    for some in in_like_sizes(split.collection, which, SETS_A_TIME):
        bags = split.collection.bags(some)
        outputs.append(predict(network, state, bags.x, bags.mask)[0])
        order.append(some)
    back = torch.cat(order).argsort()
    return torch.cat(outputs)[back], split.collection.y[torch.cat(order)[back]]
