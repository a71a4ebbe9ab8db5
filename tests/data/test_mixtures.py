"""Mixtures of normal distributions: what is drawn, and the likelihood of bags under what a network says of them."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import kstest, norm

from permset.config.tasks import GaussianMixturesParams
from permset.data.batches import batches
from permset.data.drawn import Fresh
from permset.data.mixtures import GaussianMixtures
from permset.data.randomness import generator
from permset.data.targets import Components, Mixture, log_likelihoods, objects_of
from permset.data.tasks import build_task

TASK = GaussianMixtures(4, (50, 80))
TARGET = TASK.target
CPU = torch.device("cpu")


def test_the_label_of_a_bag_is_its_points_and_its_mask() -> None:
    bags = TASK.sample(40, generator(0, "bags"))
    assert bags.mask is not None
    assert bags.y.shape == (40, 80 * 3)
    objects, mask = objects_of(bags.y, 2)
    assert torch.equal(objects, bags.x)
    assert torch.equal(mask.bool(), bags.mask)
    assert set(GaussianMixtures(2, (3, 5)).sample(200, generator(0, "bags")).mask.sum(1).tolist()) == {3, 4, 5}  # type: ignore[union-attr]
    assert not bags.x[~bags.mask].any()


def test_fresh_batches_have_a_part_for_each_fifth_of_the_sizes() -> None:
    data = GaussianMixtures().training(None)
    assert isinstance(data, Fresh)
    assert data.shares == [81 / 401, *[80 / 401] * 4]
    [parts] = batches(data, 40, 10, 3, CPU)
    ranges = (420, 500), (340, 419), (260, 339), (180, 259), (100, 179)
    for part, (smallest, largest) in zip(parts, ranges, strict=True):
        assert part["x"].shape == (40, 2, largest, 2)
        sizes = part["mask"].sum(-1)
        assert smallest <= sizes.min() < smallest + 10
        assert largest - 10 < sizes.max() <= largest
        points, mask = objects_of(part["y"], 2)
        assert points.shape == (40, 2, 500, 2), "labels of all parts can stand in one table"
        assert torch.equal(points[:, :, :largest], part["x"])
        assert torch.equal(mask[:, :, :largest].bool(), part["mask"])
        assert not mask[:, :, largest:].any()


def test_narrow_ranges_of_sizes_have_a_part_for_each_size() -> None:
    data = GaussianMixtures(2, (3, 5)).training(None)
    assert [part["x"].shape[2] for part in next(batches(data, 1, 6, 0, CPU))] == [5, 4, 3]
    assert GaussianMixtures(2, (7, 7)).training(None).shares == [1.0]
    sizes = torch.cat([part["mask"].sum(-1).flatten() for part in next(batches(data, 50, 6, 0, CPU))])
    assert sizes.bincount().tolist() == [0, 0, 0, 100, 100, 100]


def test_validation_and_fixed_samples_have_bags_of_all_sizes_together() -> None:
    for data in (TASK.training(None), TASK.training(60)):
        [bags] = data.validation(0, 200, CPU)
        assert bags.mask is not None
        assert set(bags.mask.sum(1).tolist()) >= {50, 51, 79, 80}
    [part] = next(batches(TASK.training(60), 1, 10, 0, CPU))
    assert part["x"].shape == (1, 10, 80, 2)


def test_points_are_of_the_mixtures_that_made_them() -> None:
    """Of 3,000 points of two components that lie apart: shares, means and deviations."""
    task = GaussianMixtures(2, (3000, 3000), high=40.0, deviation=0.5)
    bags, truth = task.with_truth(30, generator(1, "bags"))
    apart = (truth.means[:, 0] - truth.means[:, 1]).abs().sum(-1) > 12
    assert apart.sum() > 15
    for x, weights, means in zip(bags.x[apart], truth.log_weights[apart].exp(), truth.means[apart], strict=True):
        nearest = (x.unsqueeze(1) - means).square().sum(-1).argmin(1)
        for k in range(2):
            points = x[nearest == k]
            assert len(points) / 3000 == pytest.approx(float(weights[k]), abs=0.04)
            if len(points) > 300:
                torch.testing.assert_close(points.mean(0), means[k], rtol=0, atol=0.15)
                torch.testing.assert_close(points.std(0), torch.full((2,), 0.5), rtol=0.15, atol=0)


def test_means_are_uniform_and_weights_those_of_a_dirichlet_distribution() -> None:
    truth = TASK.with_truth(4000, generator(2, "bags")).truth
    assert kstest(truth.means[:, 1, 0].numpy() / 8 + 0.5, "uniform").pvalue > 1e-3
    weights = truth.log_weights.exp()
    torch.testing.assert_close(weights.sum(1), torch.ones(4000))
    for k in range(4):  # Each is of the beta distribution with 1 and 3.
        assert kstest(weights[:, k].numpy(), "beta", args=(1, 3)).pvalue > 1e-3


def by_scipy(mixtures: Components, points: np.ndarray) -> float:
    total = np.zeros(len(points))
    for k in range(mixtures.log_weights.shape[-1]):
        density = math.exp(float(mixtures.log_weights[k]))
        for channel in range(points.shape[1]):
            deviation = math.exp(float(mixtures.log_deviations[k, channel]))
            density = density * norm.pdf(points[:, channel], float(mixtures.means[k, channel]), deviation)
        total += density
    return float(np.log(total).mean())


def test_log_likelihoods_are_scipys() -> None:
    bags, draws = TASK.sample(6, generator(3, "bags")), generator(4, "bags")
    outputs = torch.randn(6, TARGET.outputs, generator=draws).double()
    mixtures = TARGET.read(outputs)
    found = log_likelihoods(mixtures, bags.y.double())
    expected = [
        by_scipy(Components(*(value[i] for value in mixtures)), bags.alone(i)[0].double().numpy()) for i in range(6)
    ]
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9)
    assert TARGET.loss(outputs, bags.y.double()).item() == pytest.approx(-np.mean(expected))
    assert TARGET.score(outputs, bags.y).item() == pytest.approx(-np.mean(expected), rel=1e-5)


def test_what_is_written_is_read() -> None:
    outputs = torch.randn(3, 5, Mixture(3, 2).outputs, generator=generator(5, "bags"))
    mixtures = Mixture(3, 2).read(outputs)
    torch.testing.assert_close(mixtures.log_weights.exp().sum(-1), torch.ones(3, 5))
    again = Mixture(3, 2).read(Mixture(3, 2).write(mixtures))
    for value, expected in zip(again, mixtures, strict=True):
        torch.testing.assert_close(value, expected)
    readings = Mixture(3, 2).reading(outputs)
    torch.testing.assert_close(readings, mixtures.log_weights.exp().amax(-1))
    assert Mixture(3, 2).meanings(outputs[0]) == ["weight of the largest component"] * 5


def test_losses_of_a_stack_are_those_of_each_network() -> None:
    bags = TASK.sample(6, generator(6, "bags"))
    outputs = torch.randn(3, 6, TARGET.outputs, generator=generator(7, "bags"))
    losses = TARGET.loss(outputs, bags.y)
    assert losses.shape == (3,)
    for i in range(3):
        torch.testing.assert_close(losses[i], TARGET.loss(outputs[i], bags.y))
    assert losses.unique().numel() == 3


def test_no_point_of_the_padding_counts() -> None:
    bags = TASK.sample(4, generator(8, "bags"))
    outputs = torch.randn(4, TARGET.outputs, generator=generator(9, "bags"))
    changed, objects = bags.y.clone(), 80 * 2
    assert bags.mask is not None
    changed[:, :objects][(~bags.mask).repeat_interleave(2, 1)] = 3.0
    assert not torch.equal(changed, bags.y)
    assert torch.equal(TARGET.loss(outputs, changed), TARGET.loss(outputs, bags.y))


def test_gradients_are_finite_where_outputs_are_extreme() -> None:
    bags = TASK.sample(4, generator(10, "bags"))
    for scale in (1e-2, 1.0, 8.0):
        leaf = (scale * torch.randn(4, TARGET.outputs, generator=generator(11, "bags"))).requires_grad_()
        (gradient,) = torch.autograd.grad(TARGET.loss(leaf, bags.y), leaf)
        assert torch.isfinite(gradient).all()


def test_nothing_else_explains_bags_as_well_as_what_made_them() -> None:
    drawing = TASK.with_truth(200, generator(12, "bags"))
    best = drawing.log_likelihoods().mean()
    weights, means, deviations = drawing.truth
    for other in (
        Components(weights, means + 0.2, deviations),
        Components(weights, means, deviations + 0.5),
        Components(weights, means, deviations - 0.5),
        Components(weights.flip(1), means, deviations),
    ):
        assert log_likelihoods(other, drawing.bags.y).mean() < best - 0.05


def test_the_papers_oracle_is_ours() -> None:
    """−1.4726 in table 3 of Lee et al.; the mean over 2,000 bags has a standard error of about 0.01."""
    found = GaussianMixtures().with_truth(2000, generator(13, "bags")).log_likelihoods()
    assert float(found.mean()) == pytest.approx(-1.4726, abs=4 * float(found.std()) / math.sqrt(2000))


def test_it_is_built_of_its_parameters() -> None:
    params = GaussianMixturesParams(
        kind="gaussian_mixtures",
        components=3,
        set_sizes=[7, 9],
        high=2.0,
        deviation=0.5,
        test_sets=12,
        test_seed=5,
    )
    task = build_task(params)
    assert task == GaussianMixtures(3, (7, 9), 2.0, 0.5, test_sets=12, test_seed=5)
    assert params.set_size == task.set_size == 9
    assert (task.channels, task.target, task.target.outputs) == (2, Mixture(3, 2), 15)
    assert task.bayes_accuracy is None
    assert torch.equal(task.test_set().x, task.sample(12, generator(5, "test")).x)
