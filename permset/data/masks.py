"""Masks (*batch, n) beside padded bags (*batch, n, c): true for an object, false for padding.

What lies in the padding may be anything, also not a number, and never reaches an output.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from permset import PermsetError

Mask = Bool[Tensor, "*batch n"]


def check_mask(mask: Tensor | None) -> None:
    """PermsetError for a mask of numbers, whose complement is not what it seems: ~1 is 254 in uint8."""
    if mask is not None and mask.dtype != torch.bool:
        raise PermsetError(f"a mask must be boolean, got {mask.dtype}; convert it with mask.bool()")


def without_padding(
    x: Float[Tensor, "*batch n c"], mask: Mask | None, value: float = 0.0
) -> Float[Tensor, "*batch n c"]:
    """A value in the padding; by `where` and not by a product, for what lies there may be no number."""
    check_mask(mask)
    return x if mask is None else torch.where(mask.unsqueeze(-1), x, value)


def count(x: Float[Tensor, "*batch n c"], mask: Mask | None) -> int | Float[Tensor, "*batch 1"]:
    """Objects of each bag, one where there is none: what a sum over objects is divided by."""
    return max(1, x.shape[-2]) if mask is None else mask.sum(-1, keepdim=True).clamp(min=1).to(x.dtype)


def products_of_deviations(x: Float[Tensor, "*batch n c"], mask: Mask | None) -> Float[Tensor, "*batch c c"]:
    """Of each pair of channels, the sum over the objects of each bag: their covariances times their number."""
    x, size = without_padding(x, mask), count(x, mask)
    deviations = without_padding(x - (x.sum(-2) / size).unsqueeze(-2), mask)
    return deviations.mT @ deviations


def resize(
    x: Float[Tensor, "*batch n c"], mask: Mask | None, size: int
) -> tuple[Float[Tensor, "*batch size c"], Bool[Tensor, "*batch size"] | None]:
    """Bags of `size` positions, for what has fixed ones: padding, of zeros, is added or cut off at the end.

    PermsetError if an object would be cut off.
    """
    check_mask(mask)
    more = size - x.shape[-2]
    if more == 0:
        return without_padding(x, mask), mask
    if mask is None:
        mask = torch.ones(x.shape[:-1], dtype=torch.bool, device=x.device)
    if more < 0 and bool(mask[..., size:].any()):
        raise PermsetError(f"bags of at most {size} objects can be taken here, got one of more")
    x, mask = without_padding(x, mask)[..., :size, :], mask[..., :size]
    return F.pad(x, (0, 0, 0, max(more, 0))), F.pad(mask, (0, max(more, 0)))


def in_positions(x: Float[Tensor, "*batch n c"], mask: Mask | None, size: int) -> Float[Tensor, "*batch size c"]:
    """Bags for a network with a fixed place for each of `size` objects: the objects in their order, then zeros."""
    check_mask(mask)
    if mask is not None:
        order = (~mask).to(torch.uint8).sort(dim=-1, stable=True).indices
        x, mask = x.gather(-2, order.unsqueeze(-1).expand(x.shape)), mask.gather(-1, order)
    return resize(x, mask, size)[0]
