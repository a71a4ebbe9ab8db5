"""Fits support-vector machines, the yardstick where bags are not always fresh, in the form of trained networks."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from tqdm import tqdm

from permset.data.bags import Bags
from permset.data.batches import Split
from permset.data.drawn import Fixed
from permset.data.splits import TRAINING, VALIDATION
from permset.data.targets import Target
from permset.networks.kernel_machine import KernelMachine
from permset.networks.standardization import Standardized
from permset.training.blocks import Build, Trained, initialise, prepare
from permset.training.learning_curves import measure_curves
from permset.training.stack import SETS_A_TIME, stack


def fit_machines(
    build: Build, data: Split | Fixed, target: Target, penalty: float, seeds: int, measure_sets: int, name: str | None
) -> Trained:
    """A machine for each seed, on its bags of training; seeds of one split are alike.

    There are no steps: the curves have one point, and the history none. It is measured on all bags that are known, or
    on so many drawn ones. Progress is shown under the name, if any.
    """
    rows = range(min(seeds, len(data.roles)) if isinstance(data, Split) else seeds)
    size = max(len(data.bags_of(row, TRAINING)) for row in rows) if isinstance(data, Split) else data.bags
    networks, seen, unseen = [], [], []
    hidden = None if name else True  # None shows it on a terminal
    for row in tqdm(rows, desc=name, leave=None, disable=hidden):
        network = initialise(build, row)
        prepare(network, data, row)
        training, validation = _bags(data, row, measure_sets)
        machine, labels = network, torch.cat([bags.y for bags in training])
        if isinstance(network, Standardized):
            machine = network.network
            labels = (labels - network.target_mean) / network.target_deviation
        assert isinstance(machine, KernelMachine)
        statistics = torch.cat([_statistics(network, machine, bags) for bags in training])
        machine.fit(statistics, labels, target, penalty, size, isinstance(data, Split) and data.balanced)
        networks.append(network)
        seen.append(training)
        unseen.append(validation)
    weights, buffers = stack(networks)
    turns = torch.arange(seeds) % len(rows)
    state = {key: value[turns] for key, value in {**weights, **buffers}.items()}
    curves = measure_curves(networks[0], state, target, *([bags[turn] for turn in turns] for bags in (seen, unseen)))
    return Trained(state, np.empty((0, seeds), np.float32), np.array([0]), curves[None], np.zeros(seeds, dtype=int))


def _bags(data: Split | Fixed, seed: int, measure_sets: int) -> tuple[list[Bags], list[Bags]]:
    """Of training, in portions, and of validation."""
    if isinstance(data, Split):
        training, validation = (data.bags_of(seed, role) for role in (TRAINING, VALIDATION))
        portions = [data.collection.bags(portion) for portion in training.split(SETS_A_TIME)]
        return portions, [data.collection.bags(validation)]
    drawn = data.drawn(seed, torch.device("cpu"))
    starts = range(0, len(drawn), SETS_A_TIME)
    portions = [drawn[start : start + SETS_A_TIME] for start in starts]
    return portions, data.validation(seed, measure_sets, torch.device("cpu"))


def _statistics(network: nn.Module, machine: KernelMachine, bags: Bags) -> Float[Tensor, "sets features"]:
    x = (bags.x - network.mean) / network.deviation if isinstance(network, Standardized) else bags.x
    return machine.statistics(x, bags.mask)
