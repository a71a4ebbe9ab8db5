"""Machines of all seeds against one fitted for each alone."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from permset.data.bags import Bags, Collection
from permset.data.batches import Split
from permset.data.drawn import Fixed
from permset.data.population import Population
from permset.data.splits import TEST, TRAINING, VALIDATION
from permset.data.targets import Binary, Real, Target
from permset.networks.kernel_machine import KernelMachine
from permset.networks.standardization import Standardized
from permset.training.stack import predict
from permset.training.svm import fit_machines


def split_of(rows: int, target: Target) -> Split:
    """Sixty bags of 1 to 4 objects; each row leaves others out, and the second one fewer."""
    draws = torch.Generator().manual_seed(0)
    sizes = torch.arange(60) % 4 + 1
    objects = 5 * torch.randn(int(sizes.sum()), 2, generator=draws) + 3
    starts = sizes.cumsum(0) - sizes
    y = 100 * objects[starts, :1] if isinstance(target, Real) else (objects[starts, :1] > 3).float()
    roles = torch.full((rows, 60), TRAINING)
    for row in range(rows):
        roles[row, row * 20 : row * 20 + 20 - 5 * row] = TEST
        roles[row, 50:] = VALIDATION
    return Split(Collection(objects, sizes, y), roles, real=isinstance(target, Real))


def alone(build: Any, split: Split, row: int, target: Target, standardize: bool) -> Any:
    """A machine fitted to the bags of training, all at once."""
    network, bags = build(), split.collection.bags(split.bags_of(row, TRAINING))
    x, y, machine = bags.x, bags.y, network
    if standardize:
        network.fit_scales(x[bags.mask], y if isinstance(target, Real) else None)
        machine = network.network
        x = (x - network.mean) / network.deviation
        y = (y - network.target_mean) / network.target_deviation
    machine.fit(machine.statistics(x, bags.mask), y, target, 2.0, len(bags))
    return network


@pytest.mark.parametrize("standardize", [False, True], ids=["as given", "standardised"])
@pytest.mark.parametrize("target", [Binary(), Real(1)], ids=["classes", "real"])
@pytest.mark.parametrize("rows", [1, 2])
def test_a_machine_is_that_of_its_seeds_own_bags(rows: int, target: Target, standardize: bool) -> None:
    split = split_of(rows, target)
    build = partial(KernelMachine, 2, ["mean", "max"])
    if standardize:
        machine = build
        build = lambda: Standardized(machine(), 2, 1)  # type: ignore[assignment]  # noqa: E731
    trained = fit_machines(build, split, target, 2.0, 3, 0, None)
    assert trained.history.shape == (0, 3)
    assert trained.measured.tolist() == [0]
    assert trained.curves.shape == (1, 4, 3)
    everything = split.collection.bags(torch.arange(60))
    outputs = predict(build(), trained.state, everything.x, everything.mask)
    for seed in range(3):
        network = alone(build, split, seed % rows, target, standardize)
        expected = network(everything.x, everything.mask)
        torch.testing.assert_close(outputs[seed], expected, rtol=1e-4, atol=1e-3)
        scores = []
        for role in (TRAINING, VALIDATION):
            bags: Bags = everything[split.bags_of(seed, role)]
            found = network(bags.x, bags.mask).detach()
            scores += [float(target.loss(found, bags.y)), float(target.score(found, bags.y))]
        np.testing.assert_allclose(trained.curves[0, :, seed], scores, rtol=1e-3)
    assert (rows == 1) == bool(torch.equal(outputs[0], outputs[1]))


def test_machines_are_balanced_where_their_split_is() -> None:
    split = split_of(1, Binary())
    states = [
        fit_machines(partial(KernelMachine, 2, ["mean"]), replace(split, balanced=balanced), Binary(), 2.0, 1, 0, None)
        for balanced in (False, True)
    ]
    assert not torch.equal(states[0].state["weight"], states[1].state["weight"])


def test_of_drawn_bags_each_seed_has_a_sample_of_its_own() -> None:
    """More bags than are evaluated at a time; what is measured is the sample, and bags that are drawn apart from it."""
    task = Population("rotation", (3, 6))
    data = task.training(250)
    assert isinstance(data, Fixed)
    build = lambda: Standardized(KernelMachine(2, ["covariance"]), 2, 1)  # noqa: E731
    trained = fit_machines(build, data, task.target, 2.0, 2, 30, None)
    assert trained.state["network.support"].shape == (2, 250, 3)
    for seed in range(2):
        sample = data.drawn(seed, torch.device("cpu"))
        [unseen] = data.validation(seed, 30, torch.device("cpu"))
        assert len(unseen) == 30
        scores = []
        for bags in (sample, unseen):
            outputs = predict(build(), {key: value[[seed]] for key, value in trained.state.items()}, bags.x, bags.mask)
            scores += [task.target.loss(outputs[0], bags.y).item(), task.target.score(outputs[0], bags.y).item()]
        np.testing.assert_allclose(trained.curves[0, :, seed], scores, rtol=1e-5)
        assert scores[0] < 0.8 * float(sample.y.var()), "the control: it learnt something"
        assert sample.mask is not None
        torch.testing.assert_close(trained.state["mean"][seed], sample.x[sample.mask].mean(0))
