import numpy as np
import pytest
import torch
from torch import nn

from permset.data.randomness import generator
from permset.evaluation.invariance import invariance_error
from permset.networks.networks import MLP, DeepSet, count_params, dense
from permset.symmetry.groups import PermutationGroup


def deepset(**changes: object) -> DeepSet:
    settings = {"channels": 1, "element_widths": [5, 5, 1], "set_widths": [5]} | changes
    return DeepSet(**settings)  # type: ignore[arg-type]


def test_the_exercises_sizes() -> None:
    assert count_params(deepset()) == 62
    assert count_params(deepset(element_activation="none")) == 62
    for width, size in {5: 91, 10: 231, 20: 661, 50: 3151, 200: 42601}.items():
        assert count_params(MLP(10, 1, [width, width])) == size


def error(network: nn.Module, n: int, channels: int) -> float:
    x = torch.randn(50, n, channels, dtype=torch.float64)
    group = PermutationGroup.symmetric(n)
    permutations = np.concatenate([group.generators(), group.sample(20, generator(0, "test")).numpy()])
    return invariance_error(lambda x: network.to(x.dtype)(x)[None], x, permutations).max()


@pytest.mark.parametrize("pooling", ["sum", "mean", "max"])
@pytest.mark.parametrize("activation", ["tanh", "relu", "gelu", "silu", "none"])
@pytest.mark.parametrize(("n", "channels"), [(10, 1), (7, 3), (1, 2)])
def test_a_deepset_is_invariant(pooling: str, activation: str, n: int, channels: int) -> None:
    network = deepset(channels=channels, pooling=pooling, element_activation=activation, element_widths=[8, 6])
    assert error(network, n, channels) <= 1e-12
    assert network.claimed_group(n) == PermutationGroup.symmetric(n)


def test_an_mlp_is_not() -> None:
    assert error(MLP(10, 1, [20, 20]), 10, 1) > 0.1
    assert MLP(10, 1, [20]).claimed_group(10) is None


def test_a_deepset_takes_any_number_of_objects_and_any_leading_axes() -> None:
    network = deepset()
    assert network(torch.randn(4, 3, 17, 1)).shape == (4, 3, 1)
    assert network(torch.randn(2, 1)).shape == (1,)
    x = torch.randn(4, 3, 10, 1)
    mlp = MLP(10, 1, [5])
    torch.testing.assert_close(mlp(x)[2, 1], mlp(x[2, 1]))


def test_without_the_elementwise_nonlinearity_every_bag_of_sum_one_looks_the_same() -> None:
    network = deepset(element_activation="none")
    x = torch.rand(1000, 10, 1, dtype=torch.float64)
    outputs = network.double()(x / x.sum(1, keepdim=True))
    assert outputs.max() - outputs.min() < 1e-12
    control = deepset().double()(x / x.sum(1, keepdim=True))
    assert control.max() - control.min() > 1e-6


def test_biases_start_at_zero_and_every_layer_but_the_last_has_its_activation() -> None:
    network = dense([3, 4, 4, 2], "relu")
    assert [type(layer) for layer in network] == [nn.Linear, nn.ReLU, nn.Linear, nn.ReLU, nn.Linear]
    assert all((layer.bias == 0).all() for layer in network if isinstance(layer, nn.Linear))
