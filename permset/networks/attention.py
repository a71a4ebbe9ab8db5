"""Blocks of the Set Transformer, in the paper's names (Lee et al. 2019, arXiv:1810.00825, section 3).

As in the authors' code, the residual goes around the projected queries, heads are put side by side without another
projection, rFF is one layer and PMA has none before its attention. As in the paper and not in that code, scores are
divided by the root of a head's width. A mask is that of the keys: padding takes no part, and attention over nothing
adds nothing.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from permset import PermsetError
from permset.config.kinds import LayerNormKind
from permset.data.masks import Mask, without_padding


class MAB(nn.Module):
    """H + relu(W_o H) with H = Q + softmax(QKᵀ/√d)V in each head, Q of x, K and V of y (equations 6 and 7).

    Queries are each bag's own, or, without the axes of the batch, the same for all bags.
    """

    def __init__(self, c_query: int, c_key: int, width: int, heads: int, norm: LayerNormKind = "none"):
        super().__init__()
        if width % heads:
            raise PermsetError(f"heads must divide the width, got {heads} heads of a width of {width}")
        self.heads = heads
        self.query, self.key, self.value = _linear(c_query, width), _linear(c_key, width), _linear(c_key, width)
        self.out = _linear(width, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) if norm == "layer" else nn.Identity() for _ in range(2))

    def forward(
        self, x: Float[Tensor, "... m c_query"], y: Float[Tensor, "*batch n c_key"], mask: Mask | None = None
    ) -> Float[Tensor, "*batch m width"]:
        return self.attend(x, without_padding(y, mask), mask)

    def weights(
        self, x: Float[Tensor, "... m c_query"], y: Float[Tensor, "*batch n c_key"], mask: Mask | None = None
    ) -> Float[Tensor, "*batch heads m n"]:
        """softmax(QKᵀ/√d) in each head, for bags that are not empty."""
        q, k = (z.unflatten(-1, (self.heads, -1)).transpose(-3, -2) for z in (self.query(x), self.key(y)))
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        return scores.softmax(-1) if mask is None else scores.where(mask[..., None, None, :], -torch.inf).softmax(-1)

    def attend(
        self, x: Float[Tensor, "... m c_query"], y: Float[Tensor, "*batch n c_key"], mask: Mask | None = None
    ) -> Float[Tensor, "*batch m width"]:
        """The same, where there are numbers in the padding."""
        query = self.query(x)
        q, k, v = (z.unflatten(-1, (self.heads, -1)).transpose(-3, -2) for z in (query, self.key(y), self.value(y)))
        # The other backends have no batching rule: under vmap they would take the seeds one after the other.
        with sdpa_kernel(SDPBackend.MATH):
            attended = F.scaled_dot_product_attention(q, k, v, None if mask is None else mask[..., None, None, :])
        attended = attended.expand(*k.shape[:-2], *q.shape[-2:])  # Of no keys it has the queries' axes alone.
        h = self.norms[0](query + attended.transpose(-3, -2).flatten(-2))
        return self.norms[1](h + F.relu(self.out(h)))


class SAB(nn.Module):
    """MAB(X, X), attention among the objects of a bag (equation 8); zero in the padding."""

    def __init__(self, c_in: int, width: int, heads: int, norm: LayerNormKind = "none"):
        super().__init__()
        self.mab = MAB(c_in, c_in, width, heads, norm)

    def forward(self, x: Float[Tensor, "*batch n c_in"], mask: Mask | None = None) -> Float[Tensor, "*batch n width"]:
        x = without_padding(x, mask)
        return without_padding(self.mab.attend(x, x, mask), mask)


class ISAB(nn.Module):
    """MAB(X, MAB(I, X)), attention by way of some inducing points I (equations 9 and 10); zero in the padding."""

    def __init__(self, c_in: int, width: int, heads: int, inducing: int, norm: LayerNormKind = "none"):
        super().__init__()
        self.inducing = _points(inducing, width)
        self.gather, self.spread = MAB(width, c_in, width, heads, norm), MAB(c_in, width, width, heads, norm)

    def forward(self, x: Float[Tensor, "*batch n c_in"], mask: Mask | None = None) -> Float[Tensor, "*batch n width"]:
        x = without_padding(x, mask)
        h = self.gather.attend(self.inducing, x, mask)
        return without_padding(self.spread(x, h), mask)


class PMA(nn.Module):
    """MAB(S, Z), pooling by the attention of some seed vectors S (equation 11)."""

    def __init__(self, width: int, heads: int, seeds: int = 1, norm: LayerNormKind = "none"):
        super().__init__()
        self.seeds = _points(seeds, width)
        self.mab = MAB(width, width, width, heads, norm)

    def forward(
        self, x: Float[Tensor, "*batch n width"], mask: Mask | None = None
    ) -> Float[Tensor, "*batch seeds width"]:
        return self.mab(self.seeds, x, mask)

    def weights(
        self, x: Float[Tensor, "*batch n width"], mask: Mask | None = None
    ) -> Float[Tensor, "*batch heads seeds n"]:
        return self.mab.weights(self.seeds, without_padding(x, mask), mask)


def _linear(c_in: int, c_out: int) -> nn.Linear:
    linear = nn.Linear(c_in, c_out)
    nn.init.zeros_(linear.bias)
    return linear


def _points(number: int, width: int) -> nn.Parameter:
    return nn.Parameter(nn.init.xavier_uniform_(torch.empty(number, width)))
