"""How far a network's outputs fall when an object is added to a bag, which a monotone network's never do."""

from collections.abc import Sequence
from typing import Literal

import torch

from permset import PermsetError
from permset.config.experiment import CertificateParams
from permset.evaluation.invariance import Changes, Predict, Yardstick, ratio
from permset.evaluation.probes import Inputs

Monotone = Literal["monotone", "not monotone"]


def monotonicity(
    name: str, claimed: bool, predict: Predict, portions: Sequence[Inputs], by: Yardstick, limits: CertificateParams
) -> dict[str, float | Monotone]:
    """The largest fall of an output, relative to its spread over bags, the worst over seeds; and a verdict.

    Bags are in float64. `monotone`: no fall is more than rounding, as `invariant` is for changes. It holds for the bags
    on which it was measured. PermsetError if the network claims to be monotone and is not.
    """
    falls = falls_by_adding(predict, portions)
    error, rounding = (float(errors.max()) for errors in (by.relative(falls), ratio(falls, by.rounded)))
    verdict: Monotone = "monotone" if rounding <= limits.invariant else "not monotone"
    if claimed and verdict != "monotone":
        raise PermsetError(
            f"{name}: claims that an added object never lowers its outputs, but one does by {error:.3g} of their "
            f"spread over bags, and by {rounding:.3g} of what was rounded"
        )
    return {"monotonicity": error, "monotone": verdict}


@torch.no_grad()
def falls_by_adding(predict: Predict, portions: Sequence[Inputs]) -> Changes:
    """Of each bag the largest fall of each output when one of its objects is added to the others; 0 where none falls.

    What lacks an object has padding in its place.
    """
    return torch.cat([_falls(predict, *inputs) for inputs in portions], 1)


def _falls(predict: Predict, x: torch.Tensor, mask: torch.Tensor | None = None) -> Changes:
    there = torch.ones(x.shape[:-1], dtype=torch.bool) if mask is None else mask
    outputs = predict(x, there)
    falls = torch.zeros_like(outputs)
    for place in range(x.shape[1]):
        others = there.clone()
        others[:, place] = False
        fall = predict(x, others) - outputs
        falls = torch.maximum(falls, torch.where(there[:, place, None], fall, 0.0))
    return falls
