"""Predictions of a stack against each network alone."""

import copy

import torch
from small_trainings import NETWORKS
from torch import nn

from permset.networks.networks import MLP
from permset.networks.standardization import Standardized
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import GroupAverage
from permset.training.blocks import initialise
from permset.training.stack import of_seed, predict, stack, unstack


def test_predict_is_each_network_alone() -> None:
    networks = [initialise(NETWORKS["mlp"], seed) for seed in range(3)]
    x = torch.rand(2345, 10, 1, dtype=torch.float64)
    outputs = predict(networks[0], stack(networks)[0], x)
    for network, output in zip(networks, outputs, strict=True):
        torch.testing.assert_close(output, network.double()(x))


def test_weights_that_are_not_learnt_are_with_the_buffers() -> None:
    networks = [initialise(NETWORKS["mlp"], seed) for seed in range(2)]
    for network in networks:
        next(network.parameters()).requires_grad_(False)
    names = [name for name, _ in networks[0].named_parameters()]
    learnt, others = stack(networks)
    assert (list(learnt), list(others)) == (names[1:], names[:1])
    assert not any(value.requires_grad for value in (*learnt.values(), *others.values()))


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


def test_predictions_are_of_evaluation_mode_and_leave_the_network_in_its_own() -> None:
    """Outputs of a bag are the same in every batch; a test bag changes no statistics."""
    networks = [nn.Sequential(nn.Flatten(), nn.Linear(10, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)) for _ in range(2)]
    x = torch.randn(12, 10, 1) * 3 + 1
    for network in networks:
        network(x)
    weights, statistics = stack(networks)
    state = {**weights, **statistics}
    for mode in (True, False):
        network = networks[0].train(mode)
        outputs = predict(network, state, x)
        assert network.training == network[2].training == mode
        torch.testing.assert_close(predict(network, state, x[:1]), outputs[:, :1])
        for output, single in zip(outputs, networks, strict=True):
            torch.testing.assert_close(output, copy.deepcopy(single).eval()(x))
    assert all(torch.equal(value, state[name][0]) for name, value in networks[0].state_dict().items())
    assert not torch.allclose(networks[0].train()(x[:5]), networks[0](x)[:5]), "the control"


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
