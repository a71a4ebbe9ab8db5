"""The batches that a seed is trained on: fresh bags, a fixed sample of them, or those of a collection.

A batch is made of parts, one for each range of like sizes, so that little of it is padding. Every part is a dict of
tensors: what the network takes by name (x, mask where sizes differ, permutations where it asks for random ones), and y.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from permset.bags import Bags, Collection, in_like_sizes
from permset.randomness import generator
from permset.splits import TRAINING, VALIDATION
from permset.standardization import Standardized

Sample = Callable[[int, torch.Generator], Bags]
Part = dict[str, Tensor]

# Steps whose batches are drawn in one go, which spares most of the cost of drawing small batches,
STEPS_A_DRAW = 50
# as long as they hold no more numbers than these.
NUMBERS_A_DRAW = 4_000_000
# Share of the bags below which a range of sizes is no part of its own, since every part costs a pass.
LEAST_PART = 1 / 8


@runtime_checkable
class Data(Protocol):
    """What seeds are trained on, and, apart from that, what they are validated on."""

    @property
    def shares(self) -> list[float]:
        """Of the bags, that each part of a batch stands for."""

    def stream(self, seed: int, device: torch.device) -> Callable[[int, int], list[Bags]]:
        """Of a seed: for the next so many steps of so many bags, the parts of their batches, (steps, some, …) each."""

    def validation(self, seed: int, sets: int, device: torch.device) -> list[Bags]:
        """At most so many bags, apart from training and test."""

    def prepare(self, network: nn.Module, seed: int) -> None:
        """Set what of a network comes from the bags of training and is not learnt."""


@dataclass(frozen=True)
class Fresh:
    """Bags drawn afresh for every step."""

    sample: Sample

    @property
    def shares(self) -> list[float]:
        return [1.0]

    def stream(self, seed: int, device: torch.device) -> Callable[[int, int], list[Bags]]:
        draws = generator(seed, "batches", device)
        return lambda steps, size: [_by_step(self.sample(steps * size, draws), steps)]

    def validation(self, seed: int, sets: int, device: torch.device) -> list[Bags]:
        return [self.sample(sets, generator(seed, "validation", device))]

    def prepare(self, network: nn.Module, seed: int) -> None:
        """Drawn bags have the units that they were given."""


@dataclass(frozen=True)
class Fixed:
    """A sample of so many bags, another one for each seed, epoch after epoch.

    Labels of drawn bags alternate between so many classes. They take turns in every epoch too, so that batches of fixed
    and of fresh bags are alike.
    """

    sample: Sample
    bags: int
    classes: int = 2

    @property
    def shares(self) -> list[float]:
        return [1.0]

    def stream(self, seed: int, device: torch.device) -> Callable[[int, int], list[Bags]]:
        bags = self.sample(self.bags, generator(seed, "bags", device))
        turns = torch.arange(self.bags, device=device).view(-1, self.classes).T
        take = _epochs(turns, generator(seed, "order", device))
        return lambda steps, size: [_by_step(bags[take(steps * size)], steps)]

    def validation(self, seed: int, sets: int, device: torch.device) -> list[Bags]:
        return Fresh(self.sample).validation(seed, sets, device)

    def prepare(self, network: nn.Module, seed: int) -> None:
        """Drawn bags have the units that they were given."""


@dataclass(frozen=True, eq=False)
class Split:
    """A collection of which each seed has its own bags for training, validation and test: a row of `roles` each."""

    collection: Collection
    roles: Int[Tensor, "rows sets"]
    """TRAINING, VALIDATION or TEST; seeds take the rows in turn"""
    real: bool = False
    """whether targets are real numbers"""

    def of(self, seed: int, role: int) -> Int[Tensor, " some"]:
        return (self.roles[seed % len(self.roles)] == role).nonzero().flatten()

    @cached_property
    def _ends(self) -> list[int]:
        """Of the ranges of like sizes; where a seed would have none for training, two are one."""
        ends, sizes = self.collection.like_sizes(LEAST_PART), self.collection.sizes
        for i in reversed(range(1, len(ends))):
            lowest, end, highest = [*ends, -1][i + 1], ends[i], ends[i - 1]
            ranges = (sizes > lowest) & (sizes <= end), (sizes > end) & (sizes <= highest)
            if not all(((self.roles == TRAINING) & of).any(1).all() for of in ranges):
                del ends[i]
        return ends

    @cached_property
    def _part_of(self) -> Int[Tensor, " sets"]:
        """Which part each bag belongs to."""
        smaller_ends = torch.tensor(self._ends[1:], dtype=torch.long)
        return (self.collection.sizes.unsqueeze(-1) <= smaller_ends).sum(-1)

    def __len__(self) -> int:
        return len(self.collection)

    @property
    def shares(self) -> list[float]:
        return [(self._part_of == part).double().mean().item() for part in range(len(self._ends))]

    def stream(self, seed: int, device: torch.device) -> Callable[[int, int], list[Bags]]:
        collection, training = _on(self.collection, device), self.of(seed, TRAINING)
        draws = generator(seed, "order", device)
        mine = [training[self._part_of[training] == part] for part in range(len(self._ends))]
        takes = [_epochs(some.to(device)[None], draws) for some in mine]

        def take(steps: int, size: int) -> list[Bags]:
            counts = _divide(size, self.shares)
            parts = zip(takes, counts, self._ends, strict=True)
            return [collection.bags(take(steps * count).view(steps, count), end) for take, count, end in parts]

        return take

    def typical(self) -> Float[Tensor, "1 n c"]:
        """A bag of median size, without padding."""
        order = self.collection.sizes.argsort(stable=True)
        return self.collection.bags(order[len(order) // 2][None]).x

    def validation(self, seed: int, sets: int, device: torch.device) -> list[Bags]:
        collection, every = _on(self.collection, device), self.of(seed, VALIDATION)
        # From all over a file, which may be sorted by class.
        some = every[torch.linspace(0, len(every) - 1, min(sets, len(every))).round().long()].to(device)
        return [collection.bags(few) for few in in_like_sizes(collection, some, -(-len(some) // len(self._ends)))]

    def prepare(self, network: nn.Module, seed: int) -> None:
        if isinstance(network, Standardized):
            training = self.of(seed, TRAINING)
            network.fit(self.collection.of(training), self.collection.y[training] if self.real else None)


@lru_cache(maxsize=2)  # For all seeds, on a GPU, a collection is moved once.
def _on(collection: Collection, device: torch.device) -> Collection:
    return collection.to(device)


def batches(
    network: nn.Module, data: Data, steps: int, batch_size: int, seed: int, device: torch.device
) -> Iterator[list[Part]]:
    """The parts of a batch for each step, (steps, some, …) each, some steps at a time."""
    stream = data.stream(seed, device)
    permutations = generator(seed, "permutations", device)
    draw: Callable[..., Tensor] | None = getattr(network, "draw", None)
    done, some = 0, 1 if isinstance(data, Split) else STEPS_A_DRAW
    while done < steps:
        parts = stream(min(some, steps - done), batch_size)
        drawn = []
        for bags in parts:
            shape = bags.x.shape[:2]
            more = {"permutations": draw(shape.numel(), permutations).unflatten(0, shape)} if draw else {}
            drawn.append({**bags.inputs, **more, "y": bags.y})
        yield drawn
        done += min(some, steps - done)
        numbers = sum(bags.x[0].numel() for bags in parts)
        some = max(1, min(STEPS_A_DRAW, NUMBERS_A_DRAW // numbers))


def _by_step(bags: Bags, steps: int) -> Bags:
    mask = None if bags.mask is None else bags.mask.unflatten(0, (steps, -1))
    return Bags(bags.x.unflatten(0, (steps, -1)), bags.y.unflatten(0, (steps, -1)), mask)


def _epochs(turns: Int[Tensor, "classes bags"], draws: torch.Generator) -> Callable[[int], Int[Tensor, " some"]]:
    """Gives the next so many bags: every epoch has each once, in a new order, the classes taking turns.

    Epochs follow without a break, so that all batches are full.
    """
    left = turns.new_empty(0)

    def epoch() -> Tensor:
        orders = [torch.randperm(turns.shape[1], generator=draws, device=turns.device) for _ in turns]
        return torch.stack([some[order] for some, order in zip(turns, orders, strict=True)], 1).flatten()

    def take(count: int) -> Tensor:
        nonlocal left
        epochs = -(-(count - len(left)) // turns.numel())
        order = torch.cat([left, *(epoch() for _ in range(epochs))])
        left = order[count:]
        return order[:count]

    return take


def _divide(size: int, shares: list[float]) -> list[int]:
    """So many bags by shares, at least one for each."""
    counts = [max(1, round(size * share)) for share in shares]
    most = shares.index(max(shares))
    counts[most] = max(1, counts[most] + size - sum(counts))
    return counts
