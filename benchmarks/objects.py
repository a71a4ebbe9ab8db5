"""What leaving each object out costs, beside a plain prediction of the same bags.

    python -m benchmarks.objects

The networks are ten, as of the README's run, and untrained, which does not matter to the cost.
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
from permset.prediction.ensemble import Ensemble
from permset.prediction.key_objects import effects
from permset.reading.portions import Portion
from permset.training.stack import stack

NETWORKS, CHANNELS, TIMES = 10, 2, 15
DEEPSET = {
    "kind": "deepset",
    "element_widths": [64],
    "element_activation": "relu",
    "set_widths": [32],
    "set_activation": "relu",
}
MODELS: dict[str, dict[str, Any]] = {
    "pooled by mean and max": DEEPSET | {"pooling": ["mean", "max"]},
    "pooled by sum": DEEPSET | {"pooling": "sum"},
    "pooled by lse": DEEPSET | {"pooling": "lse"},
    "pooled by attention, bag by bag": DEEPSET | {"pooling": "attention"},
}
SHAPES = {10: 400, 100: 40}
"""bags of each size"""


def ensemble(model: dict[str, Any]) -> Ensemble:
    params = TypeAdapter(ModelParams).validate_python(model)
    networks = [build_model(params, None, max(SHAPES), CHANNELS, 1, True) for _ in range(NETWORKS)]
    learnt, fitted = stack(networks)
    return Ensemble(networks[0], learnt | fitted, BINARY)


def bags(size: int, count: int) -> Portion:
    objects = np.random.default_rng(0).normal(size=(size * count, CHANNELS)).astype(np.float32)
    names, labels = [str(i) for i in range(count)], np.full((count, 1), np.nan)
    return Portion(names, objects, np.full(count, size), labels, 1.0)


def seconds(*works: Callable[[], object]) -> list[float]:
    """The least time of each, which take turns, so that what else the machine does is the same for all."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(TIMES):
        for work, taken in zip(works, times, strict=True):
            start = time.perf_counter()
            work()
            taken.append(time.perf_counter() - start)
    return [min(taken) for taken in times]


def main() -> None:
    torch.manual_seed(0)
    for name, model in MODELS.items():
        whole = ensemble(model)
        for size, count in SHAPES.items():
            portion = bags(size, count)
            plain, left_out = seconds(partial(whole.readings, portion), partial(effects, whole, portion))
            per_object = 1e6 / (size * count)
            print(
                f"{name}, bags of {size}: {left_out * per_object:.1f} µs an object, "
                f"{left_out / plain:.1f} times a plain prediction ({plain * per_object:.1f} µs)"
            )


if __name__ == "__main__":
    main()
