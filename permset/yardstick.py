"""Fit the yardstick, support-vector machines, to collections of bags, in the form in which networks are trained."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from permset.bags import Collection
from permset.batches import Split
from permset.curves import measure_curves
from permset.kernel import KernelMachine
from permset.scores import Target
from permset.splits import TRAINING, VALIDATION
from permset.stacked import SETS_A_TIME, stack
from permset.standardization import Standardized
from permset.training import Build, Trained, initialise


def fit_machines(build: Build, split: Split, target: Target, penalty: float, seeds: int) -> Trained:
    """A machine for each seed, on its bags of training; seeds of one split are alike.

    There are no steps: the curves have one point, and the history none.
    """
    rows = range(min(seeds, len(split.roles)))
    size = max(len(split.of(row, TRAINING)) for row in rows)
    networks = []
    for row in rows:
        network, training = initialise(build, row), split.of(row, TRAINING)
        split.prepare(network, row)
        machine, labels = network, split.collection.y[training]
        if isinstance(network, Standardized):
            machine = network.network
            labels = (labels - network.target_mean) / network.target_deviation if target.kind == "real" else labels
        assert isinstance(machine, KernelMachine)
        machine.fit(_statistics(network, machine, split.collection, training), labels, target, penalty, size)
        networks.append(network)
    weights, own = stack(networks)
    turns = torch.arange(seeds) % len(rows)
    state = {key: value[turns] for key, value in {**weights, **own}.items()}
    bags = [[[split.collection.bags(split.of(seed, role))] for seed in range(seeds)] for role in (TRAINING, VALIDATION)]
    curves = measure_curves(networks[0], state, target, *bags)
    return Trained(state, np.empty((0, seeds), np.float32), np.array([0]), curves[None])


def _statistics(
    network: nn.Module, machine: KernelMachine, collection: Collection, which: Tensor
) -> Float[Tensor, "sets features"]:
    found = []
    for some in which.split(SETS_A_TIME):
        bags = collection.bags(some)
        x = (bags.x - network.mean) / network.deviation if isinstance(network, Standardized) else bags.x
        found.append(machine.statistics(x, bags.mask))
    return torch.cat(found)
