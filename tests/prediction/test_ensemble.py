"""All networks of a run at once: what they say of a bag follows from the bag alone, to the last bit."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from networks_of_runs import LARGEST, MODELS, ensemble, of_bags, portion

from permset.data.targets import BINARY, Binary, Classes, Real, Target
from permset.prediction.ensemble import Ensemble, Readings, padded_size
from permset.training.stack import State, predict


@pytest.mark.parametrize("name", MODELS)
def test_a_prediction_follows_from_the_bag_alone_to_the_last_bit(name: str) -> None:
    """Whatever bags are beside it, and how many."""
    sizes = [int(size) for size in np.random.default_rng(1).integers(0, LARGEST + 1, 450)]
    every, whole = portion(sizes), ensemble(name, Classes(3))
    outputs = whole.outputs(every)
    assert outputs.shape == (3, 450, 3)
    assert outputs.isfinite().all()
    assert len(outputs[0].unique(dim=0)) > 300
    bags = np.split(every.objects, np.cumsum(sizes)[:-1])
    assert torch.equal(whole.outputs(of_bags(bags[::-1])).flip(1), outputs)
    for some in (slice(0, 1), slice(7, 8), slice(100, 317)):
        assert torch.equal(whole.outputs(every[some]), outputs[:, some])


def test_the_shape_in_which_a_bag_is_taken_follows_from_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    shapes = []

    def spy(network: torch.nn.Module, state: State, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        shapes.append(tuple(x.shape[:2]))
        return predict(network, state, x, mask)

    monkeypatch.setattr("permset.prediction.ensemble.predict", spy)
    ensemble("pooled", BINARY).outputs(portion([17, 9, 2, 9, 0, 3000]))
    assert sorted(shapes) == [(1, 3072), (100, 20), (200, 1), (200, 2), (200, 10)]


def test_each_network_is_read_at_its_own_temperature() -> None:
    whole, bags = ensemble("pooled", Classes(3)), portion([4, 0, 9])
    temperatures = torch.tensor([0.5, 1.0, 4.0], dtype=torch.float64)
    mean, spread = replace(whole, temperatures=temperatures).readings(bags)
    logits = [outputs.double() / by for outputs, by in zip(whole.outputs(bags), [0.5, 1.0, 4.0], strict=True)]
    expected = torch.stack([of_one.softmax(-1) for of_one in logits]).numpy()
    np.testing.assert_allclose(mean, expected.mean(0))
    np.testing.assert_allclose(spread, expected.std(0, ddof=1))
    assert np.abs(mean - whole.readings(bags).mean).max() > 0.01, "the control"


def test_outputs_are_those_of_each_network_by_itself() -> None:
    whole, bags = ensemble("pooled", BINARY), portion([4, 0, 9])
    for i, outputs in enumerate(whole.outputs(bags)):
        one = Ensemble(whole.network, {name: value[i : i + 1] for name, value in whole.state.items()}, BINARY)
        torch.testing.assert_close(one.outputs(bags)[0], outputs)
        alone = torch.from_numpy(bags.objects[4:13])
        expected = torch.func.functional_call(
            whole.network.eval(), {k: v[0] for k, v in one.state.items()}, alone[None]
        )
        torch.testing.assert_close(outputs[2:], expected)


def test_a_bag_of_many_objects_is_taken_with_few_others() -> None:
    """So that memory is bounded; and it is not cut off."""
    sizes = [2, 30_000, 1, 3000]
    bags, whole = portion(sizes), ensemble("pooled", BINARY)
    outputs = whole.outputs(bags)
    for i in range(4):
        torch.testing.assert_close(whole.outputs(bags[i : i + 1]), outputs[:, i : i + 1], rtol=0, atol=0)
    assert outputs[:, 1].std() > 0


@pytest.mark.parametrize("size", [*range(70), 1000, 99_999])
def test_padding_is_at_most_a_quarter(size: int) -> None:
    padded = padded_size(size)
    assert max(size, 1) <= padded <= max(1, 1.25 * size)
    assert padded_size(padded) == padded


@pytest.mark.parametrize("target", [Binary(("no", "yes")), Classes(3), Real(2)])
def test_the_mean_and_the_spread_are_over_the_networks(target: Target) -> None:
    whole, bags = ensemble("pooled", target), portion([4, 0, 9])
    outputs = whole.outputs(bags).double()
    if isinstance(target, Binary):
        yes = 1 / (1 + np.exp(-outputs[..., 0].numpy()))
        values = np.stack([1 - yes, yes], -1)
    elif isinstance(target, Classes):
        values = outputs.softmax(-1).numpy()
    else:
        values = outputs.numpy()
    readings = whole.readings(bags)
    np.testing.assert_allclose(readings.mean, values.mean(0))
    np.testing.assert_allclose(readings.spread, np.sqrt(values.var(0) * 3 / 2))
    if not isinstance(target, Real):
        np.testing.assert_allclose(readings.mean.sum(1), 1)
    assert np.isnan(ensemble("pooled", target, networks=1).readings(bags).spread).all(), "one network has no spread"


def test_one_logit_is_read_as_two_classes_would_be_to_the_last_bit() -> None:
    logit = torch.tensor([0.0, 1.0, -1.0, 1e-7, -30.0, 30.0, 800.0, -800.0, 3e38]).view(1, -1, 1)
    found = ensemble("pooled", BINARY).meant(logit)
    np.testing.assert_array_equal(found, ensemble("pooled", Classes(2)).meant(torch.cat([0 * logit, logit], -1)))
    assert found[0, [5, 6, 7], 1] == pytest.approx([1, 1, 0], abs=1e-12)


def test_the_mean_can_be_scored_like_the_outputs_of_one_network() -> None:
    mean = np.array([[0.25, 0.75], [1.0, 0.0], [0.0, 1.0]])
    outputs = ensemble("pooled", BINARY).as_outputs(Readings(mean, mean))
    assert outputs.shape == (3, 1)
    assert outputs[0].item() == pytest.approx(math.log(3))
    assert outputs.isfinite().all()
    assert torch.sigmoid(outputs)[1:, 0].tolist() == pytest.approx([0, 1])
    three = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    outputs = ensemble("pooled", Classes(3)).as_outputs(Readings(three, three))
    np.testing.assert_allclose(outputs.softmax(1), three, atol=1e-12)
    assert ensemble("pooled", Real(2)).as_outputs(Readings(mean, mean)).tolist() == mean.tolist()
