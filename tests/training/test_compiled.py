"""The compiled step against autograd."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from small_trainings import FRESH, NETWORKS, TASK
from torch import Tensor, nn
from torch.nn import functional as F

from permset import PermsetError
from permset.data.randomness import generator
from permset.data.targets import Binary, Classes, Real, binary_cross_entropy
from permset.networks.networks import DeepSet
from permset.networks.standardization import Standardized
from permset.training.blocks import initialise
from permset.training.compiled import (
    _column_bmm,
    _fast_softmax,
    _fast_softmax_backward,
    _fast_tanh,
    _fastest_bmm,
    compile_step,
)
from permset.training.settings import Settings
from permset.training.stack import stack
from permset.training.train import train


@pytest.mark.parametrize("name", NETWORKS)
def test_a_compiled_step_gives_autograds_gradients(name: str) -> None:
    networks = [initialise(NETWORKS[name], seed) for seed in range(3)]
    state, own = stack(networks)
    x, y = torch.rand(3, 12, 10, 1), torch.rand(3, 12, 1).round()
    step = compile_step(networks[0], state, own, binary_cross_entropy, [1.0], [{"x": x, "y": y}])
    *gradients, losses = step(list(state.values()), [], x, y)
    for i, network in enumerate(networks):
        loss = F.binary_cross_entropy_with_logits(network(x[i]), y[i])
        expected = torch.autograd.grad(loss, list(network.parameters()))
        torch.testing.assert_close(losses[i], loss, rtol=1e-5, atol=1e-6)
        for gradient, reference in zip(gradients, expected, strict=True):
            torch.testing.assert_close(gradient[i], reference, rtol=1e-4, atol=1e-6)


def test_the_loss_is_stable_where_the_sigmoid_saturates() -> None:
    logits = torch.tensor([[-200.0], [200.0], [200.0], [0.0]])
    labels = torch.tensor([[0.0], [1.0], [0.0], [1.0]])
    expected = F.binary_cross_entropy_with_logits(logits, labels)
    torch.testing.assert_close(binary_cross_entropy(logits, labels), expected)
    naive = -(labels * logits.sigmoid().log() + (1 - labels) * (1 - logits.sigmoid()).log()).mean()
    assert not torch.isfinite(naive)


def test_the_fast_tanh_is_right_to_a_few_parts_in_a_hundred_thousand_of_any_value() -> None:
    sizes = torch.logspace(-30, 30, 100_001)
    x = torch.cat([sizes, -sizes, torch.zeros(1)])
    torch.testing.assert_close(_fast_tanh(x), x.double().tanh().float(), rtol=3e-5, atol=0)
    assert _fast_tanh(torch.tensor([torch.nan])).isnan()


def step_of(build: Callable[[], nn.Module], lanes: int = 2) -> Callable[[], list[Tensor]]:
    """A step of networks of the same weights on the same bags."""
    networks = [initialise(build, 0) for _ in range(lanes)]
    state, saved = stack(networks)
    bags = TASK.sample(12, generator(0, "bags"))
    x, y = (tensor.expand(lanes, *tensor.shape) for tensor in (bags.x, bags.y))
    step = compile_step(networks[0], state, saved, binary_cross_entropy, [1.0], [{"x": x, "y": y}])
    return lambda: step(list(state.values()), list(saved.values()), x, y)


def layered(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(10, 8), *layers, nn.Linear(8, 1))


def test_every_network_drops_something_else_at_every_step() -> None:
    before = torch.get_rng_state()
    step = step_of(lambda: layered(nn.Dropout(0.5)))
    assert torch.equal(torch.get_rng_state(), before), "tracing leaves torch's generator alone"
    (first, second), (third, fourth) = (step()[-1].tolist() for _ in range(2))
    assert len({first, second, third, fourth}) == 4
    control = step_of(layered)
    assert len({*control()[-1].tolist(), *control()[-1].tolist()}) == 1


class Choosing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            lambda: nn.BatchNorm1d(8),
            r"^BatchNorm1d \(2\) cannot .* its buffer running_mean changes from batch to batch; ",
        ),
        (
            lambda: nn.Sequential(nn.RReLU()),
            r"^RReLU \(2\.0\) cannot be trained for many seeds at once: vmap: .*; leave",
        ),
        (Choosing, r"^Choosing \(2\) cannot be trained for many seeds at once: vmap: .* data-dependent control flow"),
    ],
)
def test_layers_that_cannot_be_traced_are_refused_by_name_in_one_line(
    layer: Callable[[], nn.Module], message: str
) -> None:
    with pytest.raises(PermsetError, match=message) as raised:
        step_of(lambda: layered(layer()))
    assert str(raised.value).endswith("train one seed at a time with train(network, data, settings, seed)")
    assert "\n" not in str(raised.value)
    train(layered(layer()), FRESH, Settings(3, 8, 0.01))


def test_a_networks_own_mistake_is_told_as_torch_tells_it() -> None:
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        step_of(lambda: layered(nn.Linear(7, 8)))


@pytest.mark.parametrize("several", [False, True], ids=["one part", "two parts"])
def test_errors_are_minimised_in_the_unit_of_a_buffer_and_losses_are_in_that_of_the_labels(several: bool) -> None:
    networks = [Standardized(DeepSet(2, [4], [3], outputs=2), 2, 2) for _ in range(3)]
    for i, network in enumerate(networks):
        network.fit_scales(torch.randn(50, 2) * 3, torch.randn(20, 2) * torch.tensor([10.0**i, 0.1]) + 7)
    state, fitted = stack(networks)
    shares = [0.3, 0.7] if several else [1.0]
    parts = [{"x": torch.randn(3, 6, n, 2), "y": 5 * torch.randn(3, 6, 2)} for n in (4, 7)][: len(shares)]
    loss = Real(2).loss
    step = compile_step(networks[0], state, fitted, loss, shares, parts, "target_deviation")
    *gradients, losses = step(
        list(state.values()), list(fitted.values()), *(value for part in parts for value in part.values())
    )
    for i, network in enumerate(networks):
        pairs = [(network(part["x"][i]), part["y"][i]) for part in parts]
        scale = network.target_deviation
        minimised = sum(share * loss(z / scale, y / scale) for share, (z, y) in zip(shares, pairs, strict=True))
        plain = sum(share * loss(z, y) for share, (z, y) in zip(shares, pairs, strict=True))
        torch.testing.assert_close(losses[i], plain, rtol=1e-4, atol=0)
        for gradient, expected in zip(
            gradients, torch.autograd.grad(minimised, list(network.parameters())), strict=True
        ):
            torch.testing.assert_close(gradient[i], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("several", [False, True], ids=["one part", "two parts"])
@pytest.mark.parametrize("target", [Binary(), Classes(3)], ids=["two classes", "three classes"])
def test_bags_count_by_their_weights_in_what_is_minimised_alone(target: Binary | Classes, several: bool) -> None:
    networks = [initialise(partial(DeepSet, 1, [4], [3], outputs=target.outputs), seed) for seed in range(3)]
    state, _ = stack(networks)
    shares = [0.3, 0.7] if several else [1.0]
    classes = max(2, target.outputs)
    parts = [
        {"x": torch.randn(3, 6, n, 1), "y": torch.randint(classes, (3, 6, 1)).float(), "weights": torch.rand(3, 6) * 5}
        for n in (4, 7)
    ][: len(shares)]
    step = compile_step(networks[0], state, {}, target.loss, shares, parts)
    *gradients, losses = step(list(state.values()), [], *(value for part in parts for value in part.values()))
    for i, network in enumerate(networks):
        minimised, plain = torch.zeros(()), torch.zeros(())
        for share, part in zip(shares, parts, strict=True):
            one_by_one = [
                target.loss(network(x[None]), y[None]) for x, y in zip(part["x"][i], part["y"][i], strict=True)
            ]
            minimised = minimised + share * (part["weights"][i] * torch.stack(one_by_one)).sum() / 6
            plain = plain + share * torch.stack(one_by_one).mean()
        torch.testing.assert_close(losses[i], plain, rtol=1e-4, atol=1e-6)
        for gradient, expected in zip(
            gradients, torch.autograd.grad(minimised, list(network.parameters())), strict=True
        ):
            torch.testing.assert_close(gradient[i], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("dim", [-1, 0])
def test_the_fast_softmax_and_its_gradient_are_torchs_and_of_minus_infinity_alone_zeros(dim: int) -> None:
    x = torch.tensor([[1e4, 9999.0, -1e4], [-1e30, -1e30, 1.0], [0.5, -torch.inf, 2.0]])
    y, gradient = x.softmax(dim), torch.randn(3, 3)
    torch.testing.assert_close(_fast_softmax(x, dim), y)
    expected = torch.ops.aten._softmax_backward_data(gradient, y, dim, x.dtype)
    torch.testing.assert_close(_fast_softmax_backward(gradient, y, dim), expected)
    assert not _fast_softmax(torch.full((2, 2), -torch.inf), dim).any()


def test_outer_products_and_columns_have_kernels_of_their_own() -> None:
    for rows, inner, columns, chosen in ((5, 1, 7, torch.mul), (5, 4, 1, _column_bmm), (1, 4, 2, torch.bmm)):
        a, b = torch.randn(3, rows, inner), torch.randn(3, inner, columns)
        assert _fastest_bmm(a.shape, b.shape) is chosen
        torch.testing.assert_close(chosen(a, b), a @ b)
