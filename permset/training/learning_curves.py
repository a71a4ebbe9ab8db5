"""Learning curves: loss and score during training, on the bags just trained on and on validation bags."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from permset.data.bags import Bags
from permset.data.batches import Part
from permset.data.targets import Target
from permset.training.stack import State, of_seed, predict

# The score is accuracy, or the mean absolute error of real targets.
CURVES = "train_loss", "train_score", "validation_loss", "validation_score"


def last_seen(parts: Sequence[Part], shares: Sequence[float], sets: int, lane: int) -> list[Bags]:
    """About so many of the bags that one seed was just trained on; the parts are (steps, seeds, sets, …)."""
    seen = []
    for share, part in zip(shares, parts, strict=True):
        bags = {key: value[:, lane].flatten(0, 1)[-math.ceil(share * sets) :] for key, value in part.items()}
        seen.append(Bags(bags["x"], bags["y"], bags.get("mask")))
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
            outputs = torch.cat([predict(network, alone, part.x, part.mask)[0] for part in bags])
            y = torch.cat([part.y for part in bags])
            losses.append(target.loss(outputs, y).double())
            rights.append(target.score(outputs, y))
        scores += [torch.stack(losses), torch.stack(rights)]
    return torch.stack(scores).cpu().numpy()
