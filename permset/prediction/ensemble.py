"""All networks of a run as one: their outputs for new bags, the mean over them, and how far they disagree."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from permset.data.bags import Collection
from permset.data.targets import Binary, Classes, Target
from permset.reading.portions import Portion
from permset.symmetry.symmetrizers import SetNetwork
from permset.training.stack import SETS_A_TIME, State, predict

OBJECTS_A_TIME = 20_000
"""padding included, unless a single bag has more; bounds the memory"""


class Readings(NamedTuple):
    """What the networks say of each bag: probabilities of the classes, or real numbers."""

    mean: Float[np.ndarray, "sets numbers"]
    spread: Float[np.ndarray, "sets numbers"]
    """the standard deviation over the networks; NaN where there is only one"""


@dataclass(frozen=True)
class Ensemble:
    network: SetNetwork
    state: State
    """the networks' weights, along a leading axis"""
    target: Target
    temperatures: Float[Tensor, " networks"] | None = None
    """by which each network's outputs are divided before they are read"""

    def outputs(self, portion: Portion) -> Float[Tensor, "networks sets outputs"]:
        """Of all networks, in float32.

        How many objects a bag is padded to, and among how many bags, follows from its own size, so that the bags beside
        it do not matter to its outputs, but for rounding where a library rounds by the place in a batch.
        """
        sets = len(portion)
        sizes = torch.cat([torch.from_numpy(portion.sizes), torch.zeros(1, dtype=torch.int64)])  # the last one fills up
        collection = Collection(torch.from_numpy(portion.objects), sizes, torch.zeros(sets + 1, 1))
        networks = len(next(iter(self.state.values())))
        found = torch.empty(networks, sets, self.target.outputs)
        padded = torch.tensor([padded_size(size) for size in portion.sizes.tolist()])
        for size in padded.unique().tolist():
            at_once = max(1, min(SETS_A_TIME, OBJECTS_A_TIME // size))
            for chosen in (padded == size).nonzero().flatten().split(at_once):
                filled = torch.cat([chosen, torch.full((at_once - len(chosen),), sets)])
                bags = collection.bags(filled, size)
                found[:, chosen] = predict(self.network, self.state, bags.x, bags.mask)[:, : len(chosen)]
        return found

    def readings(self, portion: Portion) -> Readings:
        outputs = self.outputs(portion).double()
        if self.temperatures is not None:
            outputs = outputs / self.temperatures[:, None, None]
        values = self._meant(outputs).numpy()
        spread = values.std(0, ddof=1) if len(values) > 1 else np.full_like(values[0], np.nan)
        return Readings(values.mean(0), spread)

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

    def _meant(self, outputs: Float[Tensor, "networks sets outputs"]) -> Float[Tensor, "networks sets numbers"]:
        match self.target:
            case Binary():
                return torch.cat([torch.sigmoid(-outputs), torch.sigmoid(outputs)], -1)
            case Classes():
                return outputs.softmax(-1)
            case _:
                return outputs


def padded_size(size: int) -> int:
    """The least number of objects with three binary digits and then zeros, at least 1: at most a quarter more."""
    step = 1 << max(0, size.bit_length() - 3)
    return max(1, -(-size // step) * step)


def _logarithm(shares: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Finite also where a share is too small to be one. By the C library, whose bits are the same on all processors."""
    least = torch.finfo(shares.dtype).tiny
    logarithms = [math.log(max(share, least)) for share in shares.flatten().tolist()]
    return torch.tensor(logarithms, dtype=shares.dtype).reshape(shares.shape)
