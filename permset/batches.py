"""The batches that a seed is trained on: fresh bags, or a fixed sample of them, epoch after epoch."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from permset.randomness import generator

Sample = Callable[[int, torch.Generator], tuple[Tensor, Tensor]]

# Steps whose batches are drawn in one go, which spares most of the cost of drawing small batches.
STEPS_A_DRAW = 50


def batches(
    network: nn.Module,
    sample: Sample,
    steps: int,
    batch_size: int,
    seed: int,
    device: torch.device,
    fixed: int | None = None,
) -> Iterator[list[Tensor]]:
    """A batch for each step, some steps at a time: x (steps, batch, n, c), permutations (steps, batch, k, n)
    where the network asks for random ones, and y (steps, batch, outputs).

    Bags are drawn afresh, or come from a fixed sample of so many, which differs from seed to seed.
    """
    take = _fresh(sample, seed, device) if fixed is None else _fixed(sample, fixed, seed, device)
    permutations = generator(seed, "permutations", device)
    for start in range(0, steps, STEPS_A_DRAW):
        some = min(STEPS_A_DRAW, steps - start)
        x, y = take(some * batch_size)
        draw: Callable[..., Tensor] | None = getattr(network, "draw", None)
        drawn = [draw(len(x), permutations)] if draw else []
        yield [tensor.unflatten(0, (some, -1)) for tensor in (x, *drawn, y)]


def _fresh(sample: Sample, seed: int, device: torch.device) -> Callable[[int], tuple[Tensor, Tensor]]:
    draws = generator(seed, "batches", device)
    return lambda count: sample(count, draws)


def _fixed(sample: Sample, bags: int, seed: int, device: torch.device) -> Callable[[int], tuple[Tensor, Tensor]]:
    """Every epoch has each bag once, in a new order; epochs follow without a break, so that all batches are full.

    The two classes take turns, as they do in what is drawn: batches of fixed and of fresh bags are alike.
    """
    x, y = sample(bags, generator(seed, "bags", device))
    draws = generator(seed, "order", device)
    left = torch.empty(0, dtype=torch.long, device=device)

    def epoch() -> Tensor:
        classes = [torch.randperm(bags // 2, generator=draws, device=device) * 2 + label for label in (0, 1)]
        return torch.stack(classes, 1).flatten()

    def take(count: int) -> tuple[Tensor, Tensor]:
        nonlocal left
        epochs = -(-(count - len(left)) // bags)
        order = torch.cat([left, *(epoch() for _ in range(epochs))])
        left = order[count:]
        return x[order[:count]], y[order[:count]]

    return take
