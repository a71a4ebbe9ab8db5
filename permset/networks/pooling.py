"""Pooling: one vector from the objects of a bag; and set norm, which normalises over a whole bag.

An empty bag, of padding alone or of no places, counts as a bag of zeros: every pooling here gives zeros for it, and
zero gradients.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from permset.config.kinds import PoolingKind
from permset.data.elementary import log_sum_exp
from permset.data.masks import Mask, count, without_padding

Pool = Callable[[Tensor, Mask | None], Tensor]


class Pooling(nn.Module):
    """One kind of pooling, or several with their results side by side; `features` is how many numbers that makes.

    Element by element the sum, mean, max or min over objects, or lse = log((1/n) Σ_i exp(h_i)), between the mean and
    the max (Pinheiro & Collobert 2015, arXiv:1411.6228); or gated attention, `hidden` wide, or as wide as its input.
    """

    def __init__(self, c: int, kinds: PoolingKind | Sequence[PoolingKind], hidden: int | None = None):
        super().__init__()
        self.kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
        self.features = c * len(self.kinds)
        self.attention = GatedAttention(c, hidden or c) if "attention" in self.kinds else None

    def forward(self, x: Float[Tensor, "*batch n c"], mask: Mask | None = None) -> Float[Tensor, "*batch features"]:
        x, mask = _zeros_if_empty(x, mask)
        pools: dict[str, Pool] = _POOLS if self.attention is None else {**_POOLS, "attention": self.attention}
        return torch.cat([pools[kind](x, mask) for kind in self.kinds], -1) if self.kinds else x[..., 0, :0]


class GatedAttention(nn.Module):
    """Σ_i a_i h_i with a = softmax_i(wᵀ(tanh(V h_i) ⊙ σ(U h_i))) (Ilse et al. 2018, arXiv:1802.04712, eqs. 7 and 9)."""

    def __init__(self, c: int, hidden: int):
        super().__init__()
        self.V, self.U = nn.Linear(c, hidden, bias=False), nn.Linear(c, hidden, bias=False)
        self.w = nn.Linear(hidden, 1, bias=False)

    def forward(self, x: Float[Tensor, "*batch n c"], mask: Mask | None = None) -> Float[Tensor, "*batch c"]:
        x, mask = _zeros_if_empty(x, mask)
        return (self.weights(x, mask) * x).sum(-2)

    def weights(self, x: Float[Tensor, "*batch n c"], mask: Mask | None = None) -> Float[Tensor, "*batch n 1"]:
        """The a_i of bags that are not empty; zero in the padding."""
        logits = self.w(torch.tanh(self.V(x)) * torch.sigmoid(self.U(x)))
        return without_padding(logits, mask, -torch.inf).softmax(-2)


class SetNorm(nn.Module):
    """y = w ⊙ (x − μ)/√(σ² + ε) + b, with μ and σ² over all objects and channels of a bag; zero in the padding.

    The set norm of Zhang et al. (2022, arXiv:2206.11925).
    """

    def __init__(self, c: int, eps: float = 1e-5):
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.ones(c)), nn.Parameter(torch.zeros(c))

    def forward(self, x: Float[Tensor, "*batch n c"], mask: Mask | None = None) -> Float[Tensor, "*batch n c"]:
        x = without_padding(x, mask)
        centred = without_padding(x - _mean_of_all(x, mask), mask)
        scale = torch.rsqrt(_mean_of_all(centred.square(), mask) + self.eps)
        return without_padding(centred * scale * self.weight + self.bias, mask)


def _mean_of_all(x: Float[Tensor, "*batch n c"], mask: Mask | None) -> Float[Tensor, "*batch 1 1"]:
    """Mean over objects and channels, of what is zero in the padding."""
    return (x.sum((-2, -1)).unsqueeze(-1) / (count(x, mask) * x.shape[-1])).unsqueeze(-1)


def _zeros_if_empty(
    x: Float[Tensor, "*batch n c"], mask: Mask | None
) -> tuple[Float[Tensor, "*batch _ c"], Mask | None]:
    """Zeros in the padding; and where there is nothing else, all of them as objects: nothing is divided by none."""
    if x.shape[-2] == 0:
        return F.pad(x, (0, 0, 0, 1)), None
    return (x, None) if mask is None else (without_padding(x, mask), mask | ~mask.any(-1, keepdim=True))


def _log_mean_exp(x: Float[Tensor, "*batch n c"], mask: Mask | None) -> Float[Tensor, "*batch c"]:
    # A logarithm of what is either a number or a tensor.
    size = torch.as_tensor(count(x, mask), dtype=x.dtype, device=x.device)
    return log_sum_exp(without_padding(x, mask, -torch.inf), -2) - torch.log1p(size - 1)


# Of bags with zeros in the padding and none of them empty.
_POOLS: dict[str, Pool] = {
    "sum": lambda x, mask: x.sum(-2),
    "mean": lambda x, mask: x.sum(-2) / count(x, mask),
    "max": lambda x, mask: without_padding(x, mask, -torch.inf).amax(-2),
    "min": lambda x, mask: without_padding(x, mask, torch.inf).amin(-2),
    "lse": _log_mean_exp,
}
