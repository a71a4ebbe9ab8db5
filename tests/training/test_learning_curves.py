"""What curves are measured on, and what they show."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from small_trainings import FIXED, FRESH, NETWORKS, ODD, TASK, gaussian_sample
from torch.nn import functional as F

from permset import PermsetError
from permset.data.bags import Bags
from permset.data.batches import batches
from permset.data.drawn import Fixed, Fresh
from permset.data.randomness import generator
from permset.data.tasks import GaussianVariance
from permset.networks.networks import MLP
from permset.training.blocks import initialise
from permset.training.learning_curves import CURVES, best_points, kept_scores
from permset.training.settings import Settings
from permset.training.stack import predict
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


OVERFITTING = Settings(200, 32, 0.003, measure_every=10, measure_sets=200, keep="best")
MEMORISING = partial(MLP, 10, 5, [64], activation="relu")


def easier(sets: int, draws: torch.Generator) -> Bags:
    """Of which something can be learnt before bags are memorised."""
    return GaussianVariance(variances=(1.0, 0.5)).sample(sets, draws)


def test_each_seed_keeps_its_own_best_weights_whatever_the_others_do_later() -> None:
    """Against a training without them, and trainings that end where the best weights were."""
    data, seeds = Fixed(easier, 200), [0, 9, 3, 5]
    best, last = (train_seeds(MEMORISING, data, replace(OVERFITTING, keep=keep), seeds) for keep in ("best", "last"))
    assert np.array_equal(best.history, last.history)
    assert np.array_equal(best.curves, last.curves), "the training itself is the same"
    assert last.kept.tolist() == [19] * 4
    assert np.array_equal(last.scores, last.curves[-1])
    losses = best.curves[:, CURVES.index("validation_loss")]
    assert best.kept.tolist() == losses.argmin(0).tolist()
    assert len(set(best.kept.tolist())) > 1, "the control: not all at the same point"
    for i, seed in enumerate(seeds):
        point, unseen = best.kept[i], easier(200, generator(seed, "validation"))
        short = train_seeds(
            MEMORISING, data, replace(OVERFITTING, steps=int(best.measured[point]), keep="last"), [seed]
        )
        assert all(torch.equal(value[0], best.state[name][i]) for name, value in short.state.items())
        outputs = predict(MEMORISING(), best.state, unseen.x)[i]
        loss = F.binary_cross_entropy_with_logits(outputs, unseen.y).item()
        assert loss == pytest.approx(losses[point, i], rel=1e-4)
        assert loss < losses[-1, i] - 0.1, "it was overfitted in the end"
        assert best.scores[:, i].tolist() == best.curves[point, :, i].tolist()
        assert best.is_kept[:, i].nonzero()[0].tolist() == [point]


def test_a_kept_seed_does_not_depend_on_its_company() -> None:
    data = Fixed(easier, 200)
    everyone, alone = (train_seeds(MEMORISING, data, OVERFITTING, seeds) for seeds in (range(10), [9]))
    assert all(torch.equal(value[0], everyone.state[name][9]) for name, value in alone.state.items())
    assert alone.kept.tolist() == everyone.kept[[9]].tolist()


def test_the_best_point_is_the_first_of_the_lowest_and_one_that_is_a_number() -> None:
    curves = np.zeros((3, 4, 4))
    curves[:, 2] = np.array([[3, 1, 1], [np.nan, 2, 1], [np.inf, np.nan, np.nan], [1, 1, 0]]).T
    curves[:, 0] = np.array([[0, 1, 2]] * 4).T
    assert best_points(curves).tolist() == [1, 2, 0, 2]


def test_the_validation_score_of_a_run_is_that_of_the_weights_that_it_keeps() -> None:
    curves = {"step": np.array([10.0, 20.0]), "validation_score": np.array([[0.9, 0.7, 0.1], [0.6, 0.8, 0.4]])}
    assert kept_scores(curves) == {"validation": pytest.approx(0.6)}
    kept = curves | {"kept": np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])}
    assert kept_scores(kept) == {"validation": pytest.approx(0.7), "kept_step": pytest.approx(50 / 3)}


def test_a_single_model_is_not_measured_along_the_way_and_cannot_keep_its_best_weights() -> None:
    with pytest.raises(PermsetError, match=r"^train has no curves by which to keep the best weights; call train_seeds"):
        train(MEMORISING(), FRESH, OVERFITTING)
