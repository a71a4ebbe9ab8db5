"""The least loss that is possible."""

import numpy as np
import pytest
from scipy.stats import norm

from permset.data.randomness import generator
from permset.data.subgroups import Blocks, Rotations
from permset.data.tasks import GaussianVariance, Maximum, UnitSum
from permset.evaluation.bayes import bayes_loss, posterior


@pytest.mark.parametrize(
    "task", [GaussianVariance(), GaussianVariance(3, 1, (0.2, 1.5)), GaussianVariance(1, 1, (2.0, 1.0))]
)
def test_the_bayes_loss_is_that_of_the_true_probabilities_on_many_bags(task: GaussianVariance) -> None:
    bags = task.sample(100_000, generator(0, "bayes"))
    squares, k = (bags.x.double() ** 2).sum((1, 2)).numpy(), task.set_size * task.channels
    densities = [-squares / (2 * variance) - k / 2 * np.log(variance) for variance in task.variances]
    labels = bags.y[:, 0].numpy()
    margin = (densities[1] - densities[0]) * (2 * labels - 1)
    losses = np.logaddexp(0, -margin)
    assert bayes_loss(task) == pytest.approx(losses.mean(), abs=5 * losses.std() / np.sqrt(len(losses)))


@pytest.mark.parametrize("task", [GaussianVariance(), GaussianVariance(3, 1, (0.2, 1.5))])
def test_the_posterior_is_by_bayes_rule_from_the_densities_of_both_classes(task: GaussianVariance) -> None:
    bags = task.sample(500, generator(0, "posterior"))
    x = bags.x.double().flatten(1).numpy()
    first, second = (norm.pdf(x, scale=variance**0.5).prod(1) for variance in task.variances)
    found = posterior(task, bags)
    assert found is not None
    np.testing.assert_allclose(found.numpy(), second / (first + second), rtol=1e-9)
    assert posterior(UnitSum(), UnitSum().sample(2, generator(0, "posterior"))) is None
    assert posterior(task, None) is None


def test_the_posterior_of_blocks_is_by_bayes_rule_too() -> None:
    task = Blocks(4, 2, (0.5, 1.5))
    bags = task.sample(500, generator(0, "posterior"))
    x = bags.x.double().numpy()
    scales = [np.repeat(np.sqrt(pair), 2)[:, None] for pair in ((0.5, 1.5), (1.5, 0.5))]
    first, second = (norm.pdf(x, scale=scale).prod((1, 2)) for scale in scales)
    found = posterior(task, bags)
    assert found is not None
    np.testing.assert_allclose(found.numpy(), second / (first + second), rtol=1e-9)


def test_a_bayes_loss_has_no_digits_that_depend_on_how_it_is_integrated() -> None:
    loss = bayes_loss(GaussianVariance())
    assert loss is not None
    assert loss == round(loss, 9)


def test_the_order_of_the_classes_does_not_matter() -> None:
    assert bayes_loss(GaussianVariance(variances=(1.0, 0.8))) == bayes_loss(GaussianVariance(variances=(0.8, 1.0)))


def test_classes_that_are_told_apart_without_error_cost_nothing_and_others_are_not_known() -> None:
    assert bayes_loss(UnitSum()) == bayes_loss(Rotations()) == 0
    assert [bayes_loss(task) for task in (Maximum(), Blocks(), Rotations(negatives="shuffled"))] == [None] * 3
