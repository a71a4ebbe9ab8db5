"""Outputs of networks and labels of bags that are related to each other, for each kind of target."""

import torch
from torch import Tensor

from permset.data.randomness import generator
from permset.data.targets import Binary, Classes, Real, Target

TARGETS = [Binary(), Classes(4), Real(3), Real(1, "absolute")]
SEEDS, SETS = (2, 3), 50


def draw(target: Target, *shape: int, sets: int = SETS, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Outputs of some networks and the labels of some bags, in float64, related to each other."""
    draws = generator(seed, "scores")
    outputs = 2 * torch.randn(*shape, sets, target.outputs, generator=draws, dtype=torch.float64)
    if isinstance(target, Real):
        return outputs + 5, outputs.reshape(-1, *outputs.shape[-2:])[0] + torch.randn(
            outputs.shape[-2:], generator=draws
        ) + 4
    classes = max(2, target.outputs)
    labels = torch.arange(sets).remainder(classes)[torch.randperm(sets, generator=draws)].unsqueeze(-1).double()
    lean = labels if isinstance(target, Binary) else (labels == torch.arange(classes)).double()
    return outputs + lean, labels
