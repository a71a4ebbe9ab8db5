"""Layers against loops, and what a layer can represent against all that commutes with its group."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from permset.symmetry.groups import PermutationGroup, act
from permset.symmetry.layers import EquivariantLinear, GroupEquivariantLinear, InvariantLinear, MultiChannelLinear

FORMS = ["scaled", "mean", "sum"]
GROUPS = {
    "S_5": PermutationGroup.symmetric(5),
    "C_5": PermutationGroup.cyclic(5),
    "C_6": PermutationGroup.cyclic(6),
    "D_4": PermutationGroup.dihedral(4),
    "S_2 × S_3": PermutationGroup.blocks([2, 3]),
    "trivial": PermutationGroup.trivial(3),
    "S_1": PermutationGroup.symmetric(1),
}


def randomise(layer: torch.nn.Module) -> torch.nn.Module:
    for p in layer.parameters():
        torch.nn.init.normal_(p)
    return layer.double()


def slow_equivariant(layer: EquivariantLinear, x: Tensor) -> Tensor:
    """The notebook's formula, a number at a time."""
    n, c_in = x.shape
    own, pooled = layer.weight.chunk(2, -1)
    y = torch.zeros(n, len(own), dtype=x.dtype)
    for k in range(n):
        for j in range(len(own)):
            for i in range(c_in):
                gathered = sum(x[o, i] for o in range(n)) / (n if layer.channels == "scaled" else 1)
                y[k, j] += own[j, i] * x[k, i] + pooled[j, i] * gathered
            y[k, j] = y[k, j] / (c_in if layer.channels == "mean" else 1) + layer.bias[j]
    return y


def slow_tied(layer: EquivariantLinear, group: PermutationGroup, x: Tensor) -> Tensor:
    n, c_in = x.shape
    pairs, positions = group.pair_orbits(), group.orbits()
    weight = layer.weight.reshape(len(layer.bias[0]), -1, c_in)
    y = torch.zeros(n, len(weight), dtype=x.dtype)
    for k in range(n):
        for o in range(n):
            size = (pairs[k] == pairs[k, o]).sum() if layer.channels == "scaled" else 1
            y[k] += weight[:, pairs[k, o]] @ x[o] / size
        y[k] = y[k] / (c_in if layer.channels == "mean" else 1) + layer.bias[positions[k]]
    return y


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("n", "c_in", "c_out"), [(4, 3, 2), (1, 2, 5), (7, 1, 1)])
def test_a_layer_is_its_loop(form: str, n: int, c_in: int, c_out: int) -> None:
    x = torch.randn(2, 3, n, c_in, dtype=torch.float64)
    equivariant = randomise(EquivariantLinear(c_in, c_out, channels=form))
    torch.testing.assert_close(equivariant(x)[1, 2], slow_equivariant(equivariant, x[1, 2]))
    invariant = randomise(InvariantLinear(c_in, c_out, channels=form))
    scale = {"scaled": 1 / n, "mean": 1 / c_in, "sum": 1.0}[form]
    expected = sum(invariant.weight[:, i] * x[1, 2, o, i] for i in range(c_in) for o in range(n)) * scale
    assert invariant(x).shape == (2, 3, 1, c_out)
    torch.testing.assert_close(invariant(x)[1, 2, 0], expected + invariant.bias)
    general = randomise(MultiChannelLinear(n, c_in, 2, c_out, channels=form))
    weight = general.weight.reshape(2, c_out, n, c_in)
    scale = 1 / c_in if form == "mean" else 1.0
    expected = torch.stack([sum(weight[k, :, o] @ x[1, 2, o] for o in range(n)) * scale for k in range(2)])
    torch.testing.assert_close(general(x)[1, 2], expected + general.bias.reshape(2, c_out))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", GROUPS)
def test_a_tied_layer_is_its_loop_and_commutes_with_its_group(name: str, form: str) -> None:
    group = GROUPS[name]
    layer = randomise(GroupEquivariantLinear(3, 2, group, channels=form))
    x = torch.randn(4, group.degree, 3, dtype=torch.float64)
    torch.testing.assert_close(layer(x)[1], slow_tied(layer, group, x[1]))
    for p in group.elements():
        torch.testing.assert_close(layer(act(p, x)), act(p, layer(x)), rtol=1e-12, atol=1e-12)


def test_a_tied_layer_does_not_commute_with_more_than_its_group() -> None:
    layer = randomise(GroupEquivariantLinear(1, 1, GROUPS["C_5"]))
    x = torch.randn(5, 1, dtype=torch.float64)
    swap = np.array([1, 0, 2, 3, 4])
    assert (layer(act(swap, x)) - act(swap, layer(x))).abs().max() > 1e-3


@pytest.mark.parametrize(("name", "number"), [("S_5", 2), ("C_5", 5), ("D_4", 3), ("trivial", 9)])
def test_tied_weights_span_exactly_the_maps_that_commute_with_the_group(name: str, number: int) -> None:
    group = GROUPS[name]
    n = group.degree
    maps = []
    layer = GroupEquivariantLinear(1, 1, group).double()
    for orbit in range(layer.weight.numel()):
        with torch.no_grad():
            layer.weight.copy_(torch.eye(layer.weight.numel())[orbit])
            maps.append((layer(torch.eye(n, dtype=torch.float64)[..., None])[..., 0]).T.flatten())
    spanned = torch.stack(maps)
    # A map M commutes with P when PM − MP = 0, linear equations for its entries.
    equations = []
    for p in group.generators():
        P = torch.eye(n, dtype=torch.float64)[torch.as_tensor(p)]
        eye = torch.eye(n, dtype=torch.float64)
        equations.append(torch.kron(P, eye) - torch.kron(eye, P.T.contiguous()))
    system = torch.cat(equations)
    null = n * n - torch.linalg.matrix_rank(system).item()
    assert len(spanned) == torch.linalg.matrix_rank(spanned).item() == null == number
    assert (system @ spanned.T).abs().max() < 1e-12


