"""The compiled step against autograd."""

from collections.abc import Callable

import pytest
import torch
from small_trainings import FRESH, NETWORKS, TASK
from torch import Tensor, nn
from torch.nn import functional as F

from permset import PermsetError
from permset.data.randomness import generator
from permset.data.targets import binary_cross_entropy
from permset.training.blocks import initialise
from permset.training.compiled import _fast_tanh, compile_step
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
