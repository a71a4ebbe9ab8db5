"""Machines as networks against scikit-learn's own decision functions, and stacks of them against each alone."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from torch import Tensor

from permset.data.bags import Bags, Collection
from permset.data.randomness import generator
from permset.data.targets import Binary, Classes, Real, Target
from permset.networks.kernel_machine import KernelMachine
from permset.training.stack import predict, stack, unstack

CHANNELS, STATISTICS = 3, ("mean", "min", "max")
PAIRS = CHANNELS * (CHANNELS + 1) // 2
TARGETS = [Binary(), Classes(3), Real(2)]
KINDS = st.lists(st.sampled_from(STATISTICS), min_size=1, max_size=3, unique=True)


def draw(target: Target, sets: int, seed: int = 0) -> Bags:
    """Bags of 1 to 9 objects, in channels of different units, of which the first one's mean is to be told."""
    draws = generator(seed, "kernel")
    sizes = torch.randint(1, 10, (sets,), generator=draws)
    means = torch.randn(sets, CHANNELS, generator=draws)
    objects = means.repeat_interleave(sizes, 0) + torch.randn(int(sizes.sum()), CHANNELS, generator=draws)
    if isinstance(target, Real):
        y = means[:, : target.outputs]
    else:
        y = means[:, :1].argsort(0).argsort(0) * max(2, target.outputs) // sets
    return Collection(objects * torch.tensor([1.0, 100.0, 1e-3]) + 2, sizes, y.float()).bags(torch.arange(sets))


def loop(bags: Bags, statistics: Sequence[str]) -> np.ndarray:
    """Statistics of each bag alone, in float64."""
    functions = {"mean": np.mean, "min": np.min, "max": np.max}
    alone = [bags.alone(i)[0].double().numpy() for i in range(len(bags))]
    return np.array([np.concatenate([functions[name](bag, axis=0) for name in statistics]) for bag in alone])


@pytest.mark.parametrize("statistics", [["covariance"], ["max", "covariance"]])
def test_covariances_are_numpys_of_each_bag(statistics: list[str]) -> None:
    """Also of bags of one object, and where what lies in the padding is no number."""
    bags = draw(Binary(), 40)
    machine = KernelMachine(CHANNELS, statistics)  # type: ignore[arg-type]
    assert bags.mask is not None
    x = torch.where(bags.mask.unsqueeze(-1), bags.x, torch.nan)
    found = machine.statistics(x.double(), bags.mask)
    assert found.shape == (40, machine.support.shape[1])
    alone = [bags.alone(i)[0].double().numpy() for i in range(40)]
    pairs = np.triu_indices(CHANNELS)
    expected = np.array([np.cov(bag.T, bias=True)[pairs] for bag in alone])
    np.testing.assert_allclose(found[:, -PAIRS:].numpy(), expected, rtol=1e-9, atol=1e-12)
    if len(statistics) == 2:
        np.testing.assert_allclose(found[:, :-PAIRS].numpy(), [bag.max(0) for bag in alone])
    whole = torch.randn(5, 7, CHANNELS, dtype=torch.float64)
    of_whole = np.array([np.cov(bag.T.numpy(), bias=True)[pairs] for bag in whole])
    np.testing.assert_allclose(machine.statistics(whole, None)[:, -PAIRS:].numpy(), of_whole, rtol=1e-9)
    nothing = machine.statistics(x[:2].double(), torch.zeros_like(bags.mask[:2]))
    assert not nothing.any(), "of empty bags"


def test_a_machine_on_covariances_learns_what_means_do_not_say() -> None:
    draws = generator(3, "kernel")
    x = torch.randn(300, 50, 2, generator=draws)
    y = (torch.arange(300) % 2).float().unsqueeze(-1)
    x[:, :, 1] += (2 * y - 1) * x[:, :, 0]
    scores = {}
    for statistics in (("covariance",), ("mean",)):
        machine = fitted(Bags(x[:200], y[:200]), Binary(), statistics)
        scores[statistics[0]] = Binary().score(machine(x[200:]), y[200:]).item()
    assert scores["covariance"] == 1
    assert scores["mean"] < 0.9


