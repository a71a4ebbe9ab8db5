"""Permutation groups and how they act.

The one convention, said once: a permutation p of n objects is an integer array of shape (n,), and it
acts on the object axis, the last but one, as `act(p, x) = x[..., p, :]`. Acting by p and then by q is
acting by `p[q]`.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor


def act(p: Int[np.ndarray, " n"] | Int[Tensor, " n"], x: Float[Tensor, "*batch n c"]) -> Float[Tensor, "*batch n c"]:
    """Reorder the objects: object i of the result is object p[i] of x."""
    return x[..., torch.as_tensor(p, device=x.device), :]


@dataclass(frozen=True)
class SymmetricGroup:
    """S_n, all n! permutations of n objects."""

    degree: int

    def __str__(self) -> str:
        return f"S_{self.degree}"

    def generators(self) -> Int[np.ndarray, "k n"]:
        """The transposition (0 1) and the n-cycle, which generate S_n: who respects both respects all."""
        swap = np.arange(self.degree)
        swap[:2] = swap[:2][::-1]
        return np.stack([swap, np.roll(np.arange(self.degree), -1)])

    def sample(self, size: int, seed: int) -> Int[np.ndarray, "size n"]:
        """Uniformly random elements."""
        return np.random.default_rng(seed).permuted(np.tile(np.arange(self.degree), (size, 1)), axis=1)
