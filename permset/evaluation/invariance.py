"""How far a network's outputs change under permutations, compared with how far outputs of different bags are apart."""

import copy
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from permset.data.bags import Bags
from permset.data.masks import Mask
from permset.evaluation.probes import Inputs, lengthened
from permset.symmetry.groups import act

# Of bags (sets, n, c), and of a mask (sets, n) where there is one: (seeds, sets, outputs).
Predict = Callable[..., Float[Tensor, "seeds sets outputs"]]
Changes = Float[Tensor, "seeds sets outputs"]
OfOutputs = Float[Tensor, "seeds 1 outputs"]
Permutations = Int[np.ndarray, "_ _"]

EPSILON = torch.finfo(torch.float32).eps
# A network whose outputs of different bags are apart by so few roundings of float32 gives all bags the same output.
ROUNDINGS = 8


class Yardstick(NamedTuple):
    """What changes of outputs are compared with."""

    spread: OfOutputs
    """of an output over bags: its range without a tenth of the bags at either end, or all of it where that is zero"""
    rounded: Changes | OfOutputs
    """size of the numbers that were rounded on the way to an output"""
    usual: OfOutputs
    """what that is at most, but for a tenth of the bags"""

    @property
    def is_constant(self) -> Bool[Tensor, "seeds 1 outputs"]:
        """Whether outputs of different bags are apart by rounding alone."""
        return self.spread <= ROUNDINGS * EPSILON * self.usual

    @property
    def anywhere(self) -> "Yardstick":
        """For bags that were not measured, of whose numbers so much is rounded as is usual."""
        return Yardstick(self.spread, self.usual, self.usual)

    def of_others(self, predict: Predict, portions: Sequence[Inputs]) -> "Yardstick":
        """For other bags, with the spread over these."""
        return Yardstick(self.spread, _outputs(predict, portions)[1].maximum(self.usual), self.usual)

    def relative(self, changes: Changes) -> Changes:
        """Changes relative to the spread; relative to the numbers that were rounded where an output is constant."""
        return ratio(changes, torch.where(self.is_constant, self.rounded, self.spread))


def as_used(network: nn.Module) -> Predict:
    """Outputs of one network, in evaluation mode and in the precision of the bags; the module stays as it is."""
    used = copy.deepcopy(network).eval()
    return lambda *inputs: used.to(inputs[0])(*inputs)[None]


@torch.no_grad()
def invariance_error(
    predict: Predict,
    x: Float[Tensor, "sets n c"],
    permutations: Permutations,
    mask: Mask | None = None,
    dtype: torch.dtype = torch.float64,
) -> Float[np.ndarray, " seeds"]:
    """Largest change of each seed's outputs under any of the permutations, relative to their spread over the bags.

    A mask moves with its objects. A network whose output is not finite has error NaN.
    """
    portions: list[Inputs] = [(x,) if mask is None else (x, mask)]
    changes = changes_by(predict, portions, [permutations], dtype)
    return yardstick(predict, portions).relative(changes).amax((1, 2)).numpy()


@torch.no_grad()
def yardstick(predict: Predict, portions: Sequence[Inputs]) -> Yardstick:
    """From the outputs of all bags in float64 and in float32.

    Where rounding moves an output by κ·ε in one precision, it does so in the other, each with an ε of its own. So the
    difference between the two, over ε of float32, is κ: the size of the numbers that were rounded. That is at least
    the output itself, and by chance little for a bag: it is taken to be at least what it is for nine bags out of ten.
    """
    outputs, rounded = _outputs(predict, portions)
    ordered = outputs.sort(1).values
    tenth = (outputs.shape[1] - 1) // 10
    middle = ordered[:, -1 - tenth] - ordered[:, tenth]
    spread = torch.where(middle > 0, middle, ordered[:, -1] - ordered[:, 0])
    usual = rounded.sort(1).values[:, -1 - tenth, None]
    return Yardstick(spread[:, None], rounded.maximum(usual), usual)


def changes_by(
    predict: Predict, portions: Sequence[Inputs], permutations: Sequence[Permutations], dtype: torch.dtype
) -> Changes:
    """The largest change of each output under any of the permutations, which are those of each portion of the bags."""
    return torch.cat(
        [_change(predict, _to(inputs, dtype), moves) for inputs, moves in zip(portions, permutations, strict=True)], 1
    ).double()


def changes_by_padding(predict: Predict, portions: Sequence[Inputs]) -> Changes:
    """The change of each output by more padding, in float64."""
    double = [_to(inputs, torch.float64) for inputs in portions]
    return torch.cat([(predict(*lengthened(inputs)) - predict(*inputs)).abs() for inputs in double], 1)


def ratio(changes: Changes, scale: Tensor) -> Changes:
    """No change is none, whatever it is compared with."""
    return torch.where(changes == 0, 0.0, changes / scale)


def _outputs(predict: Predict, portions: Sequence[Inputs]) -> tuple[Changes, Changes]:
    """Outputs in float64, and the size of the numbers that were rounded on the way to them; see `yardstick`."""
    double, single = (
        torch.cat([predict(*_to(inputs, dtype)).double() for inputs in portions], 1)
        for dtype in (torch.float64, torch.float32)
    )
    return double, torch.maximum(double.abs(), (double - single).abs() / EPSILON)


def _change(predict: Predict, inputs: Inputs, permutations: Permutations) -> Changes:
    outputs = predict(*inputs)
    changes = torch.zeros_like(outputs)
    for p in permutations:
        changes = torch.maximum(changes, (predict(*_moved(p, inputs)) - outputs).abs())
    return changes


def _moved(p: Int[np.ndarray, " n"], inputs: Inputs) -> Inputs:
    x, *masks = inputs
    return (act(p, x), masks[0][:, torch.as_tensor(p)]) if masks else (act(p, x),)


def double(bags: Bags) -> Inputs:
    """What a network takes of bags, in float64."""
    return (bags.x.double(),) if bags.mask is None else (bags.x.double(), bags.mask)


def _to(inputs: Inputs, dtype: torch.dtype) -> Inputs:
    x, *masks = inputs
    return (x.to(dtype), masks[0]) if masks else (x.to(dtype),)
