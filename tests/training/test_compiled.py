"""The compiled step against autograd."""

import pytest
import torch
from small_trainings import NETWORKS
from torch.nn import functional as F

from permset.data.targets import binary_cross_entropy
from permset.training.compiled import _fast_tanh, compile_step
from permset.training.stack import stack
from permset.training.train import initialise


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
