"""Which objects drive a prediction: by how much it changes when one is left out, and what attention has to say."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from permset.data.targets import Real
from permset.networks.attention_weights import AttentionWeights
from permset.networks.leave_one_out import WithoutEach
from permset.prediction.ensemble import Ensemble, batches, spread_of
from permset.reading.portions import Portion
from permset.training.stack import predict

NUMBERS = 4_000_000
"""in bags that each lack an object, unless a single one has more: what memory holds at once"""


class Effects(NamedTuple):
    """Of each object of a portion, in their order there: what is said of its bag, less what is said without it."""

    mean: Float[np.ndarray, "objects numbers"]
    """over the networks: of the probability of the bag's likeliest class, or of each real number"""
    spread: Float[np.ndarray, "objects numbers"]
    """over the networks"""
    attention: Float[np.ndarray, " objects"] | None
    """its weight where the networks pool by attention, the mean over them; this is no effect"""


class Outputs(NamedTuple):
    """Of all networks, in float32."""

    whole: Float[Tensor, "networks sets numbers"]
    """for each bag"""
    without_each: Float[Tensor, "networks objects numbers"]
    """for the bag of each object, without it"""


def has_attention(ensemble: Ensemble) -> bool:
    return AttentionWeights.takes(ensemble.network)


def effects(ensemble: Ensemble, portion: Portion) -> Effects:
    """Every object is left out once. What is left of a bag of one object is an empty bag."""
    bag_of = np.repeat(np.arange(len(portion)), portion.sizes)
    whole, without_each = map(ensemble.meant, outputs(ensemble, portion))
    if not isinstance(ensemble.target, Real):
        likeliest = whole.mean(0).argmax(1)
        whole = whole[:, np.arange(len(whole[0])), likeliest, None]
        without_each = without_each[:, np.arange(len(bag_of)), likeliest[bag_of], None]
    changes = whole[:, bag_of] - without_each
    attention = None
    if has_attention(ensemble):
        _, weights = _of_places(ensemble, AttentionWeights(ensemble.network), portion, 1)
        attention = weights[..., 0].double().mean(0).numpy()
    return Effects(changes.mean(0), spread_of(changes), attention)


def outputs(ensemble: Ensemble, portion: Portion) -> Outputs:
    """Networks that pool look at each object once, others at each bag without each of its objects."""
    if WithoutEach.takes(ensemble.network):
        return Outputs(*_of_places(ensemble, WithoutEach(ensemble.network), portion, ensemble.target.outputs))
    without_each = torch.cat([ensemble.outputs(bags) for bags in bags_without_each(portion)], 1)
    return Outputs(ensemble.outputs(portion), without_each)


def bags_without_each(portion: Portion, numbers: int = NUMBERS) -> Iterator[Portion]:
    """For each object its bag without it, in portions of about so many numbers."""
    bag_of = np.repeat(np.arange(len(portion)), portion.sizes)
    starts = (np.cumsum(portion.sizes) - portion.sizes)[bag_of]
    left = portion.sizes[bag_of] - 1
    part_of = np.cumsum(left) * portion.objects.shape[1] // numbers
    for objects in np.split(np.arange(len(bag_of)), np.flatnonzero(np.diff(part_of)) + 1):
        rows = _rows_without(objects, starts[objects], left[objects])
        names = [portion.names[bag] for bag in bag_of[objects].tolist()]
        yield Portion(names, portion.objects[rows], left[objects], portion.labels[bag_of[objects]], portion.share)


def _rows_without(
    objects: Int[np.ndarray, " bags"], starts: Int[np.ndarray, " bags"], left: Int[np.ndarray, " bags"]
) -> Int[np.ndarray, " rows"]:
    """The rows of so many objects each from its start, over the one of the object that is left out."""
    within = np.arange(left.sum()) - np.repeat(np.cumsum(left) - left, left)
    rows = np.repeat(starts, left) + within
    return rows + (rows >= np.repeat(objects, left))


def _of_places(
    ensemble: Ensemble, network: nn.Module, portion: Portion, numbers: int
) -> tuple[Float[Tensor, "networks sets numbers"], Float[Tensor, "networks objects numbers"]]:
    """What a network around that of the ensemble says first of each bag, and last of each object."""
    state = {f"network.{name}": value for name, value in ensemble.state.items()}
    starts = torch.from_numpy(np.cumsum(portion.sizes) - portion.sizes)
    first, last = (torch.empty(len(ensemble), len(many), numbers) for many in (portion, portion.objects))
    for chosen, bags in batches(portion):
        assert bags.mask is not None
        values = predict(network, state, bags.x, bags.mask).unflatten(-1, (-1, numbers))
        first[:, chosen] = values[:, : len(chosen), 0]
        bag, place = bags.mask.nonzero(as_tuple=True)
        last[:, starts[chosen[bag]] + place] = values[:, bag, place - bags.x.shape[1]]
    return first, last
