import pytest
import torch

from permset.data.drawn import Fresh
from permset.data.tasks import UnitSum
from permset.networks.networks import MLP
from permset.training.flops import flops
from permset.training.settings import Settings
from permset.training.train import costs


def test_flops_are_those_of_the_matrix_products() -> None:
    network, x = MLP(10, 1, [7]), torch.rand(32, 10, 1)
    forward = 2 * 32 * (10 * 7 + 7 * 1)
    assert flops(lambda: network(x)) == forward
    # Backward: the gradients of both weights, and of the hidden layer, not of the data.
    assert flops(lambda: network(x).sum().backward()) == 2 * forward + 2 * 32 * 7


def test_costs_are_of_all_steps_and_of_one_bag() -> None:
    settings = Settings(steps=100, batch_size=32, learning_rate=0.1)
    cost = costs(lambda: MLP(10, 1, [7]), Fresh(UnitSum().sample), settings)
    assert cost["training_gflop"] == 100 * 32 * (2 * 2 * 77 + 2 * 7) / 1e9
    assert cost["bag_kflop"] == 2 * 77 / 1e3


def test_counting_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert flops(lambda: torch.ones(2, 3) @ torch.ones(3, 4)) == 2 * 2 * 3 * 4
    assert capsys.readouterr() == ("", "")
