"""A step of expectation maximisation against scikit-learn's, and what it does to likelihoods."""

import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

from permset.data.mixtures import GaussianMixtures
from permset.data.randomness import generator
from permset.data.targets import Components, log_likelihoods
from permset.evaluation.mixtures import em_step

TASK = GaussianMixtures(3, (60, 90))
TARGET = TASK.target


def test_a_step_is_scikit_learns() -> None:
    bags = TASK.sample(5, generator(0, "bags"))
    outputs = torch.randn(5, TARGET.outputs, generator=generator(1, "bags"))
    outputs.unflatten(-1, (3, 5))[..., 3:] += 1  # so wide that each component has a share of all objects
    before, after = TARGET.read(outputs.double()), TARGET.read(em_step(outputs, bags.y, TARGET))
    for i in range(5):
        log_weights, means, log_deviations = (value[i].numpy() for value in before)
        machine = GaussianMixture(
            3,
            covariance_type="diag",
            max_iter=1,
            reg_covar=0,
            weights_init=np.exp(log_weights) / np.exp(log_weights).sum(),
            means_init=means,
            precisions_init=np.exp(-2 * log_deviations),
        )
        with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):  # after the one step
            machine.fit(bags.alone(i)[0].double().numpy())
        np.testing.assert_allclose(after.log_weights[i].exp().numpy(), machine.weights_, rtol=1e-6)
        np.testing.assert_allclose(after.means[i].numpy(), machine.means_, rtol=1e-6)
        np.testing.assert_allclose((2 * after.log_deviations[i]).exp().numpy(), machine.covariances_, rtol=1e-5)


def test_no_bag_is_less_likely_after_a_step() -> None:
    bags = TASK.sample(50, generator(2, "bags"))
    outputs = 2 * torch.randn(50, TARGET.outputs, generator=generator(3, "bags"))
    likelihoods = []
    for _ in range(3):
        likelihoods.append(log_likelihoods(TARGET.read(outputs.double()), bags.y.double()))
        outputs = em_step(outputs, bags.y, TARGET)
    assert (likelihoods[1] > likelihoods[0]).all()
    assert (likelihoods[2] > likelihoods[1] - 1e-9).all()


def test_a_component_without_objects_keeps_its_mean() -> None:
    bags = TASK.sample(2, generator(4, "bags"))
    mixtures = TARGET.read(torch.randn(2, TARGET.outputs, generator=generator(5, "bags")).double())
    means = mixtures.means.clone()
    means[:, 0] = 1e6
    far = TARGET.write(Components(mixtures.log_weights, means, mixtures.log_deviations))
    after = TARGET.read(em_step(far, bags.y, TARGET))
    torch.testing.assert_close(after.means[:, 0], means[:, 0])
    assert all(torch.isfinite(value).all() for value in after)
    assert after.log_weights[:, 0].exp().max() < 1e-5
