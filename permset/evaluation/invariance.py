"""How invariant a network is: relative errors under permutations, and the certificate."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from permset import PermsetError
from permset.config.experiment import CertificateParams
from permset.data.bags import Bags
from permset.data.masks import Mask
from permset.data.randomness import generator
from permset.data.targets import BINARY, Target
from permset.symmetry.groups import PermutationGroup, act

# Of bags (sets, n, c), and of a mask (sets, n) where there is one: (seeds, sets, outputs).
Predict = Callable[..., Float[Tensor, "seeds sets outputs"]]
Verdict = Literal["invariant", "approximate", "not invariant"]


@dataclass(frozen=True)
class Certificate:
    """Relative errors max |f(px) − f(x)| / max(1, max |f(x)|), the worst over bags and seeds.

    A network that is exactly invariant under a group's generators is so under all of its elements, which are
    their products. Random elements are measured as well, since an error may add up along a product.
    """

    generators: float
    random: float
    generators_float32: float
    random_float32: float

    @property
    def error(self) -> float:
        """The error in float64, where it is at rounding level unless invariance is broken."""
        return _worst(self.generators, self.random)

    @property
    def error_float32(self) -> float:
        return _worst(self.generators_float32, self.random_float32)

    def as_dict(self) -> dict[str, float]:
        return {
            "invariance_float64": self.error,
            "invariance_float32": self.error_float32,
            **{f"invariance_{name}": value for name, value in asdict(self).items()},
        }

    def verdict(self, invariant: float, approximate: float) -> Verdict:
        """The float64 error against two thresholds; an error that is NaN is `not invariant`."""
        if self.error <= invariant:
            return "invariant"
        return "approximate" if self.error <= approximate else "not invariant"


@torch.no_grad()
def invariance_error(
    predict: Predict, x: Float[Tensor, "sets n c"], permutations: Int[np.ndarray, "k n"], mask: Mask | None = None
) -> Float[np.ndarray, " seeds"]:
    """Largest relative change of each seed's outputs under any of the permutations, in the precision of x.

    A mask moves with its objects. The change is relative to the seed's largest output, or to 1 where that is less:
    logits have a unit of their own, in which one changes a probability by a quarter at most. A network whose output is
    not finite has error NaN.
    """

    def moved(p: Int[np.ndarray, " n"]) -> Tensor:
        return predict(act(p, x)) if mask is None else predict(act(p, x), mask[:, torch.as_tensor(p)])

    outputs = moved(np.arange(x.shape[1]))
    change = torch.zeros(len(outputs), dtype=x.dtype)
    for p in permutations:
        change = torch.maximum(change, (moved(p) - outputs).abs().amax((1, 2)))
    return (change / outputs.abs().amax((1, 2)).clamp(min=1)).double().numpy()


def certify(
    predict: Predict,
    x: Float[Tensor, "sets n c"],
    group: PermutationGroup,
    num_random: int,
    draws: torch.Generator,
    mask: Mask | None = None,
) -> Certificate:
    """Measure invariance under the group's generators and random elements, in float64 and in float32."""
    permutations = group.generators(), group.sample(num_random, draws).numpy()
    errors = [
        _worst(*invariance_error(predict, x.to(dtype), p, mask))
        for dtype in (torch.float64, torch.float32)
        for p in permutations
    ]
    return Certificate(*errors)


def certified(
    name: str, claimed: PermutationGroup | None, predict: Predict, bags: Bags, limits: CertificateParams
) -> dict[str, float | str]:
    """The certificate under the group that a network claims, all permutations where it claims none, and its verdict.

    Also the error under all permutations. PermsetError if the network claims invariance and has lost it.
    """
    draws = generator(limits.seed, "certificate")
    all_permutations = PermutationGroup.symmetric(bags.x.shape[1])
    group = claimed or all_permutations
    certificate = certify(predict, bags.x, group, limits.permutations, draws, bags.mask)
    verdict = certificate.verdict(limits.invariant, limits.approximate)
    if claimed and verdict != "invariant":
        raise PermsetError(
            f"{name}: claims to be invariant under {claimed}, but its relative error is {certificate.error:.3g}"
        )
    symmetric = certificate.error
    if group != all_permutations:
        permutations = all_permutations.sample(limits.permutations, draws).numpy()
        symmetric = float(invariance_error(predict, bags.x.double(), permutations, bags.mask).max())
    return {**certificate.as_dict(), "invariance_symmetric": symmetric, "group": str(group), "verdict": verdict}


def example(bags: Bags) -> Float[Tensor, "1 n c"]:
    """One bag without its padding, to be shown: the first of at least two objects, if there is one."""
    if bags.mask is None:
        return bags.x[:1]
    sizes = bags.mask.sum(-1)
    index = int((sizes >= 2).long().argmax())
    return bags.x[index : index + 1, : max(1, int(sizes[index]))]


@torch.no_grad()
def show_permutations(
    predict: Predict,
    x: Float[Tensor, "1 n c"],
    permutations: Int[np.ndarray, "k n"],
    seed_index: int,
    target: Target = BINARY,
) -> list[tuple[str, float, float]]:
    """The order, first output and reading of one bag as it is and under each permutation, for one seed."""
    orders = [np.arange(x.shape[1]), *permutations]
    outputs = torch.cat([predict(act(p, x))[seed_index] for p in orders])
    readings = target.reading(outputs).tolist()
    names = [" ".join(map(str, p)) for p in orders]
    return list(zip(names, outputs[:, 0].tolist(), readings, strict=True))


def _worst(*errors: float) -> float:
    """The largest; NaN if one is NaN, which Python's max may lose."""
    return float(np.max(errors))