def fitted(
    bags: Bags, target: Target, statistics: Sequence[str] = STATISTICS, size: int | None = None, penalty: float = 1.0
) -> KernelMachine:
    machine = KernelMachine(bags.x.shape[-1], list(statistics), target.outputs)  # type: ignore[arg-type]
    machine.fit(machine.statistics(bags.x, bags.mask), bags.y, target, penalty, size or len(bags))
    return machine


def scikit_learns(bags: Bags, target: Target, statistics: Sequence[str], penalty: float, other: Bags) -> np.ndarray:
    """What its pipelines decide on other bags: "scale" is its own width of the kernel."""
    x, of_other, y = loop(bags, statistics), loop(other, statistics), bags.y.double().numpy()
    columns = [y[:, 0] == k for k in range(target.outputs)] if isinstance(target, Classes) else list(y.T)
    outputs = []
    for column in columns:
        pipeline = make_pipeline(StandardScaler(), (SVR if isinstance(target, Real) else SVC)(C=penalty, gamma="scale"))
        pipeline.fit(x, column)
        outputs.append(pipeline.predict(of_other) if isinstance(target, Real) else pipeline.decision_function(of_other))
    return np.stack(outputs, 1)


@settings(max_examples=20)
@given(st.sampled_from(TARGETS), KINDS, st.sampled_from([0.1, 1.0, 30.0]), st.integers(0, 99))
def test_a_machine_decides_as_scikit_learns(target: Target, statistics: list[str], penalty: float, seed: int) -> None:
    """On bags of training and on others; scikit-learn's solver is exact to its tolerance of 1e-3."""
    bags, unseen = draw(target, 40, seed), draw(target, 20, seed + 100)
    machine = fitted(bags, target, statistics, penalty=penalty)
    for some in (bags, unseen):
        expected = scikit_learns(bags, target, statistics, penalty, some)
        with torch.no_grad():
            outputs = machine(some.x, some.mask)
        assert outputs.shape == (len(some), target.outputs)
        np.testing.assert_allclose(outputs.numpy(), expected, atol=0.01)


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: type(t).__name__)
def test_a_machine_learns_and_depends_on_the_penalty(target: Target) -> None:
    """The control: what is compared above is not the same for everything."""
    bags, unseen = draw(target, 60), draw(target, 200, 1)
    soft, hard = (fitted(bags, target, penalty=penalty)(unseen.x, unseen.mask).detach() for penalty in (0.01, 1.0))
    assert (soft - hard).abs().max() > 0.1
    guess = target.score(torch.zeros_like(hard), unseen.y).item()
    score = target.score(hard, unseen.y).item()
    assert score < 0.8 * guess if isinstance(target, Real) else score > guess + 0.2


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: type(t).__name__)
def test_supports_may_be_filled_up(target: Target) -> None:
    bags, unseen = draw(target, 30), draw(target, 20, 1)
    exact, wide = fitted(bags, target), fitted(bags, target, size=47)
    assert wide.support.shape == (47, 9)
    assert wide.weight.shape == (target.outputs, 47)
    assert exact.support.shape == (30, 9)
    torch.testing.assert_close(wide(unseen.x, unseen.mask), exact(unseen.x, unseen.mask), rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        wide.weight[:, -1] = 1
    assert (wide(unseen.x, unseen.mask) - exact(unseen.x, unseen.mask)).abs().max() > 0.01, "the control: a support"


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: type(t).__name__)
def test_a_stack_of_machines_is_each_of_them(target: Target) -> None:
    """Of different bags in different numbers, filled up to the same."""
    machines = [fitted(draw(target, sets, sets), target, size=40) for sets in (25, 40, 31)]
    unseen = draw(target, 17, 1)
    weights, own = stack(machines)
    state = {**weights, **own}
    assert set(own) == {"support", "mean", "deviation", "gamma"}
    fresh = KernelMachine(CHANNELS, STATISTICS, target.outputs)
    outputs = predict(fresh, state, unseen.x, unseen.mask)
    for i, machine in enumerate(machines):
        expected = machine(unseen.x, unseen.mask)
        torch.testing.assert_close(outputs[i], expected, rtol=1e-5, atol=1e-5)
        single = unstack(fresh, state, i)
        assert torch.equal(single(unseen.x, unseen.mask), expected)
        assert list(single.state_dict()) == list(machine.state_dict())
        assert all(torch.equal(single.state_dict()[key], value) for key, value in machine.state_dict().items())
    assert (outputs[0] - outputs[1]).abs().max() > 0.01, "the control: machines differ"
    swapped = predict(fresh, {**state, "mean": state["mean"].roll(1, 0)}, unseen.x, unseen.mask)
    assert (swapped - outputs).abs().max() > 0.01, "the control: every seed has buffers of its own"


