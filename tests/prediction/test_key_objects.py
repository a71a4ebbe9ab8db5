"""Effects are those of leaving each object out; planted key objects have the largest, and without them bags change."""

from functools import cache

import numpy as np
import pytest
import torch
from networks_of_runs import CHANNELS, LARGEST, MODELS, ensemble, of_bags, portion

from permset.data.targets import BINARY, Binary, Classes, Real, Target
from permset.estimators import BagClassifier
from permset.networks.leave_one_out import WithoutEach
from permset.prediction import key_objects
from permset.prediction.ensemble import Ensemble
from permset.prediction.key_objects import bags_without_each, effects, outputs
from permset.reading.portions import Portion

SIZES = [4, 0, 1, LARGEST, 2, 9]


def bags_of(portion: Portion) -> list[np.ndarray]:
    return np.split(portion.objects, np.cumsum(portion.sizes)[:-1])


def by_hand(portion: Portion) -> list[np.ndarray]:
    return [np.delete(bag, i, axis=0) for bag in bags_of(portion) for i in range(len(bag))]


@pytest.mark.parametrize("numbers", [1, 17, 10**6])
def test_each_object_is_left_out_once_in_portions_of_any_size(numbers: int) -> None:
    whole = portion(SIZES)
    parts = list(bags_without_each(whole, numbers))
    assert (len(parts) > 20) == (numbers < 20)
    assert all(part.objects.size < numbers + LARGEST * CHANNELS for part in parts)
    found = [bag for part in parts for bag in bags_of(part)]
    for bag, expected in zip(found, by_hand(whole), strict=True):
        np.testing.assert_array_equal(bag, expected)
    assert [name for part in parts for name in part.names] == np.repeat(whole.names, SIZES).tolist()


@pytest.mark.parametrize("name", MODELS)
def test_of_every_network_they_are_those_of_its_smaller_bags(name: str) -> None:
    """Predicted one by one."""
    whole, bags = ensemble(name, Classes(3)), portion(SIZES)
    found = outputs(whole, bags).without_each
    for i, bag in enumerate(by_hand(bags)):
        torch.testing.assert_close(found[:, i : i + 1], whole.outputs(of_bags([bag])), rtol=1e-4, atol=1e-6)


