"""Bags of mixed sizes, what a network says of them, and how a table says it."""

from typing import Any

import numpy as np
import pandas as pd
import torch
from masked_bags import with_any_weights
from torch import Tensor

from permset.networks.networks import DeepSet

NETWORK = with_any_weights(DeepSet(3, [4], [3], pooling=["mean", "max", "attention"], norm="set")).float()
BAGS = [np.random.default_rng(size).normal(size=(size, 3)) for size in (4, 1, 6, 2)]
OUTPUTS = torch.cat([NETWORK(torch.from_numpy(bag).float()[None]) for bag in BAGS])


def table_of(bags: list[np.ndarray], names: list[Any]) -> pd.DataFrame:
    rows = [[name, *row, 0] for name, bag in zip(names, bags, strict=True) for row in bag]
    return pd.DataFrame(rows, columns=["bag", "u", "v", "w", "more"])


def probabilities(outputs: Tensor) -> Tensor:
    outputs = outputs.detach().double()
    return torch.sigmoid(torch.cat([-outputs, outputs], 1)) if outputs.shape[1] == 1 else outputs.softmax(1)


def check(table: pd.DataFrame, outputs: Tensor, names: list[str], tolerance: float = 1e-6) -> None:
    """The table says what the network says, in words."""
    expected = probabilities(outputs)
    assert list(table.columns)[-1 - len(names) :] == ["predicted", *(f"probability of {name}" for name in names)]
    found = torch.tensor(table.iloc[:, -len(names) :].to_numpy())
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)
    assert table["predicted"].tolist() == [names[i] for i in found.argmax(1)]