def fit(statistics: Tensor, labels: list[float]) -> KernelMachine:
    machine = KernelMachine(statistics.shape[1], ["max"])
    machine.fit(statistics, torch.tensor(labels).unsqueeze(-1), Binary(), 1.0, len(statistics))
    return machine


def test_a_balanced_machine_decides_as_scikit_learns_with_weights_of_the_classes() -> None:
    """One class has a quarter of the bags."""
    bags, unseen = draw(Classes(4), 60), draw(Classes(4), 30, 1)
    bags.y[:] = bags.y == 0
    machine = KernelMachine(CHANNELS, STATISTICS)
    statistics = machine.statistics(bags.x, bags.mask)
    outputs = []
    for weights in ("balanced", None):
        machine.fit(statistics, bags.y, Binary(), 1.0, len(bags), balanced=weights == "balanced")
        outputs.append(machine(unseen.x, unseen.mask).detach().numpy()[:, 0])
        pipeline = make_pipeline(StandardScaler(), SVC(C=1.0, gamma="scale", class_weight=weights))
        pipeline.fit(loop(bags, STATISTICS), bags.y[:, 0].numpy())
        np.testing.assert_allclose(outputs[-1], pipeline.decision_function(loop(unseen, STATISTICS)), atol=0.01)
    assert outputs[0].mean() > outputs[1].mean() + 0.1, "more bags are said to be of the rare class"


def test_a_constant_statistic_does_not_count() -> None:
    statistics, labels = torch.randn(20, 2, generator=generator(0, "constant")), [0.0, 1.0] * 10
    statistics[:, 1] = 2
    machine = fit(statistics, labels)
    assert machine.deviation[1] == 1
    x = statistics.unsqueeze(1)
    assert torch.isfinite(machine(x)).all()
    moved = x + torch.tensor([0.0, 1e-3])
    torch.testing.assert_close(machine(moved), machine(x), rtol=1e-3, atol=1e-3)


def test_a_constant_statistic_does_not_count_where_its_mean_is_rounded() -> None:
    """Means of 0.1 over bags of different sizes."""
    x, sizes = torch.randn(40, 7, 2, generator=generator(0, "constant")), torch.arange(40) % 7 + 1
    x[..., 1] = 0.1
    bags = Bags(x, (torch.arange(40) % 2).float().unsqueeze(-1), torch.arange(7) < sizes.unsqueeze(-1))
    assert fitted(bags, Binary(), ["mean"]).deviation[1] > 1e-3


def test_bags_that_are_all_alike_can_be_fitted() -> None:
    machine = fit(torch.ones(6, 1), [0.0, 1.0] * 3)
    assert torch.isfinite(machine(torch.ones(4, 3, 1))).all()


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_where_training_has_one_class_alone_it_is_the_answer(label: float) -> None:
    """Roles that hold what they promise may leave a class of as many bags as folds without one."""
    machine = fit(torch.randn(6, 1, generator=generator(0, "one class")), [label] * 6)
    assert ((machine(torch.randn(4, 3, 1)) > 0) == (label > 0)).all()


def test_a_machine_takes_a_bag_alone_and_any_leading_axes() -> None:
    bags = draw(Real(2), 12)
    machine = fitted(bags, Real(2))
    expected = machine(bags.x, bags.mask)
    torch.testing.assert_close(machine(bags.x[3], bags.mask[3]), expected[3])  # type: ignore[index]
    several = (values.unflatten(0, (2, 3, 2)) for values in (bags.x, bags.mask))  # type: ignore[union-attr]
    torch.testing.assert_close(machine(*several), expected.unflatten(0, (2, 3, 2)))
