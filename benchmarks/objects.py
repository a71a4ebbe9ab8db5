"""What leaving each object out costs, beside a plain prediction for the same bags: in operations and in time.

A network that pools takes each object once, but its part after pooling runs for each object in place of each bag. Where
that part is the larger one and bags are small, it is what the effects cost.

    python -m benchmarks.objects

Ten networks of each kind, untrained, which does not matter to the cost.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from pydantic import TypeAdapter

import stages  # noqa: F401  sets the switches
from permset.config.networks import ModelParams
from permset.data.targets import BINARY
from permset.networks.build import build_model
from permset.networks.leave_one_out import WithoutEach
from permset.prediction.ensemble import Ensemble
from permset.prediction.key_objects import effects
from permset.reading.portions import Portion
from permset.symmetry.symmetrizers import SetNetwork
from permset.training.flops import flops
from permset.training.stack import stack

NETWORKS, TIMES = 10, 7
DEEPSET = {"kind": "deepset", "element_activation": "relu", "set_activation": "relu"}
README = DEEPSET | {"element_widths": [64], "pooling": ["mean", "max"], "set_widths": [32]}
MUSK = DEEPSET | {"element_widths": [64], "pooling": "max", "set_widths": [64]}
CASES: list[tuple[str, dict[str, Any], int, int, int]] = [
    ("the README's DeepSet", README, 2, 100, 200),
    ("the README's DeepSet", README, 2, 10, 1000),
    ("musk1_deepset", MUSK, 166, 100, 200),
    ("musk1_deepset", MUSK, 166, 10, 1000),
    ("the README's DeepSet with attention, each bag anew", README | {"pooling": "attention"}, 2, 10, 200),
]
"""a network, how many channels, and how many objects and bags"""


def ensemble(model: dict[str, Any], channels: int, size: int) -> Ensemble:
    params = TypeAdapter(ModelParams).validate_python(model)
    networks = [build_model(params, None, size, channels, BINARY.outputs, True) for _ in range(NETWORKS)]
    learnt, fitted = stack(networks)
    return Ensemble(networks[0], learnt | fitted, BINARY)


def bags(channels: int, size: int, count: int) -> Portion:
    objects = np.random.default_rng(0).normal(size=(size * count, channels)).astype(np.float32)
    names, labels = [str(i) for i in range(count)], np.full((count, 1), np.nan)
    return Portion(names, objects, np.full(count, size), labels, 1.0)


def operations(network: SetNetwork, channels: int, size: int) -> float:
    """In matrix products, of a bag and all bags that lack one of its objects: how many times those of the bag alone."""
    bag = torch.zeros(1, size, channels)
    of_bag = flops(lambda: network(bag))
    if WithoutEach.takes(network):
        return flops(lambda: WithoutEach(network)(bag)) / of_bag
    return 1 + size * flops(lambda: network(bag[:, 1:])) / of_bag


def seconds(*works: Callable[[], object]) -> list[float]:
    """The least time of each; they take turns, so that what else the machine does is the same for all."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(TIMES):
        for work, taken in zip(works, times, strict=True):
            start = time.process_time()
            work()
            taken.append(time.process_time() - start)
    return list(map(min, times))


def main() -> None:
    torch.manual_seed(0)
    for name, model, channels, size, count in CASES:
        networks, portion = ensemble(model, channels, size), bags(channels, size, count)
        plain, left_out = seconds(partial(networks.readings, portion), partial(effects, networks, portion))
        of_one, more = 1e6 / (size * count), operations(networks.network, channels, size)
        print(
            f"{name}, {channels} channels, bags of {size}: {plain * of_one:.1f} µs an object, and with the effects "
            f"{left_out * of_one:.1f} µs, {left_out / plain:.1f} times as much for {more:.1f} times the operations",
            flush=True,
        )


if __name__ == "__main__":
    main()
