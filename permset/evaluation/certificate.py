"""The certificate: how invariant a network is, on which bags that was measured, and the verdict."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from tqdm import tqdm

from permset import PermsetError
from permset.config.experiment import CertificateParams
from permset.data.bags import Bags
from permset.data.masks import Mask, resize
from permset.data.randomness import generator
from permset.data.targets import BINARY, Real, Target
from permset.evaluation.invariance import (
    Changes,
    Predict,
    Yardstick,
    as_used,
    changes_by,
    changes_by_padding,
    ratio,
    yardstick,
)
from permset.evaluation.probes import Inputs, probes
from permset.symmetry.groups import PermutationGroup, act

Claim = Callable[[int], PermutationGroup | None]
"""the group under which a network claims to be invariant, for bags of so many objects"""
Verdict = Literal["invariant", "constant", "approximate", "not invariant"]
CLAIMABLE = "invariant", "constant"


@dataclass(frozen=True)
class Certificate:
    """Largest changes of outputs, relative to how far outputs of different bags are apart, the worst over seeds.

    A function that never changes under a group's generators never changes under its elements, which are products of
    them. Random elements are measured as well, since an error may add up along a product. What is measured holds for
    the bags on which it was measured.
    """

    generators: float
    random: float
    probes: float
    """of generators, on bags made for finding what others miss; see evaluation/probes.py"""
    padding: float
    """of more padding, where there is a mask"""
    generators_float32: float
    random_float32: float
    rounding: float
    """the largest change in float64 relative to the numbers that were rounded on the way to the output"""
    constant: bool
    """whether outputs of different bags are apart by rounding alone"""
    bags: int
    """on which it was measured, of `smallest` to `largest` objects"""
    smallest: int
    largest: int

    @property
    def error(self) -> float:
        """The largest change in float64, where it is at rounding level unless invariance is broken."""
        return _worst(self.generators, self.random, self.probes, self.padding)

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
        """`invariant`: up to a limit relative to what was rounded; `approximate`: up to one relative to the spread.

        An error that is NaN is `not invariant`. An invariant network whose outputs tell no bags apart is `constant`.
        """
        if self.rounding <= invariant:
            return "constant" if self.constant else "invariant"
        return "approximate" if self.error <= approximate else "not invariant"


def certify(
    predict: Predict | nn.Module,
    x: Float[Tensor, "sets n c"],
    group: PermutationGroup,
    num_random: int,
    draws: torch.Generator,
    mask: Mask | None = None,
    name: str | None = None,
) -> Certificate:
    """Measure invariance under the group's generators and random elements, in float64 and in float32.

    Also on bags that are made of these, sorted or with objects that are alike, and with more padding where there is a
    mask. A module is measured in evaluation mode. Progress is shown under the name, if one is given.
    """
    if isinstance(predict, nn.Module):
        predict = as_used(predict)
    portions: list[Inputs] = [(x,) if mask is None else (x, mask)]
    return certify_portions(predict, portions, [group], num_random, draws, name)


@torch.no_grad()
def certify_portions(
    predict: Predict,
    portions: Sequence[Inputs],
    groups: Sequence[PermutationGroup],
    num_random: int,
    draws: torch.Generator,
    name: str | None = None,
) -> Certificate:
    """As `certify`, of bags in portions, each padded to a size of its own and under the group of that degree."""
    generators = [group.generators() for group in groups]
    random = [group.sample(num_random, draws).numpy() for group in groups]
    calls = sum(3 * len(moves) + 2 * len(more) + 11 for moves, more in zip(generators, random, strict=True))
    title, hidden = f"{name}: certificate", None if name else True  # None shows it on a terminal
    with tqdm(total=calls, desc=title, leave=None, disable=hidden) as progress:

        def counted(*inputs: Tensor) -> Tensor:
            progress.update()
            return predict(*inputs)

        by = yardstick(counted, portions)
        measured = {
            "generators": [_Measured(changes_by(counted, portions, generators, torch.float64), by)],
            "random": [_Measured(changes_by(counted, portions, random, torch.float64), by)],
            "probes": [
                _Measured(changes_by(counted, [made], [moves], torch.float64), by.of_others(counted, [made]))
                for made, moves in zip(probes(portions), generators, strict=True)
                if made is not None
            ],
            "padding": [_Measured(changes_by_padding(counted, portions), by)],
        }
        single = [changes_by(counted, portions, moves, torch.float32) for moves in (generators, random)]
    sizes = torch.cat([_sizes(inputs) for inputs in portions])
    return Certificate(
        **{name: _worst(*(one.error for one in of_kind)) for name, of_kind in measured.items()},
        generators_float32=_Measured(single[0], by).error,
        random_float32=_Measured(single[1], by).error,
        rounding=_worst(*(one.rounding for of_kind in measured.values() for one in of_kind)),
        constant=len(sizes) > 1 and bool(by.is_constant.all()),
        bags=len(sizes),
        smallest=int(sizes.min()),
        largest=int(sizes.max()),
    )


def certified(
    name: str, claim: Claim, predict: Predict, portions: Sequence[Bags], limits: CertificateParams
) -> dict[str, float | str]:
    """The certificate under the group that a network claims, all permutations where it claims none, and its verdict.

    Also the error under all permutations. PermsetError if the network claims invariance and has lost it.
    """
    draws = generator(limits.seed, "certificate")
    inputs, groups = under_claim(claim, portions)
    certificate = certify_portions(predict, inputs, groups, limits.permutations, draws, name)
    verdict = certificate.verdict(limits.invariant, limits.approximate)
    group = max(groups, key=lambda group: group.degree)
    if claim(group.degree) and verdict not in CLAIMABLE:
        raise PermsetError(
            f"{name}: claims to be invariant under {group}, but its outputs change by {certificate.error:.3g} of their "
            f"spread over bags, and by {certificate.rounding:.3g} of what was rounded"
        )
    symmetric = certificate.error
    if not group.is_symmetric:
        every = [
            PermutationGroup.symmetric(group.degree).sample(limits.permutations, draws).numpy() for group in groups
        ]
        symmetric = _Measured(changes_by(predict, inputs, every, torch.float64), yardstick(predict, inputs)).error
    return {**certificate.as_dict(), "invariance_symmetric": symmetric, "group": str(group), "verdict": verdict}


def under_claim(claim: Claim, portions: Sequence[Bags]) -> tuple[list[Inputs], list[PermutationGroup]]:
    """What a network takes, and the group that it claims for bags of that size; all permutations where it claims none.

    A group of one degree takes smaller bags with more padding.
    """
    inputs: list[Inputs] = []
    groups = [claim(bags.x.shape[1]) or PermutationGroup.symmetric(bags.x.shape[1]) for bags in portions]
    for bags, group in zip(portions, groups, strict=True):
        x, mask = resize(bags.x, bags.mask, group.degree)
        inputs.append((x,) if mask is None else (x, mask))
    return inputs, groups


@torch.no_grad()
def example(
    predict: Predict, portions: Sequence[Bags], seed_index: int, target: Target = BINARY
) -> Float[Tensor, "1 n c"]:
    """The bag about which one seed's network is least sure, without its padding, so that one sees a reading move.

    It is the one whose probability is nearest to even odds, among bags of at least two objects if there are any. Real
    numbers have no odds: there it is the one in the middle.
    """
    readings = torch.cat([target.reading(predict(*bags.inputs.values())[seed_index]) for bags in portions])
    even = readings.median() if isinstance(target, Real) else 0.5
    bags_alone = [bags.alone(i) for bags in portions for i in range(len(bags))]
    sizes = torch.tensor([bag.shape[1] for bag in bags_alone])
    large_enough = sizes >= min(2, int(sizes.max()))
    return bags_alone[int((readings - even).abs().where(large_enough, torch.inf).argmin())]


@torch.no_grad()
def show_permutations(
    predict: Predict,
    x: Float[Tensor, "1 n c"],
    permutations: Int[np.ndarray, "k n"],
    seed_index: int,
    target: Target = BINARY,
) -> list[tuple[str, float, float, str]]:
    """Of one bag as it is and under each permutation, for one seed: order, first output, reading and what that is."""
    orders = [np.arange(x.shape[1]), *permutations]
    outputs = torch.cat([predict(act(p, x))[seed_index] for p in orders])
    readings = target.reading(outputs).tolist()
    names = [" ".join(map(str, p)) for p in orders]
    return list(zip(names, outputs[:, 0].tolist(), readings, target.meanings(outputs), strict=True))


class _Measured(NamedTuple):
    changes: Changes
    by: Yardstick

    @property
    def error(self) -> float:
        return float(self.by.relative(self.changes).max())

    @property
    def rounding(self) -> float:
        return float(ratio(self.changes, self.by.rounded).max())


def _sizes(inputs: Inputs) -> Int[Tensor, " sets"]:
    x, *masks = inputs
    return masks[0].sum(-1) if masks else torch.full((len(x),), x.shape[1])


def _worst(*errors: float) -> float:
    """The largest, 0 of none; NaN if one is NaN, which Python's max may lose."""
    return float(np.max(errors, initial=0.0))
