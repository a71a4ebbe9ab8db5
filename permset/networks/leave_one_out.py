"""Leaving out each object in turn, where a network pools: it sees each object once, and what is pooled is corrected."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from permset.config.kinds import PoolingKind
from permset.data.masks import Mask
from permset.networks.networks import DeepSet
from permset.networks.pooling import SetNorm
from permset.networks.standardization import Standardized
from permset.symmetry.symmetrizers import SetNetwork

LARGE = 1e37
"""more than any number that is pooled"""


class WithoutEach(nn.Module):
    """What the network says of each bag, and then of it without its first object, without its second, and so on.

    All of this is side by side. In the place of padding are numbers that mean nothing.
    """

    def __init__(self, network: SetNetwork):
        super().__init__()
        self.network = network

    @staticmethod
    def takes(network: nn.Module) -> bool:
        """Whether the network sees an object by itself before it pools, in ways that can be corrected."""
        if isinstance(network, Standardized):
            return WithoutEach.takes(network.network)
        if not isinstance(network, DeepSet) or any(isinstance(layer, SetNorm) for layer in network.element):
            return False
        return "attention" not in network.pool.kinds

    def forward(self, x: Float[Tensor, "*batch n c"], mask: Mask | None = None) -> Float[Tensor, "*batch _"]:
        return _outputs(self.network, x, mask).flatten(-2)


def _outputs(
    network: nn.Module, x: Float[Tensor, "*batch n c"], mask: Mask | None
) -> Float[Tensor, "*batch _ outputs"]:
    if isinstance(network, Standardized):
        return network.in_units(_outputs(network.network, network.standardized(x), mask))
    assert isinstance(network, DeepSet)
    pools = pools_without_each(network.features(x, mask), mask, network.pool.kinds)
    return torch.cat([_after_pooling(network.set, some) for some in zip(*pools, strict=True)], -2)


def _after_pooling(network: nn.Sequential, pools: Sequence[Float[Tensor, "*batch _"]]) -> Float[Tensor, "*batch _"]:
    """The first layer takes each kind of pooling by itself, which is faster than to put them side by side."""
    first, others = network[0], network[1:]
    assert isinstance(first, nn.Linear)
    weights = first.weight.split([some.shape[-1] for some in pools], -1)
    x = F.linear(pools[0], weights[0], first.bias)
    for some, weight in zip(pools[1:], weights[1:], strict=True):
        x = x + F.linear(some, weight)
    return others(x)


class Pools(NamedTuple):
    whole: Float[Tensor, "*batch 1 features"]
    """of each bag"""
    others: Float[Tensor, "*batch n features"]
    """of each bag without each of its objects"""


def pools_without_each(x: Float[Tensor, "*batch n c"], mask: Mask | None, kinds: Sequence[PoolingKind]) -> list[Pools]:
    """What `Pooling` gives of each of these kinds, for numbers that are finite, also in the padding."""
    there = torch.ones_like(x[..., :1]) if mask is None else mask.unsqueeze(-1).to(x)
    x = x * there
    return [_pools(x, there, kind) for kind in kinds]


def _pools(x: Float[Tensor, "*batch n c"], there: Float[Tensor, "*batch n 1"], kind: PoolingKind) -> Pools:
    """`there` is 1 for an object and 0 for padding, in which x is zero."""
    size = there.sum(-2, keepdim=True)
    sizes, left = size.clamp(min=1), (size - 1).clamp(min=1)
    match kind:
        case "sum":
            return _sums(x)
        case "mean":
            whole, others = _sums(x)
            return Pools(whole / sizes, others.div_(left))
        case "max":
            return _maxima(x, there)
        case "min":
            whole, others = _maxima(-x, there)
            return Pools(-whole, others.neg_())
        case "lse":
            whole, others = _log_sum_exps(x, there)
            return Pools(whole - torch.log1p(sizes - 1), others.sub_(torch.log1p(left - 1)))
    raise ValueError(kind)


def _sums(x: Float[Tensor, "*batch n c"]) -> Pools:
    """The sum less each object's part, as two numbers, so that small parts keep their digits beside a large one."""
    total = x.double().sum(-2, keepdim=True)
    whole = total.to(x)
    return Pools(whole, (whole - x).add_((total - whole).to(x)))


def _maxima(x: Float[Tensor, "*batch n c"], there: Float[Tensor, "*batch n 1"]) -> Pools:
    """The largest, or the second largest in the place of the largest."""
    top = _Top.of(x, there)
    return Pools(top.largest, torch.lerp(top.largest, top.second, top.is_largest))


def _log_sum_exps(x: Float[Tensor, "*batch n c"], there: Float[Tensor, "*batch n 1"]) -> Pools:
    """Without the largest, the others are summed anew: beside it they may all have been lost to rounding."""
    top = _Top.of(x, there)
    whole, with_largest = (
        top.largest + torch.log1p((some - 1).clamp(min=0)) for some in _sums((top.x - top.largest).exp_())
    )
    others = top.x.sub(top.is_largest, alpha=LARGE).sub_(top.second).exp_().sum(-2, keepdim=True)
    without_largest = top.second + torch.log1p((others - 1).clamp(min=0))
    alone = top.is_largest * (top.is_largest.sum(-2, keepdim=True) == 1)
    return Pools(whole, torch.lerp(with_largest, without_largest, alone))


class _Top(NamedTuple):
    """Where the largest is, by numbers: truth values would take five times as long."""

    x: Float[Tensor, "*batch n c"]
    """far below all objects in the padding"""
    is_largest: Float[Tensor, "*batch n c"]
    """1 for the largest, and for all that are as large"""
    largest: Float[Tensor, "*batch 1 c"]
    """zero in empty bags"""
    second: Float[Tensor, "*batch 1 c"]
    """as large where two are the largest, and zero in bags of one object"""

    @classmethod
    def of(cls, x: Float[Tensor, "*batch n c"], there: Float[Tensor, "*batch n 1"]) -> "_Top":
        x, size = x - LARGE * (1 - there), there.sum(-2, keepdim=True)
        largest = x.amax(-2, keepdim=True)
        is_largest = (x - largest).sign_().add_(1)
        second = x.sub(is_largest, alpha=LARGE).amax(-2, keepdim=True)
        second = torch.where(is_largest.sum(-2, keepdim=True) > 1, largest, second)
        return cls(x, is_largest, torch.where(size > 0, largest, 0.0), torch.where(size > 1, second, 0.0))
