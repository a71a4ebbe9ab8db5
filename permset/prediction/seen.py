"""What training saw: the sizes of its bags and the ranges of their channels, beyond which nobody tested a network."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from permset.data.batches import Split
from permset.data.splits import TRAINING
from permset.reading.portions import Portion

NAMED = 3
"""channels of a bag that are named, of those beyond their range"""


@dataclass(frozen=True)
class Seen:
    """Of all bags that any network of a run was trained on; of folds, these are all bags."""

    channels: Sequence[str]
    low: Float[np.ndarray, " channels"]
    high: Float[np.ndarray, " channels"]
    fewest: int
    """objects of a bag"""
    most: int

    @classmethod
    def of(cls, split: Split, channels: Sequence[str]) -> "Seen":
        bags = (split.roles == TRAINING).any(0).nonzero().flatten()
        sizes, objects = split.collection.sizes[bags], split.collection.objects_of(bags).numpy()
        low, high = objects.min(0, initial=np.inf), objects.max(0, initial=-np.inf)
        return cls(channels, low, high, int(sizes.min()), int(sizes.max()))

    def outside(self, portion: Portion) -> list[str]:
        """For each bag in which way it is not like those of training, `40 objects > 12; price 99 > 20`, or nothing."""
        found = [""] * len(portion)
        filled = np.flatnonzero(portion.sizes)
        starts = (np.cumsum(portion.sizes) - portion.sizes)[filled]
        shape = len(portion), len(self.channels)
        low, high = np.full(shape, np.inf, np.float32), np.full(shape, -np.inf, np.float32)
        if len(filled):
            low[filled] = np.minimum.reduceat(portion.objects, starts)
            high[filled] = np.maximum.reduceat(portion.objects, starts)
        sized = (portion.sizes < self.fewest) | (portion.sizes > self.most)
        for bag in np.flatnonzero(sized | (low < self.low).any(1) | (high > self.high).any(1)).tolist():
            found[bag] = "; ".join(self._reasons(int(portion.sizes[bag]), low[bag], high[bag]))
        return found

    def _reasons(
        self, size: int, low: Float[np.ndarray, " channels"], high: Float[np.ndarray, " channels"]
    ) -> list[str]:
        reasons = []
        if not self.fewest <= size <= self.most:
            reasons.append(f"objects {size} > {self.most}" if size > self.most else f"objects {size} < {self.fewest}")
        limits = list(zip(self.channels, low, self.low, high, self.high, strict=True))
        beyond = [f"{name} {highest:.6g} > {limit:.6g}" for name, _, _, highest, limit in limits if highest > limit]
        beyond += [f"{name} {lowest:.6g} < {limit:.6g}" for name, lowest, limit, _, _ in limits if lowest < limit]
        more = len(beyond) - NAMED
        return reasons + beyond[:NAMED] + ([f"and {more} more"] if more > 0 else [])
