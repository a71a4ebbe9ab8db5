"""Untrained networks of every kind, as those of a run, and bags for them."""

from typing import Any

import numpy as np
import torch
from pydantic import TypeAdapter

from permset.config.networks import ModelParams, SymmetrizerParams
from permset.data.targets import Target
from permset.networks.build import build_model
from permset.networks.kernel_machine import KernelMachine
from permset.networks.standardization import Standardized
from permset.prediction.ensemble import Ensemble
from permset.reading.portions import Portion
from permset.training.stack import stack

DEEPSET = {
    "kind": "deepset",
    "element_widths": [13],
    "element_activation": "silu",
    "set_widths": [7],
    "set_activation": "tanh",
}
MODELS: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "pooled": (DEEPSET | {"pooling": ["sum", "mean", "max", "min", "lse"]}, None),
    "attention": (DEEPSET | {"pooling": "attention"}, None),
    "transformer": ({"kind": "set_transformer", "width": 8, "heads": 2, "blocks": 1}, None),
    "svm": ({"kind": "svm", "statistics": ["mean", "max"], "penalty": 1.0}, None),
    "mlp": ({"kind": "mlp", "widths": [9], "activation": "tanh"}, None),
    "equivariant": ({"kind": "equivariant", "widths": [6], "activation": "relu"}, None),
    "multichannel": ({"kind": "multichannel", "shapes": [[1, 8]], "activation": "silu"}, None),
    "sorted": ({"kind": "mlp", "widths": [9], "activation": "relu"}, {"kind": "canonical", "order": "norm"}),
    "sampled": (
        {"kind": "mlp", "widths": [9], "activation": "relu"},
        {"kind": "sampled_average", "group": {"kind": "symmetric"}, "samples": 3, "train_samples": 1, "seed": 0},
    ),
}
LARGEST, CHANNELS = 21, 3


def portion(sizes: list[int], seed: int = 0) -> Portion:
    objects = np.random.default_rng(seed).normal(size=(sum(sizes), CHANNELS)).astype(np.float32)
    return of_bags(np.split(objects, np.cumsum(sizes)[:-1]))


def of_bags(bags: list[np.ndarray]) -> Portion:
    sizes = np.array([len(bag) for bag in bags])
    names = [f"bag {i}" for i in range(len(bags))]
    return Portion(names, np.concatenate(bags), sizes, np.full((len(bags), 1), np.nan), 1.0)


def ensemble(name: str, target: Target, networks: int = 3) -> Ensemble:
    torch.manual_seed(0)
    model, symmetrizer = MODELS[name]
    chosen = TypeAdapter(ModelParams).validate_python(model)
    wrapped = None if symmetrizer is None else TypeAdapter(SymmetrizerParams).validate_python(symmetrizer)
    built = [build_model(chosen, wrapped, LARGEST, CHANNELS, target.outputs, True) for _ in range(networks)]
    for network in built:
        assert isinstance(network, Standardized)
        network.mean = torch.rand(CHANNELS)
        if isinstance(network.network, KernelMachine):
            network.network.support = torch.randn(20, network.network.support.shape[1])
            network.network.weight = torch.nn.Parameter(torch.randn(target.outputs, 20))
    learnt, fitted = stack(built)
    return Ensemble(built[0], {**learnt, **fitted}, target)
