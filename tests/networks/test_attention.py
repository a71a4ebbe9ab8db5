"""Blocks of the Set Transformer against loops over the objects that are there, head by head."""

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
    flat,
    padded,
    relative,
    warnings_are_errors,
    with_any_weights,
)
from torch import Tensor, nn
from torch.func import vmap
from torch.nn import functional as F

from permset import PermsetError
from permset.networks.attention import ISAB, MAB, PMA, SAB

WIDTH, HEADS = 6, 2
QUERIES = torch.randn(3, C, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Asked(nn.Module):
    """The same three queries of every bag."""

    def __init__(self, **norm: Any):
        super().__init__()
        self.mab = MAB(C, C, WIDTH, HEADS, **norm)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.mab(QUERIES.to(x).expand(*x.shape[:-2], -1, -1), x, mask)


class Pooled(nn.Module):
    """Projected objects, then the block, which takes no other than its own width."""

    def __init__(self, **norm: Any):
        super().__init__()
        self.element, self.pma = nn.Linear(C, WIDTH), PMA(WIDTH, HEADS, 2, **norm)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.pma(self.element(torch.where(torch.isfinite(x), x, 7.0)), mask)


def mab_by_loops(mab: MAB, xs: list[Tensor], ys: list[Tensor]) -> list[Tensor]:
    d, outputs = WIDTH // HEADS, []
    for x in xs:
        query, attended = mab.query(x), torch.zeros(WIDTH, dtype=torch.float64)
        for head in range(HEADS if ys else 0):
            part = slice(head * d, (head + 1) * d)
            scores = [math.exp((query[part] @ mab.key(y)[part]).item() / math.sqrt(d)) for y in ys]
            attended[part] = sum(score / sum(scores) * mab.value(y)[part] for score, y in zip(scores, ys, strict=True))
        h = mab.norms[0](query + attended)
        outputs.append(mab.norms[1](h + F.relu(mab.out(h))))
    return outputs


def isab_by_loops(isab: ISAB, objects: list[Tensor]) -> list[Tensor]:
    return mab_by_loops(isab.spread, objects, mab_by_loops(isab.gather, list(isab.inducing), objects))


def pooled_by_loops(block: Pooled, objects: list[Tensor]) -> list[Tensor]:
    return mab_by_loops(block.pma.mab, list(block.pma.seeds), [block.element(x) for x in objects])


BLOCKS: dict[str, tuple[Callable[..., nn.Module], Callable[[Any, list[Tensor]], list[Tensor]]]] = {
    "MAB": (Asked, lambda block, objects: mab_by_loops(block.mab, list(QUERIES), objects)),
    "SAB": (lambda **norm: SAB(C, WIDTH, HEADS, **norm), lambda sab, objects: mab_by_loops(sab.mab, objects, objects)),
    "ISAB": (lambda **norm: ISAB(C, WIDTH, HEADS, 4, **norm), isab_by_loops),
    "PMA": (Pooled, pooled_by_loops),
}
EQUIVARIANT = {"SAB", "ISAB"}


def block_of(name: str, norm: str = "none") -> Any:
    return with_any_weights(BLOCKS[name][0](norm=norm))


@pytest.mark.parametrize("norm", ["none", "layer"])
@pytest.mark.parametrize("name", BLOCKS)
@given(sizes=SIZES, more=st.integers(0, 3), garbage=st.sampled_from(GARBAGE), seed=SEEDS)
@few
def test_a_block_is_a_loop_over_the_objects_that_are_there(
    name: str, norm: str, sizes: list[int], more: int, garbage: float, seed: int
) -> None:
    """So neither their order, nor what is in the padding, nor how much there is of it, changes anything."""
    block = block_of(name, norm)
    x, mask = padded(bags(sizes, seed), max(1, max(sizes) + more), seed, garbage)
    with torch.no_grad():
        y = block(x, mask)
        assert relative(block(x[None, None], mask[None, None])[0, 0], y) <= 1e-12
        for bag, there, outputs in zip(x, mask, y, strict=True):
            expected = BLOCKS[name][1](block, list(bag[there]))
            if name in EQUIVARIANT:
                assert not outputs[~there].any()
                outputs = outputs[there]
            if expected:
                assert relative(outputs, torch.stack(expected)) <= 1e-12
            if expected and there.any():
                assert relative(block(bag[there]), torch.stack(expected)) <= 1e-12, "without a mask and a batch"


@pytest.mark.parametrize("name", BLOCKS)
def test_weights_learn_the_same_from_padded_bags_as_from_bags_alone(name: str) -> None:
    block, objects = block_of(name), bags([4, 1, 3], 1)
    alone = sum(block(some).square().sum() for some in objects)
    expected = torch.autograd.grad(alone, list(block.parameters()))
    for garbage in GARBAGE:
        x, mask = padded(objects, 6, 1, garbage)
        loss = block(x.requires_grad_(), mask).square().sum()
        to_x, *to_weights = torch.autograd.grad(loss, [x, *block.parameters()])
        assert not to_x[~mask].any()
        assert relative(flat(to_weights), flat(expected)) <= 1e-12


@pytest.mark.parametrize("name", BLOCKS)
def test_the_controls_without_a_mask_attend_to_padding(name: str) -> None:
    block = block_of(name)
    x, mask = padded(bags([4, 3, 2], 2), 5, 2, garbage=3.0)
    there = mask if name in EQUIVARIANT else ...
    assert relative(block(x)[there], block(x, mask)[there]) > 1e-2
    assert relative(block(x, torch.ones_like(mask)), block(x)) <= 1e-12


@pytest.mark.parametrize("norm", ["none", "layer"])
@pytest.mark.parametrize("name", BLOCKS)
def test_attention_over_an_empty_bag_adds_nothing_and_its_gradients_are_finite(name: str, norm: str) -> None:
    block = block_of(name, norm)
    for garbage in GARBAGE:
        x, mask = padded(bags([0, 2], 3), 3, 3, garbage)
        y = block(x.requires_grad_(), mask)
        assert torch.isfinite(y).all()
        for gradient in torch.autograd.grad(y.square().sum(), [x, *block.parameters()]):
            assert torch.isfinite(gradient).all()
        if name not in EQUIVARIANT:
            assert relative(y[0], torch.stack(BLOCKS[name][1](block, []))) <= 1e-12


@pytest.mark.parametrize("name", BLOCKS)
def test_attention_over_equal_objects_is_attention_over_one(name: str) -> None:
    block, (one,) = block_of(name), bags([1], 4)
    y, repeated = block(one), block(one.expand(2, 7, C))
    assert relative(repeated, y.expand_as(repeated)) <= 1e-12
    assert block.float()(one.float()).dtype == torch.float32


@pytest.mark.parametrize("name", BLOCKS)
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    block = block_of(name)
    x, mask = padded(bags([3, 1], 5), 4, 5, 0.0)
    assert torch.autograd.gradcheck(lambda x: block(x, mask), x.requires_grad_())


class Network(nn.Module):
    """Every block of this module in one."""

    def __init__(self, seed: int, norm: Any):
        super().__init__()
        self.sab, self.isab = SAB(C, WIDTH, HEADS, norm), ISAB(WIDTH, WIDTH, HEADS, 4, norm)
        self.pma, self.out = PMA(WIDTH, HEADS, norm=norm), nn.Linear(WIDTH, 1)
        with_any_weights(self, seed)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.out(self.pma(self.isab(self.sab(x, mask), mask), mask).squeeze(-2))


@pytest.mark.parametrize("norm", ["none", "layer"])
def test_a_traced_step_of_all_seeds_gives_autograds_gradients(norm: str) -> None:
    x, mask = padded(bags([4, 0, 1, 5, 2, 5], 6), 6, 6)
    check_seeds_at_once([Network(seed, norm) for seed in range(2)], x.unflatten(0, (2, 3)), mask.unflatten(0, (2, 3)))


def test_the_control_torchs_own_choice_of_kernel_takes_seeds_one_after_the_other() -> None:
    q = torch.randn(2, 3, HEADS, 4, 5)
    with warnings_are_errors(), pytest.raises(UserWarning, match="batching rule"):
        vmap(F.scaled_dot_product_attention)(q, q, q)


def test_an_exported_network_takes_any_number_of_bags_and_objects() -> None:
    check_export(Network(0, "none"), *padded(bags([4, 0, 1], 7), 9, 7))


def test_a_fresh_blocks_points_are_of_the_authors_size_and_its_biases_zero() -> None:
    for points in (PMA(40, 4, 10).seeds, ISAB(3, 40, 4, 10).inducing):
        bound = math.sqrt(6 / (10 + 40))
        assert 0.95 * bound < points.abs().max() <= bound
    assert not any(p.any() for name, p in SAB(3, 8, 2).named_parameters() if name.endswith("bias"))


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(PermsetError, match="heads must divide the width, got 4 heads of a width of 6"):
        SAB(3, 6, 4)
