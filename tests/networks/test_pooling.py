"""Poolings against loops over the objects that are there; what lies in the padding never matters."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from masked_bags import (
    GARBAGE,
    SEEDS,
    SIZES,
    C,
    bags,
    check_export,
    check_seeds_at_once,
    few,
    padded,
    relative,
    with_any_weights,
)
from torch import Tensor, nn

from permset.networks.pooling import GatedAttention, Pooling, SetNorm

Object = list[float]


def attention_of(attention: GatedAttention, objects: list[Object]) -> Object:
    V, U, w = (layer.weight.tolist() for layer in (attention.V, attention.U, attention.w))
    scores = []
    for h in objects:
        v, u = ([sum(a * b for a, b in zip(row, h, strict=True)) for row in matrix] for matrix in (V, U))
        scores.append(sum(c * math.tanh(a) / (1 + math.exp(-b)) for a, b, c in zip(v, u, w[0], strict=True)))
    total = sum(map(math.exp, scores))
    return [sum(math.exp(s) / total * h[j] for s, h in zip(scores, objects, strict=True)) for j in range(C)]


LOOPS: dict[str, Callable[[list[float]], float]] = {
    "sum": sum,
    "mean": lambda values: sum(values) / len(values),
    "max": max,
    "min": min,
    "lse": lambda values: math.log(sum(map(math.exp, values)) / len(values)),
}
KINDS = [*LOOPS, "attention"]


def by_loops(pooling: Pooling, kind: str, objects: list[Object]) -> Object:
    if not objects:
        return [0.0] * C
    if pooling.attention is not None:
        return attention_of(pooling.attention, objects)
    return [LOOPS[kind]([h[j] for h in objects]) for j in range(C)]


def pooling_of(kind: Any, seed: int = 0) -> Pooling:
    return with_any_weights(Pooling(C, kind, hidden=4), seed)


@pytest.mark.parametrize("kind", KINDS)
@given(sizes=SIZES, more=st.integers(1, 3), garbage=st.sampled_from(GARBAGE), seed=SEEDS)
@few
def test_a_pooling_is_a_loop_over_the_objects_that_are_there(
    kind: str, sizes: list[int], more: int, garbage: float, seed: int
) -> None:
    """So neither their order, nor what is in the padding, nor how much there is of it, changes anything."""
    pooling, objects = pooling_of(kind), bags(sizes, seed)
    expected = torch.tensor([by_loops(pooling, kind, some.tolist()) for some in objects], dtype=torch.float64)
    x, mask = padded(objects, max(sizes) + more, seed, garbage)
    assert relative(pooling(x, mask), expected) <= 1e-12
    x, mask = padded(objects, max(sizes) + 2 * more, seed + 1, 0.5)
    assert relative(pooling(x, mask), expected) <= 1e-12
    assert relative(pooling(x[None, None], mask[None, None])[0, 0], expected) <= 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_the_controls_without_a_mask_take_padding_for_objects(kind: str) -> None:
    pooling, objects = pooling_of(kind), bags([4, 3, 2], 0)
    x, mask = padded(objects, 5, 0, garbage=9 if kind != "min" else -9)
    assert relative(pooling(x), pooling(x, mask)) > 1e-2
    assert relative(pooling(x, torch.ones_like(mask)), pooling(x)) <= 1e-12
    assert pooling(padded(objects, 5, 0)[0]).isnan().any()


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_bag_gives_zeros_and_no_gradient_whatever_it_holds(kind: str) -> None:
    pooling = pooling_of(kind)
    for garbage in GARBAGE:
        x, mask = padded(bags([0, 3], 1), 4, 1, garbage)
        y = pooling(x.requires_grad_(), mask)
        assert torch.equal(y[0], torch.zeros(C, dtype=torch.float64))
        inputs = [x, *pooling.parameters()]
        for gradient in torch.autograd.grad(y[0].sum(), inputs, retain_graph=True):
            assert torch.equal(gradient, torch.zeros_like(gradient))
        for gradient in torch.autograd.grad(y.sum(), inputs):
            assert torch.isfinite(gradient).all()
            assert gradient.any(), "of the bag that is not empty"


@pytest.mark.parametrize("kind", KINDS)
def test_bags_of_no_places_give_zeros_and_no_gradient(kind: str) -> None:
    pooling, x = pooling_of(kind), torch.zeros(2, 0, C, dtype=torch.float64, requires_grad=True)
    for mask in (None, torch.zeros(2, 0, dtype=torch.bool)):
        y = pooling(x, mask)
        assert torch.equal(y, torch.zeros(2, C, dtype=torch.float64))
        gradients = torch.autograd.grad(y.sum(), [x, *pooling.parameters()])
        assert not any(gradient.any() or gradient.isnan().any() for gradient in gradients)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 7])
def test_one_object_and_equal_objects(kind: str, n: int) -> None:
    (one,) = bags([1], 2)
    expected = n * one if kind == "sum" else one
    assert relative(pooling_of(kind)(one.expand(1, n, C)), expected) <= 1e-12
    assert pooling_of(kind).float()(one.float()).dtype == torch.float32


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_finite_differences(kind: str) -> None:
    x, mask = padded(bags([3, 1, 2], 3), 4, 3, 0.0)
    assert torch.autograd.gradcheck(lambda x: pooling_of(kind)(x, mask), x.requires_grad_())


def test_kinds_stand_side_by_side() -> None:
    several = pooling_of(KINDS)
    x, mask = padded(bags([0, 4, 1], 4), 6, 4)
    y = several(x, mask)
    assert y.shape == (3, several.features) == (3, 6 * C)
    for kind, part in zip(KINDS, y.split(C, -1), strict=True):
        single = pooling_of(kind)
        if kind == "attention":
            single.load_state_dict(several.state_dict())
        assert torch.equal(single(x, mask), part)


def test_lse_neither_overflows_nor_leaves_what_is_between_mean_and_max() -> None:
    lse, mean, largest = (pooling_of(kind) for kind in ("lse", "mean", "max"))
    for scale in (1e-3, 1.0, 1e3):
        x, mask = padded(bags([5, 3, 1], 5), 6, 5)
        x = x * scale + scale
        assert (mean(x, mask) - 1e-12 <= lse(x, mask)).all()
        assert (lse(x, mask) <= largest(x, mask) + 1e-12).all()
    naive = torch.where(mask[..., None], x, 0).exp().sum(-2).log()
    assert not torch.isfinite(naive).all()


@given(sizes=SIZES, garbage=st.sampled_from(GARBAGE), seed=SEEDS)
@few
def test_set_norm_is_over_all_objects_and_channels_of_a_bag(sizes: list[int], garbage: float, seed: int) -> None:
    norm = with_any_weights(SetNorm(C))
    x, mask = padded(bags(sizes, seed), max(sizes) + 1, seed, garbage)
    for bag, there, y in zip(x, mask, norm(x, mask), strict=True):
        assert not y[~there].any()
        values = [value for h in bag[there].tolist() for value in h]
        if values:
            mean = sum(values) / len(values)
            deviation = math.sqrt(sum((value - mean) ** 2 for value in values) / len(values) + norm.eps)
            expected = (bag[there] - mean) / deviation * norm.weight + norm.bias
            assert relative(y[there], expected) <= 1e-12
            assert relative(norm(bag[there]), expected) <= 1e-12


def test_set_norm_of_next_to_nothing_is_finite() -> None:
    norm = with_any_weights(SetNorm(1))
    for n, size in ((1, 1), (3, 1), (3, 0)):
        x, mask = padded(bags([size], 6, 1), n, 6)
        y = norm(x.requires_grad_(), mask)
        for gradient in torch.autograd.grad(y.sum(), [x, *norm.parameters()]):
            assert torch.isfinite(gradient).all()
        assert torch.equal(y[mask], norm.bias.expand(size, 1))


class Network(nn.Module):
    """Every layer of this module in one."""

    def __init__(self, seed: int):
        super().__init__()
        self.norm, self.pooling = SetNorm(C), Pooling(C, ["sum", "mean", "max", "min", "lse", "attention"])
        self.out = nn.Linear(self.pooling.features, 1)
        with_any_weights(self, seed)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.out(self.pooling(self.norm(x, mask), mask))


def test_a_traced_step_of_all_seeds_gives_autograds_gradients() -> None:
    x, mask = padded(bags([4, 0, 1, 5, 2, 5], 7), 6, 7)
    check_seeds_at_once([Network(seed) for seed in range(2)], x.unflatten(0, (2, 3)), mask.unflatten(0, (2, 3)))


def test_an_exported_network_takes_any_number_of_bags_and_objects() -> None:
    check_export(Network(0), *padded(bags([4, 0, 1], 8), 9, 8))


def test_attention_is_as_wide_as_its_input_where_no_width_is_given() -> None:
    attention, narrow = (Pooling(7, "attention", hidden).attention for hidden in (None, 3))
    assert attention is not None
    assert narrow is not None
    assert attention.V.weight.shape == attention.U.weight.shape == (7, 7)
    assert narrow.V.weight.shape == narrow.U.weight.shape == (3, 7)
    assert narrow.w.weight.shape == (1, 3)
