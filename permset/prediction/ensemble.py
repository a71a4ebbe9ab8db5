"""All networks of a run as one: their outputs for new bags, the mean over them, and how far they disagree."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from permset.data.bags import Bags, Collection
from permset.data.targets import Binary, Classes, Target
from permset.reading.portions import Portion
from permset.symmetry.symmetrizers import SetNetwork
from permset.training.stack import SETS_A_TIME, State, predict

OBJECTS_A_TIME = 2_000
"""padding included, unless a single bag has more; so few that a processor's cache holds the activations of each"""


class Readings(NamedTuple):
    """What the networks say of each bag: probabilities of the classes, or real numbers."""

    mean: Float[np.ndarray, "sets numbers"]
    spread: Float[np.ndarray, "sets numbers"]
    """over the networks"""


@dataclass(frozen=True)
class Ensemble:
    network: SetNetwork
    state: State
    """the networks' weights, along a leading axis"""
    target: Target
    temperatures: Float[Tensor, " networks"] | None = None
    """by which each network's outputs are divided before they are read"""

    def __len__(self) -> int:
        """Networks."""
        return len(next(iter(self.state.values())))

    def outputs(self, portion: Portion) -> Float[Tensor, "networks sets outputs"]:
        """Of all networks, in float32."""
        found = torch.empty(len(self), len(portion), self.target.outputs)
        for chosen, bags in batches(portion):
            found[:, chosen] = predict(self.network, self.state, bags.x, bags.mask)[:, : len(chosen)]
        return found

    def readings(self, portion: Portion) -> Readings:
        values = self.meant(self.outputs(portion))
        return Readings(values.mean(0), spread_of(values))

    def as_outputs(self, readings: Readings) -> Float[Tensor, "sets outputs"]:
        """The outputs of one network that would say what the mean says."""
        mean = torch.from_numpy(readings.mean)
        match self.target:
            case Binary():
                return _logarithm(mean[:, 1:]) - _logarithm(mean[:, :1])
            case Classes():
                return _logarithm(mean)
            case _:
                return mean

    def meant(self, outputs: Float[Tensor, "networks sets outputs"]) -> Float[np.ndarray, "networks sets numbers"]:
        """Probabilities of the classes, or real numbers, in float64."""
        numbers = outputs.double().numpy()
        if self.temperatures is not None:
            numbers = numbers / self.temperatures[:, None, None].numpy()
        match self.target:
            case Binary():
                return _shares_of_two(numbers)
            case Classes():
                return _softmax(numbers)
            case _:
                return numbers


def batches(portion: Portion, objects: int = OBJECTS_A_TIME) -> Iterator[tuple[Int[Tensor, " chosen"], Bags]]:
    """The bags of a portion, padded: which ones they are, and they, first in a batch that empty bags fill up.

    A batch has at most so many objects, padding included, or one bag.

    How many objects a bag is padded to, and among how many bags, follows from its own size, so that the bags beside it
    do not matter to its outputs, but for rounding where a library rounds by the place in a batch.
    """
    sets = len(portion)
    sizes = torch.cat([torch.from_numpy(portion.sizes), torch.zeros(1, dtype=torch.int64)])  # the last one fills up
    collection = Collection(torch.from_numpy(portion.objects), sizes, torch.zeros(sets + 1, 1))
    padded = torch.tensor([padded_size(size) for size in portion.sizes.tolist()])
    for size in padded.unique().tolist():
        at_once = max(1, min(SETS_A_TIME, objects // size))
        for chosen in (padded == size).nonzero().flatten().split(at_once):
            filled = torch.cat([chosen, torch.full((at_once - len(chosen),), sets)])
            yield chosen, collection.bags(filled, size)


def spread_of(values: Float[np.ndarray, "networks *shape"]) -> Float[np.ndarray, "*shape"]:
    """The standard deviation over the networks; NaN where there is only one."""
    return values.std(0, ddof=1) if len(values) > 1 else np.full_like(values[0], np.nan)


def padded_size(size: int) -> int:
    """The least number of objects with three binary digits and then zeros, at least 1: at most a quarter more."""
    step = 1 << max(0, size.bit_length() - 3)
    return max(1, -(-size // step) * step)


def _softmax(logits: Float[np.ndarray, "*shape classes"]) -> Float[np.ndarray, "*shape classes"]:
    """By numpy: torch's exponential has other bits at the end of an array than within it."""
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)


def _shares_of_two(logits: Float[np.ndarray, "*shape 1"]) -> Float[np.ndarray, "*shape 2"]:
    """As `_softmax` of zero and the logit, to the bit, with one exponential and no sums along an axis of two."""
    odds = np.exp(-np.abs(logits))
    less, more = odds / (1 + odds), 1 / (1 + odds)
    return np.concatenate([np.where(logits > 0, less, more), np.where(logits > 0, more, less)], -1)


def _logarithm(shares: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Finite also where a share is too small to be one. By the C library, whose bits are the same on all processors."""
    least = torch.finfo(shares.dtype).tiny
    logarithms = [math.log(max(share, least)) for share in shares.flatten().tolist()]
    return torch.tensor(logarithms, dtype=shares.dtype).reshape(shares.shape)
