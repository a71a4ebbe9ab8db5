"""Ways to make any network respect a group: each wraps a network that maps (sets, n, c) to (sets, outputs).

What is random in training comes from outside: `draw` makes permutations (sets, k, n), and `forward` takes
them beside the bags. Without them, `forward` is the network as it is used and evaluated. A mask moves with
the objects that it speaks of, and a group of fixed degree takes smaller bags as padded ones.
"""

import math

import numpy as np
import torch
from jaxtyping import Float, Int, Integer
from torch import Tensor, nn

from permset import PermsetError
from permset.config.kinds import Averaged, Order
from permset.config.networks import AVERAGED_AT_MOST
from permset.data.masks import Mask, resize, without_padding
from permset.symmetry.arrangements import arrangements
from permset.symmetry.averages import Mean, mean_of
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.least import least_arrangement

Objects = Float[Tensor, "*batch n c"]
Logits = Float[Tensor, "*batch outputs"]
Permutations = Int[Tensor, "*batch k n"]

# Of a sampled average: keeps the activations in a processor's cache, and the memory small for any number of them.
ELEMENTS_AT_ONCE = 8


class SetNetwork(nn.Module):
    """What training and certificates ask of a network on bags; any other nn.Module is taken to answer as this one.

    It maps bags with any leading axes, (*batch, n, c), to (*batch, outputs); any other module only has to map
    (sets, n, c) to (sets, outputs).
    """

    def draw(self, num_sets: int, generator: torch.Generator) -> Int[Tensor, "sets k n"] | None:
        """Random permutations that `forward` takes in training beside so many bags; none by default."""
        return None

    def fit_scales(self, objects: Float[Tensor, "objects c"], targets: Float[Tensor, "sets outputs"] | None) -> None:
        """Take units from the bags of training: all their objects, and their targets where they are real numbers."""

    def claimed_group(self, set_size: int) -> PermutationGroup | None:
        """The group under which outputs are invariant by construction; None where nothing is claimed."""
        return None

    @property
    def claims_monotone(self) -> bool:
        """Whether by construction no output falls when an object is added to a bag."""
        return False


class Canonicalization(SetNetwork):
    """f(sort(x)): objects in a canonical order, then any network (Kaba et al. 2023, arXiv:2211.06489, section 3).

    "lexicographic" sorts by the first channel, ties by the second, and so on; "norm" by the norm, ties
    lexicographically. Objects that tie in everything are equal, so that the result is the same to the last
    bit in whatever order they came. "channels" sorts each channel on its own, which forgets which values
    belong to one object. Gradients flow through the values. −0.0 is taken for 0.0, with which it ties.

    With a group, f sees the least arrangement of the bag that the group can make: the one that is first if arrangements
    are compared object by object, in the same order of objects. Under S_n that is the sorted bag.
    """

    def __init__(self, network: nn.Module, order: Order = "lexicographic", group: PermutationGroup | None = None):
        super().__init__()
        if group is not None and order == "channels":
            raise PermsetError(
                'order "channels" takes each channel on its own, in any order; give no group, or another order'
            )
        self.network, self.order, self.group = network, order, group

    def forward(self, x: Objects, mask: Mask | None = None) -> Logits:
        if self.group is None:
            there = None if mask is None else mask.sort(dim=-1, descending=True).values
            return call(self.network, self.canonical(x, mask), there)
        x, mask = resize(x, mask, self.group.degree)
        x = _without_signed_zeros(without_padding(x, mask))
        objects = _with_mask(x, mask)
        p = least_arrangement(_ranks(objects, self._sorting(x, mask)), self.group)
        return _on_objects(self.network, _arrange(objects, p.unsqueeze(-2)).squeeze(-3), mask is not None)

    def canonical(self, x: Objects, mask: Mask | None = None) -> Objects:
        """All objects in order; padding comes last, as zeros."""
        x = _without_signed_zeros(without_padding(x, mask))
        if self.order == "channels":
            if mask is None:
                return x.sort(-2).values
            # Infinity comes before NaN, so that padding of NaN comes last whatever the objects hold.
            x = without_padding(x, mask, torch.nan).sort(-2).values
            return without_padding(x, mask.sort(dim=-1, descending=True).values)
        return x.gather(-2, self._sorting(x, mask).unsqueeze(-1).expand(x.shape))

    def _sorting(self, x: Objects, mask: Mask | None) -> Int[Tensor, "*batch n"]:
        """The places of the objects in their order, padding last."""
        keys = [x[..., channel] for channel in range(x.shape[-1])]
        if self.order == "norm":
            # Object by object, and not by a sum over an axis, which may round differently from place to place.
            keys.insert(0, sum((key.square() for key in keys[1:]), keys[0].square()))
        if mask is not None:
            keys.insert(0, (~mask).to(x))
        # Stable sorts from the last key to the first leave the objects in the order of all keys.
        order = keys.pop().sort(dim=-1, stable=True).indices
        for key in reversed(keys):
            order = order.gather(-1, key.gather(-1, order).sort(dim=-1, stable=True).indices)
        return order

    def claimed_group(self, set_size: int) -> PermutationGroup:
        return self.group or PermutationGroup.symmetric(set_size)


