"""Learning curves: loss and score during training, on the bags just trained on and on validation bags."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from permset.data.bags import Bags
from permset.data.batches import Part
from permset.data.targets import Target
from permset.training.stack import State, of_seed, predict

# The score is accuracy, or the mean absolute error of real targets.
CURVES = "train_loss", "train_score", "validation_loss", "validation_score"


@dataclass
class Points:
    """The points of the curves of some seeds so far, and the weights of each seed at the best of them."""

    network: nn.Module
    target: Target
    unseen: Sequence[list[Bags]]
    measured: list[int] = field(default_factory=list)
    """how many steps were done at each point"""
    scores: list[np.ndarray] = field(default_factory=list)
    best: State = field(default_factory=dict)

    def add(self, steps: int, state: State, buffers: State, seen: Sequence[list[Bags]]) -> None:
        self.measured.append(steps)
        self.scores.append(measure_curves(self.network, {**state, **buffers}, self.target, seen, self.unseen))
        better = torch.from_numpy(best_points(self.curves) == len(self.scores) - 1)
        for name, weights in state.items():
            chosen = better.to(weights.device).view(-1, *[1] * (weights.dim() - 1))
            self.best[name] = torch.where(chosen, weights, self.best.get(name, weights))

    @property
    def curves(self) -> Float[np.ndarray, "points scores seeds"]:
        return np.array(self.scores).reshape(len(self.scores), len(CURVES), len(self.unseen))


def best_points(curves: Float[np.ndarray, "points scores seeds"]) -> Int[np.ndarray, " seeds"]:
    """Where the validation loss of each seed is lowest, the first time; it may not be a number at some points."""
    losses = curves[:, CURVES.index("validation_loss")]
    return np.where(np.isnan(losses), np.inf, losses).argmin(0)


def kept_scores(curves: Mapping[str, np.ndarray]) -> dict[str, float]:
    """From the table of a run's curves: the validation score of its networks, the mean over seeds.

    It is that of the weights that are kept; also at which step they were, if these are not the last ones.
    """
    if "kept" not in curves:
        return {"validation": curves["validation_score"][-1].mean()}
    kept, seeds = curves["kept"].argmax(0), np.arange(curves["kept"].shape[1])
    return {"validation": curves["validation_score"][kept, seeds].mean(), "kept_step": curves["step"][kept].mean()}


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
            outputs, y = outputs_and_labels(network, of_seed(state, lane), bags)
            losses.append(target.loss(outputs, y).double())
            rights.append(target.score(outputs, y))
        scores += [torch.stack(losses), torch.stack(rights)]
    return torch.stack(scores).cpu().numpy()


def outputs_and_labels(
    network: nn.Module, alone: State, bags: Sequence[Bags]
) -> tuple[Float[Tensor, "sets outputs"], Float[Tensor, "sets targets"]]:
    """Of the network of one seed, on bags in portions."""
    outputs = [predict(network, alone, part.x, part.mask)[0] for part in bags]
    return torch.cat(outputs), torch.cat([part.y for part in bags])
