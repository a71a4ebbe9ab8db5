"""Fits support-vector machines, the yardstick for collections, in the form in which networks are trained."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from tqdm import tqdm

from permset.data.bags import Collection
from permset.data.batches import Split
from permset.data.splits import TRAINING, VALIDATION
from permset.data.targets import Target
from permset.networks.kernel_machine import KernelMachine
from permset.networks.standardization import Standardized
from permset.training.blocks import Build, Trained, initialise, prepare
from permset.training.learning_curves import measure_curves
from permset.training.stack import SETS_A_TIME, stack


def fit_machines(build: Build, split: Split, target: Target, penalty: float, seeds: int, name: str | None) -> Trained:
    """A machine for each seed, on its bags of training; seeds of one split are alike.

    There are no steps: the curves have one point, and the history none. Progress is shown under the name, if any.
    """
    rows = range(min(seeds, len(split.roles)))
    size = max(len(split.bags_of(row, TRAINING)) for row in rows)
    networks = []
    hidden = None if name else True  # None shows it on a terminal
    for row in tqdm(rows, desc=name, leave=None, disable=hidden):
        network, training = initialise(build, row), split.bags_of(row, TRAINING)
        prepare(network, split, row)
        machine, labels = network, split.collection.y[training]
        if isinstance(network, Standardized):
            machine = network.network
            labels = (labels - network.target_mean) / network.target_deviation
        assert isinstance(machine, KernelMachine)
        statistics = _statistics(network, machine, split.collection, training)
        machine.fit(statistics, labels, target, penalty, size, split.balanced)
        networks.append(network)
    weights, buffers = stack(networks)
    turns = torch.arange(seeds) % len(rows)
    state = {key: value[turns] for key, value in {**weights, **buffers}.items()}
    seen, unseen = (
        [[split.collection.bags(split.bags_of(seed, role))] for seed in range(seeds)] for role in (TRAINING, VALIDATION)
    )
    curves = measure_curves(networks[0], state, target, seen, unseen)
    return Trained(state, np.empty((0, seeds), np.float32), np.array([0]), curves[None], np.zeros(seeds, dtype=int))


def _statistics(
    network: nn.Module, machine: KernelMachine, collection: Collection, chosen: Tensor
) -> Float[Tensor, "sets features"]:
    found = []
    for portion in chosen.split(SETS_A_TIME):
        bags = collection.bags(portion)
        x = (bags.x - network.mean) / network.deviation if isinstance(network, Standardized) else bags.x
        found.append(machine.statistics(x, bags.mask))
    return torch.cat(found)