class GroupAverage(SetNetwork):
    """1/|G| Σ_g f(gx) (Murphy et al. 2019, arXiv:1811.01900, equation 2), exactly, over each distinct arrangement once.

    Equal objects make many permutations give the same arrangement; each distinct one is met equally often
    (by as many permutations as leave the bag alone), so that the mean over them is the mean over the group:
    120 evaluations for 3 equal objects among 10 with 7 other equal ones, and not 3,628,800. In training,
    the network is averaged over `train_samples` random elements, drawn anew for each bag (section 3.2 there);
    over the whole group where that is None. `averaged` says what is: logits, or probabilities, of which
    the logit is given.
    """

    def __init__(
        self,
        network: nn.Module,
        group: PermutationGroup,
        averaged: Averaged = "logits",
        train_samples: int | None = None,
        at_once: int = 20_000,
    ):
        super().__init__()
        self.network, self.group, self.averaged, self.train_samples = network, group, averaged, train_samples
        self.at_once = at_once  # arrangements that are evaluated at once; bounds the memory

    def draw(self, num_sets: int, generator: torch.Generator) -> Int[Tensor, "sets k n"]:
        if self.train_samples is None:
            if self.group.order > AVERAGED_AT_MOST:
                raise PermsetError(
                    f"training cannot average over all elements of {self.group}, more than {AVERAGED_AT_MOST}; "
                    "give train_samples, how many random ones it takes"
                )
            elements = torch.as_tensor(self.group.elements().astype(np.int64), device=generator.device)
            return elements.expand(num_sets, -1, -1)
        return _draw(self.group, num_sets, self.train_samples, generator)

    def forward(self, x: Objects, mask: Mask | None = None, permutations: Permutations | None = None) -> Logits:
        x, mask = resize(x, mask, self.group.degree)
        objects = _without_signed_zeros(_with_mask(x, mask))
        if permutations is None and not objects.numel():  # No bags: one arrangement gives the outputs their shape.
            permutations = torch.arange(self.group.degree, device=x.device).expand(*x.shape[:-2], 1, -1)
        if permutations is not None:
            return mean_of(_on_objects(self.network, _arrange(objects, permutations), mask is not None), self.averaged)
        bags, patterns, bag_of = _distinct(objects.reshape(-1, *objects.shape[-2:]), sort=self.group.is_symmetric)
        kinds, kind_of = np.unique(patterns, axis=0, return_inverse=True)
        means, places = [], []
        for kind, pattern in enumerate(kinds):
            rows = np.flatnonzero(kind_of.ravel() == kind)
            means.append(self._average(bags[torch.as_tensor(rows, device=x.device)], pattern, mask is not None))
            places.append(rows)
        where = np.argsort(np.concatenate(places), kind="stable")[bag_of]
        outputs = torch.cat(means)[torch.as_tensor(where, device=x.device)]
        return outputs.reshape(*x.shape[:-2], outputs.shape[-1])

    def _average(
        self, bags: Float[Tensor, "sets n c"], pattern: Integer[np.ndarray, " n"], masked: bool
    ) -> Float[Tensor, "sets outputs"]:
        """The average for bags whose equal objects are in the same places."""
        mean = Mean(self.averaged)
        size = max(1, self.at_once // len(bags))
        for elements in arrangements(self.group, pattern, size):
            p = torch.as_tensor(elements.astype(np.int64), device=bags.device)
            mean.add(_on_objects(self.network, bags[:, p], masked))
        return mean.logits()

    def claimed_group(self, set_size: int) -> PermutationGroup:
        return self.group


class SampledGroupAverage(SetNetwork):
    """1/k Σ f(gᵢx) over k uniform elements: fixed ones in use, new ones for each bag and step in training.

    Not invariant, but the closer the larger k: what is left falls as 1/√k.
    """

    permutations: Tensor

    def __init__(
        self,
        network: nn.Module,
        group: PermutationGroup,
        samples: int,
        train_samples: int,
        generator: torch.Generator,
        averaged: Averaged = "logits",
    ):
        super().__init__()
        self.network, self.group, self.averaged, self.train_samples = network, group, averaged, train_samples
        self.register_buffer("permutations", group.sample(samples, generator), persistent=False)

    def draw(self, num_sets: int, generator: torch.Generator) -> Int[Tensor, "sets k n"]:
        return _draw(self.group, num_sets, self.train_samples, generator)

    def forward(self, x: Objects, mask: Mask | None = None, permutations: Permutations | None = None) -> Logits:
        x, mask = resize(x, mask, self.group.degree)
        objects, masked = _with_mask(x, mask), mask is not None
        if permutations is not None:
            return mean_of(_on_objects(self.network, _arrange(objects, permutations), masked), self.averaged)
        mean = Mean(self.averaged)
        for p in self.permutations.split(ELEMENTS_AT_ONCE):
            mean.add(_on_objects(self.network, objects[..., p, :], masked))
        return mean.logits()


class PermutationAugmentation(SetNetwork):
    """f(gx) for a random element in training, f(x) in use: invariance is to be learned."""

    def __init__(self, network: nn.Module, group: PermutationGroup):
        super().__init__()
        self.network, self.group = network, group

    def draw(self, num_sets: int, generator: torch.Generator) -> Int[Tensor, "sets 1 n"]:
        return _draw(self.group, num_sets, 1, generator)

    def forward(self, x: Objects, mask: Mask | None = None, permutations: Permutations | None = None) -> Logits:
        x, mask = resize(x, mask, self.group.degree)
        objects = _with_mask(x, mask)
        if permutations is not None:
            objects = _arrange(objects, permutations).squeeze(-3)
        return _on_objects(self.network, objects, mask is not None)


def _distinct(
    bags: Float[Tensor, "sets n c"], sort: bool
) -> tuple[Float[Tensor, "different n c"], Integer[np.ndarray, "different n"], Integer[np.ndarray, " sets"]]:
    """The different bags, which of their objects are equal (as the first such place), and which of them each bag is.

    Where the group holds all permutations, bags are sorted first, so that reordered bags are one. Where gradients
    with respect to bags are wanted, all count as different: equal objects have equal values, not equal gradients.
    """
    if bags.requires_grad:
        places = np.arange(bags.shape[-2])
        return bags, np.tile(places, (len(bags), 1)), np.arange(len(bags))
    if sort:
        bags = Canonicalization(nn.Identity()).canonical(bags)
    rows = bags.flatten(1).cpu().numpy()
    _, first, bag_of = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    bags = bags[torch.as_tensor(first, device=bags.device)]
    # Every object equals itself, also one that holds NaN.
    itself = torch.eye(bags.shape[-2], dtype=torch.bool, device=bags.device)
    equal = (bags.unsqueeze(-2) == bags.unsqueeze(-3)).all(-1) | itself
    return bags, equal.int().argmax(-1).cpu().numpy(), bag_of.ravel()


def _without_signed_zeros(x: Objects) -> Objects:
    """0.0 for −0.0, which compare as equal: the order of the two, and which of them is met, would be left to chance."""
    return x + 0.0


def _ranks(x: Objects, sorting: Int[Tensor, "*batch n"]) -> Int[Tensor, "*batch n"]:
    """The place of each object in the order of the different ones; `sorting` puts the objects in order."""
    ordered = x.gather(-2, sorting.unsqueeze(-1).expand(x.shape))
    before, after = ordered[..., :-1, :], ordered[..., 1:, :]
    differs = ((before != after) & ~(before.isnan() & after.isnan())).any(-1)
    ranks = torch.cat([torch.zeros_like(sorting[..., :1]), differs.long().cumsum(-1)], -1)
    return ranks.gather(-1, sorting.argsort(-1))


def _with_mask(x: Objects, mask: Mask | None) -> Float[Tensor, "*batch n _"]:
    """The mask as one more channel, which moves with the objects and tells padding from objects of zero."""
    return x if mask is None else torch.cat([x, mask.unsqueeze(-1).to(x)], -1)


def _on_objects(network: nn.Module, objects: Objects, masked: bool) -> Logits:
    """Outputs for what `_with_mask` has made."""
    return call(network, objects[..., :-1], objects[..., -1] > 0) if masked else call(network, objects, None)


def call(network: nn.Module, x: Objects, mask: Mask | None) -> Logits:
    """Outputs of any network; one that need not take more leading axes gets them as one, (sets, n, c)."""
    inputs = (x,) if mask is None else (x, mask)
    if isinstance(network, SetNetwork):
        return network(*inputs)
    batch = x.shape[:-2]
    outputs = network(*(tensor.reshape(math.prod(batch), *tensor.shape[len(batch) :]) for tensor in inputs))
    return outputs.reshape(*batch, *outputs.shape[1:])


def _arrange(x: Float[Tensor, "*batch n c"], permutations: Permutations) -> Float[Tensor, "*batch k n c"]:
    shape = *permutations.shape, x.shape[-1]
    return x.unsqueeze(-3).expand(shape).gather(-2, permutations.unsqueeze(-1).expand(shape))


def _draw(group: PermutationGroup, num_sets: int, k: int, generator: torch.Generator) -> Int[Tensor, "sets k n"]:
    return group.sample(num_sets * k, generator).unflatten(0, (num_sets, k))
