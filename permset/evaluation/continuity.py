"""Whether a network's outputs are continuous in the bag, or jump, as where a sort puts two objects the other way."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from permset.config.networks import AVERAGED_AT_MOST
from permset.evaluation.invariance import Predict, Yardstick, ratio
from permset.evaluation.probes import Inputs
from permset.symmetry.frames import WeightedFrame
from permset.symmetry.symmetrizers import Canonicalization, GroupAverage

Continuous = Literal["continuous", "not continuous"]
# Bags from which paths start.
PATHS = 24
# A path is cut into so many parts, and one of them again, and so on, to 8⁻¹⁰ of its length, about 10⁻⁹. There are many
# at first, so that a jump is more than what a smooth function changes over a part.
PARTS = [64, 8, 8, 8, 8, 8, 8, 8, 8]
# Over the last five cuts the change of a Lipschitz function falls 8⁵ times. A jump stays what it is.
LAST, FALLS = 5, 100


def is_in_doubt(network: nn.Module) -> bool:
    """Whether a network puts objects in order: whatever else it does to them is continuous by construction.

    Not if an average over a large group does so too, which on a path lists all arrangements of objects that all differ.
    """
    parts = list(network.modules())
    groups = [part.group for part in parts if isinstance(part, GroupAverage)]
    orders = any(isinstance(part, Canonicalization | WeightedFrame) for part in parts)
    return orders and all(group.order <= AVERAGED_AT_MOST for group in groups)


@torch.no_grad()
def continuity(
    predict: Predict, portions: Sequence[Inputs], by: Yardstick, rounding: float, draws: torch.Generator
) -> dict[str, float | Continuous]:
    """The largest change of an output over ever shorter stretches of straight paths between bags, and a verdict.

    Bags are in float64. A path leads from a bag to one of the same numbers in other objects, and passes ties of all
    kinds on its way. Of its parts the one with the largest change is cut again, and again. What is left at last is
    given relative to the outputs' spread over bags, the worst over seeds. A change of at most `rounding`, relative to
    the numbers that are rounded on the way to an output, is none.
    """
    each = -(-PATHS // len(portions))
    found = [_changes(predict, _first(inputs, each), by, draws) for inputs in portions]
    before, last = (torch.cat([pair[i] for pair in found], 1) for i in (0, 1))
    falls = by.anywhere.relative(last).max() * FALLS <= by.anywhere.relative(before).max()
    is_none = ratio(last, by.usual).max() <= rounding
    verdict: Continuous = "continuous" if falls or is_none else "not continuous"
    return {"continuity": float(by.anywhere.relative(last).max()), "continuous": verdict}


def _changes(
    predict: Predict, inputs: Inputs, by: Yardstick, draws: torch.Generator
) -> tuple[Float[Tensor, "seeds sets outputs"], Float[Tensor, "seeds sets outputs"]]:
    """The change over the chosen stretch of each bag's path, before the last cuts and after them."""
    x, *masks = inputs
    way = _dealt_out(inputs, draws) - x
    start, length, changes = torch.zeros(len(x), dtype=x.dtype), 1.0, []
    for parts in PARTS:
        length /= parts
        cuts = start + length * torch.arange(parts + 1, dtype=x.dtype)[:, None]  # (cuts, sets), exact
        points = x + cuts[..., None, None] * way
        repeated = (mask.expand(len(cuts), *mask.shape).flatten(0, 1) for mask in masks)
        outputs = predict(points.flatten(0, 1), *repeated).unflatten(1, (len(cuts), len(x)))
        steps = outputs.diff(dim=1).abs()
        chosen = by.anywhere.relative(steps.flatten(1, 2)).view_as(steps).amax((0, 3)).argmax(0)
        start = cuts[chosen, torch.arange(len(x))]
        changes.append(steps[:, chosen, torch.arange(len(x))])
    return changes[-1 - LAST], changes[-1]


def _first(inputs: Inputs, count: int) -> Inputs:
    x, *masks = inputs
    return (x[:count], masks[0][:count]) if masks else (x[:count],)


def _dealt_out(inputs: Inputs, draws: torch.Generator) -> Float[Tensor, "sets n c"]:
    """The numbers of each channel in another order among the objects of their bag."""
    x, *masks = inputs
    result = x.clone()
    for i, bag in enumerate(x):
        places = masks[0][i].nonzero().flatten() if masks else torch.arange(len(bag))
        for channel in range(bag.shape[1]):
            order = torch.randperm(len(places), generator=draws)
            result[i, places, channel] = bag[places[order], channel]
    return result
