"""Samples of normal distributions: their covariances, the closed forms of the targets, and the unbiased estimate."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from permset.config.kinds import PopulationStatistic
from permset.config.tasks import PopulationParams
from permset.data.bags import Bags
from permset.data.population import PARTS, Population
from permset.data.randomness import generator
from permset.data.targets import Real
from permset.data.tasks import build_task

STATISTICS = list(PARTS)
LARGE = 200_000
NOISE = {"rotation": 0.01, "correlation": 0.06, "rank_one": 0.01, "random": 0.15}
"""four deviations of what a bag so large says of its target"""


def drawn(statistic: PopulationStatistic, bags: int, size: int = LARGE, seed: int = 0) -> Bags:
    return Population(statistic, (size, size)).sample(bags, generator(seed, "bags"))


def covariances(bags: Bags) -> Tensor:
    x = bags.x.double()
    return x.mT @ x / x.shape[1]


def information(covariance: Tensor, parts: list[int]) -> float:
    """Between parts of the channels, by its definition: the entropies of the parts less that of the whole."""
    ends = np.cumsum([0, *parts])
    inner = sum(torch.logdet(covariance[i:j, i:j]) for i, j in pairwise(ends))
    return float(inner - torch.logdet(covariance)) / 2


@pytest.mark.parametrize("statistic", STATISTICS)
def test_targets_are_what_the_covariance_of_a_large_bag_says(statistic: PopulationStatistic) -> None:
    bags = drawn(statistic, 6)
    assert bags.x.shape == (6, LARGE, {"rotation": 2}.get(statistic, 32))
    for covariance, y in zip(covariances(bags), bags.y[:, 0].tolist(), strict=True):
        if statistic == "rotation":
            expected = math.log(2 * math.pi * math.e * float(covariance[0, 0])) / 2
        else:
            expected = information(covariance, PARTS[statistic])
        assert y == pytest.approx(expected, abs=NOISE[statistic])


def test_a_rotation_turns_one_covariance() -> None:
    of_bags = covariances(drawn("rotation", 8))
    values = torch.linalg.eigvalsh(of_bags)
    torch.testing.assert_close(values, values[:1].expand_as(values), rtol=0.02, atol=0)
    assert values[0, 1] > 1.5 * values[0, 0]
    assert of_bags[:, 0, 0].std() > 0.1


def test_correlated_halves_share_one_covariance() -> None:
    of_bags = covariances(drawn("correlation", 4))
    first, cross = of_bags[:, :16, :16], of_bags[:, :16, 16:]
    torch.testing.assert_close(first, first[:1].expand_as(first), rtol=0, atol=0.05)
    torch.testing.assert_close(of_bags[:, 16:, 16:], first, rtol=0, atol=0.05)
    alpha = (cross * first).sum((1, 2)) / first.square().sum((1, 2))
    torch.testing.assert_close(cross, alpha[:, None, None] * first, rtol=0, atol=0.05)
    y = drawn("correlation", 4, size=2).y[:, 0].double()
    torch.testing.assert_close(-8 * torch.log(1 - alpha.square()), y, rtol=0.05, atol=0.01)


def test_a_rank_one_covariance_has_one_direction() -> None:
    excess = covariances(drawn("rank_one", 4)) - torch.eye(32)
    values, vectors = torch.linalg.eigh(excess)
    assert values[:, :-1].abs().max() < 0.06
    assert (values[:, -1] < 1.02).all()
    directions = vectors[..., -1] * vectors[..., -1].sum(1, keepdim=True).sign()
    large = values[:, -1] > 0.3
    assert large.sum() >= 2
    torch.testing.assert_close(directions[large], directions[large][:1].expand(int(large.sum()), -1), rtol=0, atol=0.1)
    assert (directions[large] > -0.05).all()


def test_random_covariances_differ_and_have_variances_of_about_one() -> None:
    of_bags = covariances(drawn("random", 4, size=20_000))
    assert of_bags.diagonal(dim1=1, dim2=2).mean() == pytest.approx(1, abs=0.1)
    assert (of_bags[0] - of_bags[1]).abs().max() > 0.1


@pytest.mark.parametrize("statistic", STATISTICS)
def test_bags_have_all_sizes_and_zeros_in_the_padding(statistic: PopulationStatistic) -> None:
    bags = Population(statistic, (3, 5)).sample(300, generator(1, "bags"))
    assert bags.mask is not None
    assert set(bags.mask.sum(1).tolist()) == {3, 4, 5}
    assert not bags.x[~bags.mask].any()
    assert bags.x[bags.mask].abs().min() > 0
    assert bags.x[290:].std() > 0.5, "also those of the last draw"


@pytest.mark.parametrize("statistic", STATISTICS)
def test_what_bags_have_in_common_has_a_seed_of_its_own(statistic: PopulationStatistic) -> None:
    one, same, other = (
        Population(statistic, (4, 4), family_seed=seed).sample(10, generator(1, "bags")) for seed in (0, 0, 1)
    )
    assert torch.equal(one.x, same.x)
    assert torch.equal(one.x, other.x) == (statistic == "random"), "where there is nothing in common"


@pytest.mark.parametrize("statistic", STATISTICS)
def test_the_estimate_is_unbiased_and_plain_plugging_in_is_not(statistic: PopulationStatistic) -> None:
    task = Population(statistic, (60, 90))
    bags = task.sample(4000, generator(2, "bags"))
    errors = task.estimate(bags).numpy() - bags.y[:, 0].double().numpy()
    assert abs(errors.mean()) < 4 * errors.std() / math.sqrt(len(errors))
    assert bags.mask is not None
    sizes = bags.mask.sum(1, keepdim=True).unsqueeze(-1)
    x = (bags.x.double() - bags.x.double().sum(1, keepdim=True) / sizes) * bags.mask.unsqueeze(-1)
    of_bags = x.mT @ x / sizes
    if statistic == "rotation":
        plugged = (math.log(2 * math.pi * math.e) + of_bags[:, 0, 0].log()).numpy() / 2
    else:
        plugged = np.array([information(covariance, PARTS[statistic]) for covariance in of_bags])
    biased = plugged - bags.y[:, 0].double().numpy()
    assert abs(biased.mean()) > 4 * biased.std() / math.sqrt(len(biased))


def test_the_estimate_of_an_entropy_has_the_variance_that_theory_says() -> None:
    """Half the logarithm of a chi-squared number with k degrees of freedom has the variance ψ′(k/2)/4."""
    task = Population("rotation", (50, 50))
    bags = task.sample(8000, generator(3, "bags"))
    assert bags.mask is not None
    errors = task.estimate(Bags(bags.x, bags.y)) - bags.y[:, 0].double()
    assert torch.equal(task.estimate(bags), task.estimate(Bags(bags.x, bags.y))), "without a mask"
    expected = float(torch.polygamma(1, torch.tensor(49 / 2))) / 4
    assert float(errors.var()) == pytest.approx(expected, rel=0.05)


def test_networks_take_units_from_the_bags_of_training() -> None:
    task = Population("correlation", (4, 6))
    assert task.target == Real(1, "squared", ("mutual information",))
    assert Population("rotation").target.names == ("entropy",)
    fixed = task.training(20)
    training = fixed.training(3)
    assert training is not None
    sample = fixed.drawn(3, torch.device("cpu"))  # type: ignore[union-attr]
    assert sample.mask is not None
    assert torch.equal(training.objects, sample.x[sample.mask])
    assert training.targets is not None
    assert torch.equal(training.targets, sample.y)
    fresh = task.training(None).training(3)
    assert fresh is not None
    assert len(fresh.targets) == 1000  # type: ignore[arg-type]


def test_it_is_built_of_its_parameters() -> None:
    params = PopulationParams(
        kind="population", statistic="rank_one", set_sizes=[7, 9], family_seed=4, test_sets=12, test_seed=5
    )
    assert build_task(params) == Population("rank_one", (7, 9), 4, test_sets=12, test_seed=5)
    assert params.set_size == build_task(params).set_size == 9
    assert build_task(params).bayes_accuracy is None
