import numpy as np
import pytest
import torch
from torch import nn

from permset.data.randomness import generator
from permset.evaluation.invariance import invariance_error
from permset.networks.attention import ISAB, SAB
from permset.networks.networks import (
    MLP,
    DeepSet,
    EquivariantNetwork,
    MultiChannelNetwork,
    SetTransformer,
    count_params,
    dense,
)
from permset.networks.pooling import SetNorm
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.layers import EquivariantLinear, GroupEquivariantLinear, MultiChannelLinear


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


def by_hand(layers: nn.Module, x: torch.Tensor) -> torch.Tensor:
    for layer in layers.children():
        x = layer(x)
    return x


def test_an_equivariant_network_is_its_layers_with_activations_and_an_invariant_one() -> None:
    group, x = PermutationGroup.cyclic(4), torch.randn(6, 4, 2)
    for chosen, kind in ((None, EquivariantLinear), (group, GroupEquivariantLinear)):
        network = EquivariantNetwork(2, [3, 5], "tanh", "mean", chosen, outputs=2)
        assert [type(layer) for layer in network.layers] == [kind, nn.Tanh, kind, nn.Tanh]
        assert {layer.channels for layer in network.modules() if hasattr(layer, "channels")} == {"mean"}
        expected = network.invariant(by_hand(network.layers, x))[:, 0]
        assert expected.shape == (6, 2)
        assert torch.equal(network(x), expected)
        assert network.claimed_group(4) == (chosen or PermutationGroup.symmetric(4))
    assert count_params(EquivariantNetwork(2, [3, 5])) == (2 * 2 * 3 + 3) + (2 * 3 * 5 + 5) + (5 + 1)


def test_a_network_between_arrays_is_its_linear_maps_with_activations_between_them() -> None:
    network, x = MultiChannelNetwork(4, 2, [[3, 5], [2, 2]], "silu", outputs=3), torch.randn(6, 4, 2)
    kinds = [MultiChannelLinear, nn.SiLU, MultiChannelLinear, nn.SiLU, MultiChannelLinear]
    assert [type(layer) for layer in network.layers] == kinds
    assert torch.equal(network(x), by_hand(network.layers, x)[:, 0])
    assert network(x).shape == (6, 3)
    assert count_params(network) == (8 * 15 + 15) + (15 * 4 + 4) + (4 * 3 + 3)
    assert network.claimed_group(4) is None


def test_a_set_transformer_is_its_blocks_and_its_pooling_side_by_side() -> None:
    x = torch.randn(6, 4, 2)
    for inducing, kind in ((None, SAB), (3, ISAB)):
        network = SetTransformer(2, 8, 2, 2, inducing, seeds=3, outputs=2)
        assert [type(block) for block in network.blocks] == [kind, kind]
        pooled = network.pool(by_hand(network.blocks, x))
        assert pooled.shape == (6, 3, 8)
        assert torch.equal(network(x), network.linear(pooled.flatten(1)))
        assert network.claimed_group(4) == PermutationGroup.symmetric(4)
    none = SetTransformer(2, 8, 2, 0)
    assert torch.equal(none(x), none.linear(none.pool(none.embed(x))[:, 0]))


def test_norms_stand_before_activations() -> None:
    network = dense([3, 4, 2], "relu", SetNorm)
    assert [type(layer) for layer in network] == [nn.Linear, SetNorm, nn.ReLU, nn.Linear]
    assert [type(layer) for layer in dense([3, 4, 2], "gelu")] == [nn.Linear, nn.GELU, nn.Linear]
    several = deepset(pooling=["max", "sum"], norm="set", element_widths=[4])
    x = torch.randn(6, 4, 1)
    features = by_hand(several.element, x)
    assert torch.equal(several(x), several.set(torch.cat([features.amax(1), features.sum(1)], -1)))


def test_seeds_that_pooled_a_bag_attend_to_each_other() -> None:
    network = SetTransformer(2, 8, 2, 1, seeds=3, outputs=2, blocks_of_seeds=2)
    x = torch.randn(4, 5, 2)
    pooled = network.pool(network.features(x))
    assert pooled.shape == (4, 3, 8)
    for block in network.blocks_of_seeds:
        pooled = block(pooled)
    torch.testing.assert_close(network(x), network.linear(pooled.flatten(-2)))
    torch.testing.assert_close(network(x.flip(1)), network(x))
    assert count_params(network) == count_params(SetTransformer(2, 8, 2, 1, seeds=3, outputs=2)) + 2 * 4 * (8 * 8 + 8)
