"""A fitted network is the network on standardised bags, in the units of the targets, whatever the units are."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from permset.data.randomness import generator
from permset.networks.networks import DeepSet
from permset.networks.standardization import Standardized
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import PermutationAugmentation
from permset.training.blocks import initialise
from permset.training.stack import predict, stack, unstack

CHANNELS, OUTPUTS = 3, 2
EPS = float(torch.finfo(torch.float32).eps)
UNITS = st.lists(
    st.tuples(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6)), min_size=CHANNELS, max_size=CHANNELS
).map(lambda units: torch.tensor(units, dtype=torch.float64).T)  # fmt: skip


def randn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed, "standardization"), dtype=torch.float64)


def build() -> Standardized:
    return Standardized(DeepSet(CHANNELS, [8], [5], pooling="mean", outputs=OUTPUTS), CHANNELS, OUTPUTS)


def fitted(objects: Tensor, targets: Tensor | None = None, seed: int = 0) -> Standardized:
    network = initialise(build, seed)
    assert isinstance(network, Standardized)
    network.fit_scales(objects.float(), None if targets is None else targets.float())
    return network


def by_hand(values: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of the float32 numbers that a network is given."""
    given = values.float().double().numpy()
    return given.mean(0).astype(np.float32), given.std(0).astype(np.float32)


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_a_fitted_network_is_the_network_on_standardised_bags(real: bool, masked: bool) -> None:
    objects = randn(500, CHANNELS) * torch.tensor([1.0, 30.0, 1e-3]) + torch.tensor([0.0, 400.0, -2.0])
    targets = randn(40, OUTPUTS, seed=1) * torch.tensor([5.0, 1e3]) + 70
    network = fitted(objects, targets if real else None).double()
    x = objects[:60].view(12, 5, CHANNELS)
    mask = torch.arange(5) < torch.arange(12).remainder(6).unsqueeze(-1) if masked else None
    (mean, deviation), (target_mean, target_deviation) = by_hand(objects), by_hand(targets)
    outputs = network.network((x - torch.as_tensor(mean)) / torch.as_tensor(deviation), mask).detach().numpy()
    expected = outputs * target_deviation + target_mean if real else outputs
    np.testing.assert_allclose(network(x, mask).detach().numpy(), expected, rtol=1e-4)
    assert np.abs(network.network(x, mask).detach().numpy() - expected).max() > 0.1, "the control: units matter"


def test_a_network_that_was_not_fitted_is_the_network() -> None:
    network, x = build(), randn(7, 5, CHANNELS).float()
    assert torch.equal(network(x), network.network(x))
    assert sum(p.numel() for p in network.parameters()) == sum(p.numel() for p in network.network.parameters())
    assert set(network.state_dict()) - {f"network.{key}" for key in network.network.state_dict()} == {
        "mean", "deviation", "target_mean", "target_deviation"
    }  # fmt: skip


@settings(max_examples=60)
@given(UNITS, st.integers(0, 99))
def test_outputs_do_not_depend_on_the_units_of_channels_and_have_those_of_targets(units: Tensor, seed: int) -> None:
    """To the digits that numbers of float32 have left once the offset is taken off."""
    offset, scale = units
    lost = (EPS * (offset.abs() / scale).max()).item()
    assume(lost < 1e-3)
    objects, targets = randn(300, CHANNELS, seed=seed), randn(30, OUTPUTS, seed=seed + 100)
    plain = fitted(objects, targets)
    moved = fitted(objects * scale + offset, targets * scale[:OUTPUTS] + offset[:OUTPUTS])
    x = objects[:60].view(12, 5, CHANNELS)
    expected = plain(x.float()).double() * scale[:OUTPUTS] + offset[:OUTPUTS]
    away = (moved((x * scale + offset).float()).double() - expected) / scale[:OUTPUTS]
    assert away.abs().max() < 100 * lost + 1e-4


@settings(max_examples=100)
@given(UNITS, st.integers(0, 99), st.sampled_from([20, 3000]))
def test_standardised_channels_have_mean_zero_and_deviation_one(units: Tensor, seed: int, count: int) -> None:
    offset, scale = units
    assume((EPS * offset.abs() < 0.05 * scale).all())
    objects = (randn(count, CHANNELS, seed=seed) * scale + offset).float()
    network = fitted(objects)
    seen = ((objects - network.mean) / network.deviation).double()
    # Rounding of the mean to float32 is what moves it.
    moved = (EPS * offset.abs() / scale).max().item()
    assert seen.mean(0).abs().max() <= 2 * moved + 1e-5
    np.testing.assert_allclose(seen.std(0, correction=0), 1, rtol=1e-4)


