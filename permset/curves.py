"""What is measured along a training: of bags just trained on, and of bags apart from them."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from permset.bags import Bags
from permset.batches import Part
from permset.scores import Target
from permset.stacked import State, of_seed, predict

# The score is accuracy, or the mean absolute error of real targets.
CURVES = "train_loss", "train_score", "validation_loss", "validation_score"


def last_seen(parts: Sequence[Part], shares: Sequence[float], sets: int, lane: int) -> list[Bags]:
    """Of a seed, about so many of the bags that it was just trained on; the parts are (steps, seeds, some, …)."""
    seen = []
    for share, part in zip(shares, parts, strict=True):
        mine = {key: value[:, lane].flatten(0, 1)[-math.ceil(share * sets) :] for key, value in part.items()}
        seen.append(Bags(mine["x"], mine["y"], mine.get("mask")))
    return seen


def measure_curves(
    network: nn.Module, state: State, target: Target, seen: Sequence[list[Bags]], unseen: Sequence[list[Bags]]
) -> Float[np.ndarray, "scores seeds"]:
    """A point of each of the curves, of each seed's own bags of training and of validation."""
    scores = []
    for bags_of_seeds in (seen, unseen):
        losses, rights = [], []
        for lane, bags in enumerate(bags_of_seeds):
            alone = of_seed(state, lane)
            outputs = torch.cat([predict(network, alone, some.x, some.mask)[0] for some in bags])
            y = torch.cat([some.y for some in bags])
            losses.append(target.loss(outputs, y).double())
            rights.append(target.score(outputs, y))
        scores += [torch.stack(losses), torch.stack(rights)]
    return torch.stack(scores).cpu().numpy()
