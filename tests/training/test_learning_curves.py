"""What curves are measured on, and what they show."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from small_trainings import FIXED, NETWORKS, ODD, TASK, gaussian_sample
from torch.nn import functional as F

from permset.data.batches import Fixed, Fresh, batches
from permset.data.randomness import generator
from permset.networks.networks import MLP
from permset.training.blocks import initialise
from permset.training.settings import Settings
from permset.training.train import train, train_seeds


def test_curves_are_of_the_bags_just_trained_on_and_of_others() -> None:
    """Against the single network, measured after the same steps."""
    settings = replace(ODD, measure_sets=50)
    trained = train_seeds(NETWORKS["mlp"], FIXED, settings, [3, 9])
    assert trained.measured.tolist() == [30, 60, 90, 120], "also where batches are drawn for more steps at once"
    assert trained.curves.shape == (4, 4, 2)
    unseen = TASK.sample(50, generator(9, "validation"))
    for point, steps in ((0, 30), (3, 120)):
        network, _ = train(initialise(NETWORKS["mlp"], 9), FIXED, replace(settings, steps=steps), 9)
        *_, (part,) = batches(FIXED, steps, 33, 9, torch.device("cpu"))
        for (bags, labels), (loss, accuracy) in zip(
            [(part["x"].flatten(0, 1)[-50:], part["y"].flatten(0, 1)[-50:]), (unseen.x, unseen.y)],
            trained.curves[point, :, 1].reshape(2, 2),
            strict=True,
        ):
            logits = network(bags)
            assert loss == pytest.approx(F.binary_cross_entropy_with_logits(logits, labels).item(), rel=1e-3)
            assert accuracy == pytest.approx(((logits > 0) == (labels > 0.5)).float().mean().item(), abs=0.021)


def test_a_fixed_sample_is_memorised_and_fresh_bags_are_not() -> None:
    build = partial(MLP, 10, 5, [64], activation="relu")
    settings = Settings(400, 32, 0.01, measure_every=400)
    for data, memorised in ((Fixed(gaussian_sample, 64), True), (Fresh(gaussian_sample), False)):
        train_loss, _, validation_loss, _ = train_seeds(build, data, settings, range(8)).curves[-1].mean(-1)
        assert (validation_loss > 2 * train_loss) == memorised
