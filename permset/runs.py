"""A run of params.yaml: its task, its network, the network trained with all seeds."""

from concurrent.futures import Executor
from functools import partial

from permset.models import Model, build_model
from permset.params import Params
from permset.tasks import Task, build_task
from permset.training import Settings, Trained, choose_device, costs, train_seeds


def task_of(params: Params, name: str) -> Task:
    return build_task(params.task(params.run(name).task))


def network_of(params: Params, name: str) -> Model:
    """With fresh weights from torch's generator."""
    chosen, task = params.run(name), task_of(params, name)
    return build_model(chosen.model, chosen.symmetrizer, task.set_size, task.channels)


def train_run(params: Params, name: str, executor: Executor | None = None, show: bool = True) -> Trained:
    """All seeds, as `train_seeds` trains them, with or without a bar of progress."""
    return train_seeds(
        partial(network_of, params, name),
        task_of(params, name).sample,
        settings_of(params, name),
        range(params.seeds),
        device=choose_device(params.device),
        executor=executor,
        name=name if show else None,
    )


def costs_of(params: Params, name: str) -> dict[str, float]:
    """Of training one network of the run, and of using it."""
    return costs(partial(network_of, params, name), task_of(params, name).sample, settings_of(params, name))


def settings_of(params: Params, name: str) -> Settings:
    train = params.train_of(name)
    return Settings(
        steps=train.steps,
        batch_size=train.batch_size,
        learning_rate=train.learning_rate,
        schedule=train.schedule,
        bags=train.bags,
        measure_every=train.measure_every,
        measure_sets=train.measure_sets,
    )