def test_for_all_permutations_the_tied_layer_is_the_closed_form() -> None:
    n = 5
    tied, closed = GroupEquivariantLinear(3, 2, GROUPS["S_5"]), EquivariantLinear(3, 2)
    own, pooled = closed.weight.detach().chunk(2, -1)
    same, others = own + pooled / n, pooled * (n - 1) / n
    tied.load_state_dict({"weight": torch.cat([same, others], -1), "bias": closed.bias[None]})
    x = torch.randn(4, n, 3)
    torch.testing.assert_close(tied(x), closed(x))


@given(st.lists(st.integers(0, 6), min_size=1, max_size=5), st.integers(0, 3))
def test_padding_does_not_matter(sizes: list[int], further: int) -> None:
    n = max(sizes) + further
    x = torch.randn(len(sizes), n, 3, dtype=torch.float64)
    mask = torch.arange(n) < torch.tensor(sizes)[:, None]
    for layer in (EquivariantLinear(3, 2), EquivariantLinear(3, 2, channels="sum"), InvariantLinear(3, 2)):
        layer.double()
        padded = x.clone()
        padded[~mask] = float("nan")
        outputs = layer(padded, mask)
        assert torch.isfinite(outputs).all()
        for bag, size, output in zip(x, sizes, outputs, strict=True):
            if size:
                expected = layer(bag[None, :size])[0]
                torch.testing.assert_close(output[: len(expected)], expected, rtol=1e-12, atol=1e-12)
                assert (output[len(expected) :] == 0).all()
        outputs.sum().backward()
        assert all(torch.isfinite(p.grad).all() for p in layer.parameters() if p.grad is not None)


def test_padding_counts_as_objects_of_zero_where_positions_are_fixed() -> None:
    layer = randomise(GroupEquivariantLinear(2, 3, GROUPS["C_5"]))
    x, mask = torch.randn(4, 5, 2, dtype=torch.float64), torch.rand(4, 5) > 0.4
    zeros = torch.where(mask.unsqueeze(-1), x, 0.0)
    expected = torch.where(mask.unsqueeze(-1), layer(zeros), 0.0)
    torch.testing.assert_close(layer(torch.where(mask.unsqueeze(-1), x, torch.nan), mask), expected)


def spread(width: int, depth: int, n: int, form: str, group: PermutationGroup | None = None) -> float:
    torch.manual_seed(0)
    x = torch.randn(256, n, 5)
    c = 5
    for _ in range(depth):
        layer = EquivariantLinear(c, width, form) if group is None else GroupEquivariantLinear(c, width, group, form)
        x = torch.relu(layer(x))
        c = width
    return InvariantLinear(c, 64, channels=form)(x).std().item()


@pytest.mark.parametrize(("width", "depth", "n"), [(4, 2, 10), (256, 2, 10), (64, 10, 10), (32, 2, 300), (32, 1, 1)])
def test_outputs_start_at_order_one_whatever_the_width_depth_and_set_size(width: int, depth: int, n: int) -> None:
    assert 0.1 < spread(width, depth, n, "scaled") < 10


def test_a_tied_layers_outputs_start_at_order_one_too() -> None:
    assert 0.1 < spread(32, 3, 60, "scaled", PermutationGroup.cyclic(60)) < 10


def test_summing_channels_blows_up_and_averaging_them_mends_it_in_part() -> None:
    assert spread(64, 2, 10, "sum") > 1000
    assert spread(64, 2, 10, "mean") < spread(64, 2, 10, "sum") / 1000


def test_weights_start_with_the_variance_of_their_fan_in() -> None:
    torch.manual_seed(0)
    cyclic = PermutationGroup.cyclic(6)
    layers = {
        50: EquivariantLinear(50, 400),
        3 * 50: GroupEquivariantLinear(50, 400, cyclic),  # six orbits of pairs, half of them
        49: InvariantLinear(49, 400),
        6 * 30 / 2: MultiChannelLinear(6, 30, 7, 40),
    }
    for fan_in, layer in layers.items():
        assert layer.weight.std().item() == pytest.approx(fan_in**-0.5, rel=0.03), type(layer)
        assert (layer.bias == 0).all()
    for channels in ("sum", "mean"):
        assert EquivariantLinear(50, 400, channels).weight.std().item() == pytest.approx(1, rel=0.03)


@pytest.mark.parametrize(
    ("group", "fan_in"),
    [(PermutationGroup.blocks([2, 3]), 1), (PermutationGroup.cyclic(6), 3), (PermutationGroup.trivial(3), 1)],
)
def test_tied_weights_start_with_the_variance_of_half_the_orbits_of_a_position(
    group: PermutationGroup, fan_in: int
) -> None:
    """A position of blocks of 2 and 3 is in 3 orbits of pairs: itself, its block, the other block."""
    torch.manual_seed(0)
    weight = GroupEquivariantLinear(100, 200, group).weight
    assert weight.std().item() == pytest.approx((fan_in * 100) ** -0.5, rel=0.03)
    assert GroupEquivariantLinear(100, 200, group, "sum").weight.std().item() == pytest.approx(1, rel=0.03)
