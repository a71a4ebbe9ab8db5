"""The batches that a seed is trained on: fresh bags, a fixed sample of them, or the bags of a collection.

A batch is made of parts, one for each range of similar sizes, so that little of it is padding. Each part is a dict of
tensors: what the network takes by name (x, mask where sizes differ, permutations where it asks for random ones), and
what the loss takes: y, and weights where bags do not all count the same.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import ClassVar, NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from permset.data.bags import Bags, Collection, in_like_sizes
from permset.data.randomness import generator
from permset.data.splits import TRAINING, VALIDATION

Sample = Callable[[int, torch.Generator], Bags]
Part = dict[str, Tensor]
Stream = Callable[[int, int], list[Bags]]
"""for the next so many steps of so many bags each, the parts of their batches, (steps, sets, …)"""
OF_LOSS = "y", "weights"
"""of a part, what the network does not take"""
Draw = Callable[[int, torch.Generator], Tensor | None]
"""what a network takes beside so many bags, drawn at random; None where it takes nothing"""

# Steps whose batches are drawn at once, which saves most of the cost of drawing small batches,
STEPS_A_DRAW = 50
# as long as they hold no more numbers than these.
NUMBERS_A_DRAW = 4_000_000
# Share of the bags below which a range of sizes is no part of its own, since every part costs a pass.
LEAST_PART = 1 / 8


class Training(NamedTuple):
    """All bags of training of one seed, from which a network may take the units of its inputs and outputs."""

    objects: Float[Tensor, "objects c"]
    targets: Float[Tensor, "sets outputs"] | None
    """only where they are real numbers"""


@runtime_checkable
class TrainingData(Protocol):
    """What seeds are trained on and, apart from that, what they are validated on."""

    @property
    def bags(self) -> int | None:
        """Bags of one epoch; None where they are drawn afresh."""

    @property
    def shares(self) -> list[float]:
        """The share of the bags that each part of a batch stands for."""

    @property
    def first_steps(self) -> int:
        """Steps that are drawn at once before it is known how many numbers they hold."""

    def stream(self, seed: int, device: torch.device) -> Stream: ...

    def validation(self, seed: int, sets: int, device: torch.device) -> list[Bags]:
        """At most so many bags, apart from training and test."""

    def typical(self, batch_size: int) -> Float[Tensor, "1 n c"]:
        """A bag on which the cost of using a network is counted."""

    def training(self, seed: int) -> Training | None:
        """None where bags already have the units that they should have."""

    def class_weights(self, seed: int) -> Float[Tensor, " classes"] | None:
        """How much a bag of each class counts in the loss; None where all bags count the same."""


@dataclass(frozen=True, eq=False)
class Split:
    """A collection in which each seed has its own bags for training, validation and test: one row of `roles` each."""

    collection: Collection
    roles: Int[Tensor, "rows sets"]
    """TRAINING, VALIDATION or TEST; seeds take the rows in turn"""
    real: bool = False
    """whether targets are real numbers"""
    balanced: bool = False
    """whether all classes count the same in the loss, however many bags of training they have"""
    first_steps: ClassVar[int] = 1

    def bags_of(self, seed: int, role: int) -> Int[Tensor, " bags"]:
        """Indices of the bags that have this role for a seed."""
        return (self.roles[seed % len(self.roles)] == role).nonzero().flatten()

    @cached_property
    def _ends(self) -> list[int]:
        """Upper ends of the ranges of similar sizes, the largest first; merged where a seed would have no bags."""
        ends, sizes = self.collection.like_sizes(LEAST_PART), self.collection.sizes
        for i in reversed(range(1, len(ends))):
            lowest = ends[i + 1] if i + 1 < len(ends) else -1
            smaller, larger = (sizes > lowest) & (sizes <= ends[i]), (sizes > ends[i]) & (sizes <= ends[i - 1])
            if not all(((self.roles == TRAINING) & sized).any(1).all() for sized in (smaller, larger)):
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
    def bags(self) -> int:
        return len(self.bags_of(0, TRAINING))

    @property
    def shares(self) -> list[float]:
        return [(self._part_of == part).double().mean().item() for part in range(len(self._ends))]

    def stream(self, seed: int, device: torch.device) -> Stream:
        collection, training = _on(self.collection, device), self.bags_of(seed, TRAINING)
        draws = generator(seed, "order", device)
        parts = [training[self._part_of[training] == part] for part in range(len(self._ends))]
        takes = [epochs(part.to(device)[None], draws) for part in parts]

        def take_steps(steps: int, size: int) -> list[Bags]:
            counts = divide(size, self.shares)
            return [
                collection.bags(take(steps * count).view(steps, count), end)
                for take, count, end in zip(takes, counts, self._ends, strict=True)
            ]

        return take_steps

    def validation(self, seed: int, sets: int, device: torch.device) -> list[Bags]:
        collection, bags = _on(self.collection, device), self.bags_of(seed, VALIDATION)
        # From all over a file, which may be sorted by class.
        chosen = bags[torch.linspace(0, len(bags) - 1, min(sets, len(bags))).round().long()].to(device)
        portions = in_like_sizes(collection, chosen, -(-len(chosen) // len(self._ends)))
        return [collection.bags(portion) for portion in portions]

    def typical(self, batch_size: int) -> Float[Tensor, "1 n c"]:
        """A bag of median size, without padding."""
        order = self.collection.sizes.argsort(stable=True)
        return self.collection.bags(order[len(order) // 2][None]).x

    def training(self, seed: int) -> Training:
        bags = self.bags_of(seed, TRAINING)
        return Training(self.collection.objects_of(bags), self.collection.y[bags] if self.real else None)

    def class_weights(self, seed: int) -> Float[Tensor, " classes"] | None:
        """n / (classes · n of the class), over the bags of training, so that their mean over these is 1."""
        if not self.balanced:
            return None
        counts = self.collection.y[self.bags_of(seed, TRAINING), 0].long().bincount()
        return counts.sum() / (counts.count_nonzero() * counts)


@lru_cache(maxsize=2)  # On a GPU, a collection is moved once for all seeds.
def _on(collection: Collection, device: torch.device) -> Collection:
    return collection.to(device)


def batches(
    data: TrainingData,
    steps: int,
    batch_size: int,
    seed: int,
    device: torch.device,
    draw: Draw = lambda sets, generator: None,
) -> Iterator[list[Part]]:
    """The parts of the batch of each step, several steps at a time: (steps, sets, …) each."""
    stream = data.stream(seed, device)
    permutations = generator(seed, "permutations", device)
    weights = data.class_weights(seed)
    done, at_once = 0, data.first_steps
    while done < steps:
        taken = min(at_once, steps - done)
        parts = stream(taken, batch_size)
        yield [_with_drawn(bags, draw, permutations) | _weights(bags, weights) for bags in parts]
        done += taken
        numbers = sum(bags.x[0].numel() for bags in parts)
        at_once = max(1, min(STEPS_A_DRAW, NUMBERS_A_DRAW // numbers))


def _with_drawn(bags: Bags, draw: Draw, draws: torch.Generator) -> Part:
    steps, sets = bags.x.shape[:2]
    drawn = draw(steps * sets, draws)
    beside = {} if drawn is None else {"permutations": drawn.unflatten(0, (steps, sets))}
    return {**bags.inputs, **beside, "y": bags.y}


def _weights(bags: Bags, of_classes: Float[Tensor, " classes"] | None) -> Part:
    return {} if of_classes is None else {"weights": of_classes.to(bags.y.device)[bags.y[..., 0].long()]}


def by_step(bags: Bags, steps: int) -> Bags:
    mask = None if bags.mask is None else bags.mask.unflatten(0, (steps, -1))
    return Bags(bags.x.unflatten(0, (steps, -1)), bags.y.unflatten(0, (steps, -1)), mask)


def first_bag(stream: Stream, batch_size: int) -> Float[Tensor, "1 n c"]:
    return stream(1, batch_size)[0].x[0, :1]


def epochs(turns: Int[Tensor, "classes bags"], draws: torch.Generator) -> Callable[[int], Int[Tensor, " taken"]]:
    """A function that gives the next bags: every epoch has each once, in a new order, the classes taking turns.

    Epochs follow without a break, so that all batches are full.
    """
    left = turns.new_empty(0)

    def epoch() -> Tensor:
        orders = [torch.randperm(turns.shape[1], generator=draws, device=turns.device) for _ in turns]
        return torch.stack([bags[order] for bags, order in zip(turns, orders, strict=True)], 1).flatten()

    def take(count: int) -> Tensor:
        nonlocal left
        epochs = -(-(count - len(left)) // turns.numel())
        order = torch.cat([left, *(epoch() for _ in range(epochs))])
        left = order[count:]
        return order[:count]

    return take


def divide(size: int, shares: list[float]) -> list[int]:
    """Divide a batch by shares, with at least one bag for each part."""
    counts = [max(1, round(size * share)) for share in shares]
    most = shares.index(max(shares))
    counts[most] = max(1, counts[most] + size - sum(counts))
    return counts
