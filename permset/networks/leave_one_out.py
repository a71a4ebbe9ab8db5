"""Leaving out each object in turn, where a network pools: it sees each object once, and what is pooled is corrected."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from permset.config.kinds import PoolingKind
from permset.data.elementary import log_sum_exp
from permset.data.masks import Mask, without_padding
from permset.networks.networks import DeepSet
from permset.networks.pooling import SetNorm
from permset.networks.standardization import Standardized
from permset.symmetry.symmetrizers import SetNetwork


class WithoutEach(nn.Module):
    """Of each bag what the network says of it without its first object, without its second, and so on, side by side.

    In the place of padding it is what the network says of the whole bag: padding that is left out changes nothing.
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

    def forward(self, x: Float[Tensor, "*batch n c"], mask: Mask | None = None) -> Float[Tensor, "*batch n_outputs"]:
        return _outputs(self.network, x, mask).flatten(-2)


def _outputs(
    network: nn.Module, x: Float[Tensor, "*batch n c"], mask: Mask | None
) -> Float[Tensor, "*batch n outputs"]:
    if isinstance(network, Standardized):
        return network.in_units(_outputs(network.network, network.standardized(x), mask))
    assert isinstance(network, DeepSet)
    return network.set(pools_without_each(network.features(x, mask), mask, network.pool.kinds))


def pools_without_each(
    x: Float[Tensor, "*batch n c"], mask: Mask | None, kinds: Sequence[PoolingKind]
) -> Float[Tensor, "*batch n features"]:
    """What `Pooling` of these kinds gives for each bag without each of its objects, and without each of its padding."""
    mask = torch.ones(x.shape[:-1], dtype=torch.bool, device=x.device) if mask is None else mask
    return torch.cat([_pool(x, mask, kind) for kind in kinds], -1)


def _pool(x: Float[Tensor, "*batch n c"], mask: Mask, kind: PoolingKind) -> Float[Tensor, "*batch n c"]:
    size = mask.sum(-1).unsqueeze(-1).unsqueeze(-1)
    left = (size - mask.unsqueeze(-1).long()).clamp(min=1)
    match kind:
        case "sum":
            return _sum_of_others(without_padding(x, mask))
        case "mean":
            return _sum_of_others(without_padding(x, mask)) / left
        case "max":
            return _max_of_others(without_padding(x, mask, -torch.inf), size)
        case "min":
            return -_max_of_others(without_padding(-x, mask, -torch.inf), size)
        case "lse":
            return _log_sum_exp_of_others(without_padding(x, mask, -torch.inf), size) - torch.log1p(left.to(x) - 1)
    raise ValueError(kind)


def _sum_of_others(x: Float[Tensor, "*batch n c"]) -> Float[Tensor, "*batch n c"]:
    """The sum less each object's part, as two numbers, so that small parts keep their digits beside a large one."""
    total = x.sum(-2, keepdim=True, dtype=torch.float64)
    rounded = total.to(x)
    return (rounded - x) + (total - rounded).to(x)


def _max_of_others(x: Float[Tensor, "*batch n c"], size: Int[Tensor, "*batch 1 1"]) -> Float[Tensor, "*batch n c"]:
    """The largest, or the second largest in the place of the largest."""
    largest, is_largest = _largest(x, size)
    second = torch.where(is_largest, -torch.inf, x).amax(-2, keepdim=True)
    return torch.where(is_largest, torch.where(size > 1, second, 0.0), largest)


def _log_sum_exp_of_others(
    x: Float[Tensor, "*batch n c"], size: Int[Tensor, "*batch 1 1"]
) -> Float[Tensor, "*batch n c"]:
    """Without the largest, the others are summed anew: beside it they may all have been lost to rounding."""
    largest, is_largest = _largest(x, size)
    others = largest + torch.log1p((_sum_of_others((x - largest).exp()) - 1).clamp(min=0))
    smaller = log_sum_exp(torch.where(is_largest, -torch.inf, x), -2).unsqueeze(-2)
    return torch.where(is_largest, torch.where(size > 1, smaller, 0.0), others)


def _largest(
    x: Float[Tensor, "*batch n c"], size: Int[Tensor, "*batch 1 1"]
) -> tuple[Float[Tensor, "*batch 1 c"], Bool[Tensor, "*batch n c"]]:
    """The largest, zero in empty bags, and the place of one that is."""
    largest, place = x.max(-2, keepdim=True)
    return torch.where(size > 0, largest, 0.0), torch.arange(x.shape[-2], device=x.device).unsqueeze(-1) == place
