"""What training saw, beyond which nobody tested a network: sizes of bags, ranges of numbers, and categories."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from permset.data.batches import Split
from permset.data.splits import TRAINING
from permset.reading.encoding import UNSEEN, Encoding
from permset.reading.portions import Portion

NAMED = 3
"""columns of a bag that are named, of those in which it is outside"""


@dataclass(frozen=True)
class Seen:
    """Of all bags that any network of a run was trained on; of folds, these are all bags."""

    encoding: Encoding
    low: Float[np.ndarray, " columns"]
    """−∞ for a column of texts"""
    high: Float[np.ndarray, " columns"]
    """∞ for a column of texts"""
    fewest: int
    """objects of a bag"""
    most: int

    @classmethod
    def of(cls, split: Split, encoding: Encoding) -> "Seen":
        bags = (split.roles == TRAINING).any(0).nonzero().flatten()
        sizes, objects = split.collection.sizes[bags], split.collection.objects_of(bags).numpy()
        low, high = objects.min(0, initial=np.inf), objects.max(0, initial=-np.inf)
        first = np.cumsum([0, *(len(column.channels) for column in encoding.columns)])[:-1]
        texts = [column.categories is not None for column in encoding.columns]
        low, high = np.where(texts, -np.inf, low[first]), np.where(texts, np.inf, high[first])
        return cls(encoding, low, high, int(sizes.min()), int(sizes.max()))

    def outside(self, portion: Portion) -> list[str]:
        """For each bag in which way it is not like those of training, or nothing: `40 objects > 12; colour unseen`."""
        found = [""] * len(portion)
        filled = np.flatnonzero(portion.sizes)
        starts = (np.cumsum(portion.sizes) - portion.sizes)[filled]
        shape = len(portion), len(self.encoding.columns)
        low, high = np.full(shape, np.inf, np.float32), np.full(shape, -np.inf, np.float32)
        unseen, missing = np.zeros(shape, bool), np.zeros(shape, bool)
        if len(filled):
            texts = [column.categories is not None for column in self.encoding.columns]
            lacks = [column.lacks for column in self.encoding.columns]
            low[filled] = np.fmin.reduceat(portion.objects, starts)
            high[filled] = np.fmax.reduceat(portion.objects, starts)
            unseen[filled] = np.logical_or.reduceat((portion.objects == UNSEEN) & texts, starts)
            missing[filled] = np.logical_or.reduceat(np.isnan(portion.objects) & ~np.array(lacks), starts)
        sized = (portion.sizes < self.fewest) | (portion.sizes > self.most)
        strange = unseen | missing | (low < self.low) | (high > self.high)
        for bag in np.flatnonzero(sized | strange.any(1)).tolist():
            size = int(portion.sizes[bag])
            found[bag] = "; ".join(self._reasons(size, low[bag], high[bag], unseen[bag], missing[bag]))
        return found

    def _reasons(
        self,
        size: int,
        low: Float[np.ndarray, " columns"],
        high: Float[np.ndarray, " columns"],
        unseen: Bool[np.ndarray, " columns"],
        missing: Bool[np.ndarray, " columns"],
    ) -> list[str]:
        reasons = []
        if not self.fewest <= size <= self.most:
            reasons.append(f"objects {size} > {self.most}" if size > self.most else f"objects {size} < {self.fewest}")
        names = self.encoding.names
        limits = list(zip(names, low, self.low, high, self.high, strict=True))
        beyond = [f"{name} {highest:.6g} > {limit:.6g}" for name, _, _, highest, limit in limits if highest > limit]
        beyond += [f"{name} {lowest:.6g} < {limit:.6g}" for name, lowest, limit, _, _ in limits if lowest < limit]
        beyond += [f"{name} unseen" for name, one in zip(names, unseen, strict=True) if one]
        beyond += [f"{name} missing" for name, one in zip(names, missing, strict=True) if one]
        more = len(beyond) - NAMED
        return reasons + beyond[:NAMED] + ([f"and {more} more"] if more > 0 else [])