def test_a_large_offset_leaves_the_deviation_its_digits() -> None:
    """Of numbers around 1e6 float32 has steps of 1/16, in which sums of squares have none of the deviation left."""
    objects = (randn(20_000, CHANNELS) + 1e6).float()
    mean, deviation = by_hand(objects)
    network = fitted(objects)
    np.testing.assert_allclose(network.mean, mean, rtol=EPS)
    np.testing.assert_allclose(network.deviation, deviation, rtol=1e-6)
    naive = objects.square().mean(0) - objects.mean(0).square()
    assert (naive - 1).abs().max() > 10, "the control"


@settings(max_examples=60)
@given(st.floats(-(2.0**99), 2.0**99, width=32), st.integers(1, 300))
def test_what_is_constant_keeps_its_unit(value: float, count: int) -> None:
    """Nothing is divided by rounding: the channel becomes zero, and a bag that differs is as far off as it is."""
    objects, targets = randn(count, CHANNELS), randn(count, OUTPUTS)
    objects[:, 1], targets[:, 1] = value, value
    network = fitted(objects, targets)
    constant = torch.tensor(value, dtype=torch.float32)
    assert (network.mean[1], network.deviation[1]) == (constant, 1)
    assert (network.target_mean[1], network.target_deviation[1]) == (constant, 1)
    assert count == 1 or (network.deviation[[0, 2]] != 1).all()
    assert torch.isfinite(network(objects[:1].unsqueeze(0).float())).all()


def test_rounding_of_a_constant_is_no_spread() -> None:
    """Some numbers are the next ones of float32; four steps between them are a spread."""
    objects = torch.full((100, CHANNELS), 0.1)
    for _ in range(4):
        objects[::2, 0] = torch.nextafter(objects[::2, 0], torch.tensor(1.0))
    objects[::2, 1] = torch.nextafter(objects[::2, 1], torch.tensor(1.0))
    spread, *constant = fitted(objects).deviation
    assert constant == [1, 1]
    assert 0 < spread < 1e-6


def test_classes_have_no_units() -> None:
    network = fitted(randn(50, CHANNELS) + 9)
    assert network.target_mean.tolist() == [0] * OUTPUTS
    assert network.target_deviation.tolist() == [1] * OUTPUTS


def test_every_seed_of_a_stack_keeps_its_own_units() -> None:
    """Through stack, predict and unstack, into a network that was not fitted."""
    networks: list[nn.Module] = [
        fitted(randn(50, CHANNELS, seed=i) * 10**i + i, randn(20, OUTPUTS, seed=i) * 3**i - i, seed=i) for i in range(3)
    ]
    weights, own = stack(networks)
    assert set(own) == {"mean", "deviation", "target_mean", "target_deviation"}
    assert not set(weights) & set(own)
    assert own["deviation"].shape == (3, CHANNELS)
    state, x = {**weights, **own}, randn(450, 5, CHANNELS) * 20
    mask = torch.arange(5) < torch.arange(450).remainder(6).unsqueeze(-1)
    outputs = predict(build(), state, x, mask)
    for i, network in enumerate(networks):
        single = unstack(build(), state, i)
        expected = network.double()(x, mask)
        torch.testing.assert_close(outputs[i], expected)
        torch.testing.assert_close(single.double()(x, mask), expected)
        assert all(torch.equal(single.state_dict()[key], value) for key, value in network.state_dict().items())
    without = predict(build(), weights, x, mask)
    assert all((without[i] - outputs[i]).abs().max() > 0.1 for i in range(3)), "the control: units not taken along"


def test_what_the_network_draws_and_claims_is_what_the_wrapped_one_does() -> None:
    network = build()
    assert network.claimed_group(5) == network.network.claimed_group(5)
    assert network.draw(3, generator(0, "draws")) is None
    augmented = Standardized(PermutationAugmentation(network, PermutationGroup.cyclic(5)), 1, 1)
    assert augmented.draw(3, generator(0, "draws")).shape == (3, 1, 5)  # type: ignore[union-attr]