def test_a_network_that_pools_sees_each_object_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, bags = ensemble("pooled", BINARY), portion(SIZES)
    plain = whole.outputs(bags), torch.cat([whole.outputs(some) for some in bags_without_each(bags)], 1)
    monkeypatch.setattr(key_objects, "bags_without_each", None)
    torch.testing.assert_close(tuple(outputs(whole, bags)), plain, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("target", [BINARY, Classes(3)])
@pytest.mark.parametrize("name", ["pooled", "attention", "sorted"])
def test_an_effect_follows_from_the_bag_alone_to_the_last_bit(name: str, target: Target) -> None:
    sizes = [int(size) for size in np.random.default_rng(1).integers(0, LARGEST + 1, 60)]
    every, whole = portion(sizes), ensemble(name, target)
    mean, spread, attention = effects(whole, every)
    for some in (slice(0, 1), slice(7, 8), slice(20, 50)):
        rows = slice(sum(sizes[: some.start]), sum(sizes[: some.stop]))
        alone = effects(whole, every[some])
        assert np.array_equal(alone.mean, mean[rows])
        assert np.array_equal(alone.spread, spread[rows])
        assert attention is None or np.array_equal(alone.attention, attention[rows])


def meant(outputs: np.ndarray, target: Target) -> np.ndarray:
    if isinstance(target, Binary):
        yes = 1 / (1 + np.exp(-outputs))
        return np.concatenate([1 - yes, yes], -1)
    if isinstance(target, Classes):
        return np.exp(outputs) / np.exp(outputs).sum(-1, keepdims=True)
    return outputs


@pytest.mark.parametrize("target", [Binary(("no", "yes")), Classes(3), Real(2)])
def test_they_are_of_the_likeliest_class_or_of_each_number_over_the_networks(target: Target) -> None:
    whole, bags = ensemble("pooled", target), portion([4, 2, 9])
    mean, spread, _ = effects(whole, bags)
    full, left = (meant(some.double().numpy(), target) for some in outputs(whole, bags))
    bag_of = np.repeat([0, 1, 2], [4, 2, 9])
    for row, bag in enumerate(bag_of):
        likeliest = full.mean(0)[bag].argmax()
        numbers = range(2) if isinstance(target, Real) else [likeliest]
        changes = np.array([[full[k, bag, i] - left[k, row, i] for i in numbers] for k in range(3)])
        np.testing.assert_allclose(mean[row], changes.mean(0), atol=1e-12)
        np.testing.assert_allclose(spread[row], np.sqrt(changes.var(0) * 3 / 2), atol=1e-12)
    assert np.isnan(effects(ensemble("pooled", target, networks=1), bags).spread).all()


def test_attention_is_the_mean_over_the_networks_and_sums_to_one_in_a_bag() -> None:
    bags = portion(SIZES)
    for name in ("attention", "transformer"):
        whole = ensemble(name, BINARY)
        attention = effects(whole, bags).attention
        assert attention is not None
        of_bags = np.split(attention, np.cumsum(SIZES)[:-1])
        np.testing.assert_allclose([some.sum() for some in of_bags if len(some)], 1, rtol=1e-5)
        one = [Ensemble(whole.network, {k: v[[i]] for k, v in whole.state.items()}, BINARY) for i in range(3)]
        np.testing.assert_allclose(attention, np.mean([effects(each, bags).attention for each in one], 0), rtol=1e-5)
    assert effects(ensemble("pooled", BINARY), bags).attention is None


def test_bags_without_objects_have_none() -> None:
    mean, spread, attention = effects(ensemble("transformer", BINARY), portion([0, 0]))
    assert mean.shape == spread.shape == (0, 1)
    assert attention is not None
    assert attention.shape == (0,)


PLANTED = 3
"""key objects of a bag of the second class, whose first channel is larger"""


def planted(count: int, seed: int) -> tuple[list[np.ndarray], np.ndarray, list[np.ndarray]]:
    """Bags, their classes, and which of their objects are key objects."""
    draws = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    bags, keys = [], []
    for label in labels:
        size = draws.integers(10, 21)
        key = np.zeros(size, bool)
        key[draws.choice(size, PLANTED * label, replace=False)] = True
        bag = draws.normal(size=(size, 4)).astype(np.float32)
        bag[key, 0] += 4
        bags.append(bag)
        keys.append(key)
    return bags, labels, keys


@cache
def trained(pooling: str) -> BagClassifier:
    model = {"kind": "deepset", "element_widths": [16], "pooling": pooling, "set_widths": [8]}
    model |= {"element_activation": "relu", "set_activation": "relu"}
    bags, labels, _ = planted(600, seed=0)
    return BagClassifier(model, epochs=30, learning_rate=0.01, seeds=2).fit(bags, labels)


def positives(pooling: str) -> tuple[Ensemble, list[np.ndarray], list[np.ndarray]]:
    """New bags that have key objects and are taken for such, and which objects these are; accuracy is at least 0.95."""
    classifier = trained(pooling)
    bags, labels, keys = planted(300, seed=1)
    predicted = classifier.predict(bags)
    assert (predicted == labels).mean() >= 0.95
    right = np.flatnonzero((labels == 1) & (predicted == 1))
    whole = Ensemble(classifier.network_, classifier.state_, BINARY)
    return whole, [bags[i] for i in right], [keys[i] for i in right]


@pytest.mark.parametrize("pooling", ["sum", "mean", "lse", "attention"])
def test_planted_key_objects_have_the_largest_effects(pooling: str) -> None:
    """Random order as the control."""
    whole, bags, keys = positives(pooling)
    assert WithoutEach.takes(whole.network) == (pooling != "attention")
    of_bags_ = np.split(effects(whole, of_bags(bags)).mean[:, 0], np.cumsum(list(map(len, bags)))[:-1])
    draws = np.random.default_rng(0)

    def recall(values: list[np.ndarray]) -> float:
        found = [key[np.argsort(-some)[:PLANTED]].mean() for some, key in zip(values, keys, strict=True)]
        return float(np.mean(found))

    assert recall(of_bags_) >= 0.9
    assert recall([draws.random(len(bag)) for bag in bags]) < 0.35


def test_without_its_key_objects_a_bag_is_no_longer_taken_for_what_it_is() -> None:
    """Deletion curves: objects go one after another, those of the largest effects first or in random order."""
    whole, bags, _ = positives("sum")
    mean, draws = effects(whole, of_bags(bags)).mean[:, 0], np.random.default_rng(0)
    of_bags_ = np.split(mean, np.cumsum(list(map(len, bags)))[:-1])

    def curve(values: list[np.ndarray]) -> list[float]:
        """The mean probability of the class after so many deletions."""
        left = [[bag[np.sort(np.argsort(-v)[k:])] for bag, v in zip(bags, values, strict=True)] for k in range(6)]
        return [float(whole.readings(of_bags(some)).mean[:, 1].mean()) for some in left]

    strongest, random = curve(of_bags_), curve([draws.random(len(bag)) for bag in bags])
    assert strongest[0] == random[0] > 0.95
    assert strongest[PLANTED] < 0.2
    assert random[PLANTED] > 0.6
    assert np.mean(strongest[1:]) < np.mean(random[1:]) - 0.3
