"""Predictions of a stack against each network alone."""

import torch
from small_trainings import NETWORKS

from permset.training.stack import predict, stack
from permset.training.train import initialise


def test_predict_is_each_network_alone() -> None:
    networks = [initialise(NETWORKS["mlp"], seed) for seed in range(3)]
    x = torch.rand(2345, 10, 1, dtype=torch.float64)
    outputs = predict(networks[0], stack(networks)[0], x)
    for network, output in zip(networks, outputs, strict=True):
        torch.testing.assert_close(output, network.double()(x))
