"""Predictions of a stack against each network alone."""

import torch
from small_trainings import NETWORKS

from permset.networks.networks import MLP
from permset.networks.standardization import Standardized
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import GroupAverage
from permset.training.stack import of_seed, predict, stack, unstack
from permset.training.train import initialise


def test_predict_is_each_network_alone() -> None:
    networks = [initialise(NETWORKS["mlp"], seed) for seed in range(3)]
    x = torch.rand(2345, 10, 1, dtype=torch.float64)
    outputs = predict(networks[0], stack(networks)[0], x)
    for network, output in zip(networks, outputs, strict=True):
        torch.testing.assert_close(output, network.double()(x))


def test_an_average_of_standardised_bags_is_that_of_each_network_alone() -> None:
    """Each seed has its own means and deviations, by which equal objects stay equal."""

    def build() -> Standardized:
        return Standardized(GroupAverage(MLP(5, 2, [6], outputs=3), PermutationGroup.symmetric(5)), 2, 3)

    networks = [build() for _ in range(3)]
    for i, network in enumerate(networks):
        network.fit_scales(torch.randn(50, 2) * (i + 1) + i, torch.randn(20, 3) * 7)
    weights, fitted = stack(networks)
    x = torch.randn(4, 5, 2).round()
    mask = torch.arange(5) < torch.tensor([[5], [3], [1], [0]])
    for bags in ((x,), (x, mask)):
        outputs = predict(build(), {**weights, **fitted}, *bags)
        for output, network in zip(outputs, networks, strict=True):
            torch.testing.assert_close(output, network(*bags), rtol=1e-4, atol=1e-4)


def test_a_network_of_a_stack_is_the_one_that_was_put_there() -> None:
    networks = [Standardized(MLP(5, 2, [6]), 2, 1) for _ in range(3)]
    for i, network in enumerate(networks):
        network.fit_scales(torch.randn(50, 2) * (i + 1), torch.randn(20, 1))
    weights, fitted = stack(networks)
    state, x = {**weights, **fitted}, torch.randn(4, 5, 2)
    for i, network in enumerate(networks):
        single = unstack(networks[0], state, i)
        assert dict(single.named_parameters()).keys() == dict(network.named_parameters()).keys()
        assert torch.equal(single(x), network(x))
        alone = of_seed(state, i)
        assert all(torch.equal(alone[name], value[[i]]) for name, value in state.items())
