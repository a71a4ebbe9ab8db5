"""Padded bags with anything in the padding, and what is checked of every network that takes a mask."""

import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from hypothesis import settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from torch.fx.experimental.proxy_tensor import make_fx

C = 3
GARBAGE = [0.0, 1e30, -1e30, math.inf, -math.inf, math.nan]
SIZES = st.lists(st.integers(0, 5), min_size=1, max_size=4)
SEEDS = st.integers(0, 10**6)
few = settings(max_examples=25)


def draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def with_any_weights(network: nn.Module, seed: int = 0) -> Any:
    """In float64, and with biases that are not zero, so that an object of zeros in the padding would show."""
    generator = draws(seed)
    for parameter in network.double().parameters():
        nn.init.normal_(parameter, std=0.7, generator=generator)
    return network


def bags(sizes: Sequence[int], seed: int, channels: int = C) -> list[Tensor]:
    generator = draws(seed)
    return [torch.randn(size, channels, generator=generator, dtype=torch.float64) for size in sizes]


def padded(objects: Sequence[Tensor], n: int, seed: int, garbage: float = math.nan) -> tuple[Tensor, Tensor]:
    """The bags' objects in any order at any of n positions, and a mask of them."""
    x = torch.full((len(objects), n, objects[0].shape[-1]), garbage, dtype=torch.float64)
    mask = torch.zeros(len(objects), n, dtype=torch.bool)
    generator = draws(seed)
    for i, some in enumerate(objects):
        places = torch.randperm(n, generator=generator)[: len(some)]
        x[i, places], mask[i, places] = some, True
    return x, mask


def relative(a: Tensor, b: Tensor) -> float:
    """Greatest difference, relative to the greatest number: NaN if there is any."""
    assert a.shape == b.shape
    return ((a - b).abs().max() / b.abs().max().clamp(min=1)).item()


def flat(tensors: Iterable[Tensor]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])


@contextmanager
def warnings_are_errors() -> Iterator[None]:
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    finally:
        torch.set_warn_always(False)


def check_seeds_at_once(networks: Sequence[nn.Module], x: Tensor, mask: Tensor) -> None:
    """A traced step of all seeds, each with its bags (seeds, sets, n, c), gives the gradients of each by itself."""

    def loss(y: Tensor) -> Tensor:
        return (y - 1).square().mean()

    def one(weights: dict[str, Tensor], x: Tensor, mask: Tensor) -> Tensor:
        return loss(functional_call(networks[0], weights, (x, mask)))

    state = {name: value.detach() for name, value in stack_module_state(list(networks))[0].items()}
    with warnings_are_errors():
        # Of other bags: nothing of them may stay in the graph.
        step = make_fx(vmap(grad_and_value(one)))(state, torch.ones_like(x), torch.ones_like(mask))
        gradients, losses = step(state, x, mask)
    for i, network in enumerate(networks):
        expected = loss(network(x[i], mask[i]))
        assert relative(losses[i], expected) <= 1e-12
        reference = torch.autograd.grad(expected, list(network.parameters()))
        assert relative(flat(gradients[name][i] for name, _ in network.named_parameters()), flat(reference)) <= 1e-12


def check_export(network: nn.Module, x: Tensor, mask: Tensor) -> None:
    sets, n = torch.export.Dim("sets"), torch.export.Dim("n")
    shapes = ({0: sets, 1: n}, {0: sets, 1: n})
    example = torch.ones(4, 7, x.shape[-1]).to(x), torch.ones(4, 7) > 0
    exported = torch.export.export(network, example, dynamic_shapes=shapes)
    assert relative(exported.module()(x, mask), network(x, mask)) <= 1e-12
