"""Logarithms that have the same bits on every processor.

In float64 torch.log goes through a library of Intel's that begins with the processor's own approximation of a
reciprocal. These differ between makers, and with them, once in some 100,000 times, the last bit; in torch.sqrt it is
once in ten times, also in float32. torch.exp and torch.log1p have the same bits everywhere (`make verify-cpus`).
"""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


def log_sum_exp(x: Float[Tensor, "..."], dim: int) -> Float[Tensor, "..."]:
    """log Σ_i exp(x_i) = m + log(1 + (Σ_i exp(x_i − m) − 1)) over an axis, with m = max_i x_i."""
    largest = x.detach().amax(dim, keepdim=True)  # Whatever is taken for m, the gradient is the same.
    return largest.squeeze(dim) + torch.log1p((x - largest).exp().sum(dim) - 1)


def logarithm(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """numpy's, which no gradient goes through."""
    return torch.from_numpy(np.log(x.cpu().numpy())).to(x)


def square_root(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """numpy's, which no gradient goes through."""
    return torch.from_numpy(np.sqrt(x.cpu().numpy())).to(x)
