"""Batches: fresh bags, a fixed sample epoch after epoch, and the parts of a collection that each seed is trained on."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from flat_collections import collect, loop
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_sample_weight
from small_trainings import FRESH, gaussian_sample
from torch import Tensor, nn

from permset.config.data import FoldsParams
from permset.config.networks import DeepSetParams
from permset.data.bags import Bags, Collection
from permset.data.batches import Split, batches
from permset.data.drawn import Fixed
from permset.data.randomness import generator
from permset.data.splits import TEST, TRAINING, VALIDATION, roles
from permset.data.targets import Real
from permset.networks.build import build_model
from permset.networks.networks import DeepSet
from permset.networks.standardization import Standardized
from permset.training.blocks import initialise, prepare
from permset.training.settings import Settings
from permset.training.stack import predict, unstack
from permset.training.train import train, train_seeds


def test_every_step_has_fresh_data() -> None:
    draws = list(batches(FRESH, 70, 20, 0, torch.device("cpu")))
    x, y = (torch.cat([part[key] for (part,) in draws]) for key in ("x", "y"))
    assert x.shape == (70, 20, 10, 1)
    assert (y.sum((1, 2)) == 10).all(), "each batch is balanced"
    assert len({tuple(batch.flatten().tolist()) for batch in x}) == 70


@pytest.mark.parametrize("batch_size", [1, 7, 30, 64])
def test_every_epoch_has_each_bag_of_a_fixed_sample_once(batch_size: int) -> None:
    bags = 30
    steps = -(-70 * bags // batch_size)
    data = Fixed(gaussian_sample, bags)
    draws = list(batches(data, steps, batch_size, 0, torch.device("cpu")))
    x = torch.cat([part["x"].flatten(0, 1) for (part,) in draws])
    y = torch.cat([part["y"].flatten() for (part,) in draws])
    epochs = [tuple(bag.tolist() for bag in epoch) for epoch in x[: 70 * bags, 0, 0].split(bags)]
    assert len(epochs) == 70
    assert all(sorted(epoch) == sorted(epochs[0]) for epoch in epochs)
    assert len(set(epochs)) == 70, "each in an order of its own"
    assert (y[: 70 * bags].unflatten(0, (-1, 2)).sum(1) == 1).all(), "classes take turns"
    assert len(set(zip(x[:, 0, 0].tolist(), y.tolist(), strict=True))) == bags, "labels stay with their bags"
    (other,) = next(batches(data, steps, batch_size, 1, torch.device("cpu")))
    assert not set(other["x"][..., 0, 0].flatten().tolist()) & set(epochs[0]), "another seed has another sample"


CPU = torch.device("cpu")
FOLDS = FoldsParams(kind="folds", folds=4, repeats=2, validation=0.25, seed=0)


def split_of(sizes: list[int], seed: int = 0) -> Split:
    """Folds of a collection, by bags whose number is what they are to be spread by."""
    collection = collect(sizes)
    random = np.random.default_rng(seed).normal(size=(len(sizes), 1))
    return Split(collection, torch.as_tensor(roles(random, FOLDS, [])).long(), real=True)


def drawn(split: Split, seed: int, steps: int, batch_size: int) -> list[Bags]:
    """All steps of each part, (steps, some, …)."""
    draws = list(batches(split, steps, batch_size, seed, CPU))
    together = [
        {key: torch.cat([part[key] for part in parts]) for key in parts[0]} for parts in zip(*draws, strict=True)
    ]
    return [Bags(part["x"], part["y"], part["mask"]) for part in together]


def ends_of(split: Split) -> list[int]:
    return split.collection.like_sizes(1 / 8)


def members(split: Split, seed: int, role: int = TRAINING) -> list[list[int]]:
    """Bags of a seed, by part."""
    ends, sizes = ends_of(split), split.collection.sizes.tolist()
    chosen = (split.roles[seed % len(split.roles)] == role).tolist()
    ranges = list(zip(ends, [*ends[1:], -1], strict=True))
    return [[i for i, is_in in enumerate(chosen) if is_in and low < sizes[i] <= end] for end, low in ranges]


MANY_SIZES = st.integers(0, 99).map(
    lambda seed: np.random.default_rng(seed).permutation([0, 1, 2] * 4 + [5, 6] * 6 + [9, 12, 16] * 4).tolist()
)


@settings(max_examples=8)
@given(MANY_SIZES, st.integers(0, 9), st.integers(3, 40))
def test_every_epoch_of_a_part_has_each_training_bag_of_the_seed_once(
    sizes: list[int], seed: int, batch_size: int
) -> None:
    split = split_of(sizes)
    parts, mine = drawn(split, seed, 60, batch_size), members(split, seed)
    assert len(parts) == len(mine) == 3
    assert sum(part.y.shape[1] for part in parts) == batch_size
    for part, some, end in zip(parts, mine, ends_of(split), strict=True):
        order = part.y.flatten().long().tolist()
        epochs = [order[i : i + len(some)] for i in range(0, len(order) - len(some) + 1, len(some))]
        assert len(epochs) >= 60 // len(some)
        assert all(sorted(epoch) == some for epoch in epochs)
        assert len(set(map(tuple, epochs))) > 1, "not all in the same order"
        assert part.x.shape[2] == end
        expected = split.collection.bags(torch.tensor(order).view(60, -1), end)
        assert torch.equal(part.x, expected.x)
        assert torch.equal(part.mask, expected.mask)  # type: ignore[arg-type]
        assert part.mask.sum(-1).flatten().tolist() == [sizes[i] for i in order], "none is cut"  # type: ignore[union-attr]


def test_seeds_see_the_bags_of_their_own_rows() -> None:
    split = split_of(list(range(1, 41)))
    seen = []
    for seed in range(2 * len(split.roles)):
        trained = {int(i) for part in drawn(split, seed, 40, 20) for i in part.y.flatten()}
        validated = [int(i) for bags in split.validation(seed, 99, CPU) for i in bags.y.flatten()]
        row = split.roles[seed % len(split.roles)]
        assert trained == set((row == TRAINING).nonzero().flatten().tolist())
        assert sorted(validated) == (row == VALIDATION).nonzero().flatten().tolist()
        tested = set(split.bags_of(seed, TEST).tolist())
        assert tested == set(range(40)) - trained - set(validated)
        seen.append(tested)
    assert seen[: len(split.roles)] == seen[len(split.roles) :], "seeds take the rows in turn"
    first = seen[: FOLDS.folds]
    assert set.union(*first) == set(range(40))
    assert sum(map(len, first)) == 40
    one, other = (drawn(split, seed, 5, 20)[0].y for seed in (0, len(split.roles)))
    assert not torch.equal(one, other), "seeds of the same row have orders of their own"


def test_at_most_so_many_bags_are_for_validation() -> None:
    split = split_of(list(range(1, 41)))
    every = {int(i) for bags in split.validation(0, 99, CPU) for i in bags.y.flatten()}
    some = [int(i) for bags in split.validation(0, 5, CPU) for i in bags.y.flatten()]
    assert len(some) == len(set(some)) == 5 < len(every)
    assert set(some) < every


def test_bags_in_the_place_of_missing_sizes_are_whole() -> None:
    collection = collect([4] * 20 + [1] * 4)
    row = torch.tensor([[VALIDATION] + [TRAINING] * 19 + [TEST] * 4])
    assert collection.like_sizes(1 / 8) == [4, 2]
    for part in drawn(Split(collection, row), 0, 5, 6):
        assert (part.mask.sum(-1) == 4).all()  # type: ignore[union-attr]


def loss_of(bags: Bags) -> Tensor:
    """Some number of each bag."""
    return (bags.x.sum((-2, -1)) * 0.01).sin() + bags.y[..., 0].cos() + 1


@settings(max_examples=8)
@given(MANY_SIZES, st.integers(0, 7), st.integers(3, 24))
def test_weighted_by_shares_the_parts_losses_make_the_mean_over_bags(
    sizes: list[int], seed: int, batch_size: int
) -> None:
    """Over whole epochs of all parts; batches have rounded numbers of bags of each, which the shares make up for."""
    split = split_of(sizes)
    collection, mine = split.collection, members(split, seed)
    one_by_one = [torch.stack([loss_of(collection.bags(torch.tensor([i])))[0] for i in some]) for some in mine]
    counts = [part.y.shape[1] for part in drawn(split, seed, 1, batch_size)]
    steps = math.lcm(*(len(some) // math.gcd(len(some), count) for some, count in zip(mine, counts, strict=True)))
    means = [loss_of(part).mean().item() for part in drawn(split, seed, steps, batch_size)]
    assert means == pytest.approx([losses.mean().item() for losses in one_by_one], rel=1e-4)
    assert sum(split.shares) == pytest.approx(1)
    estimate = sum(share * mean for share, mean in zip(split.shares, means, strict=True))
    # Shares are of all bags, and those of a seed's own training bags are about the same.
    own = [len(some) / sum(map(len, mine)) for some in mine]
    away = sum(abs(share - of_own) for share, of_own in zip(split.shares, own, strict=True)) / 2
    spread = max(means) - min(means)
    assert abs(estimate - torch.cat(one_by_one).mean().item()) <= away * spread + 1e-4


def test_the_mean_over_bags_is_exact_where_sizes_are_split_alike_and_needs_the_shares() -> None:
    """Three quarters of the bags are small; in each size, one of four bags is no training bag."""
    collection = collect([2] * 24 + [9] * 8)
    split = Split(collection, torch.tensor([[TRAINING, TRAINING, TRAINING, TEST] * 8]))
    assert split.shares == [1 / 4, 3 / 4]
    training = split.bags_of(0, TRAINING)
    expected = loss_of(collection.bags(training)).mean().item()
    for batch_size, steps in ((8, 3), (4, 6), (2, 18)):  # Of two bags, one is of each size.
        means = [loss_of(part).mean().item() for part in drawn(split, 0, steps, batch_size)]
        assert sum(share * mean for share, mean in zip(split.shares, means, strict=True)) == pytest.approx(expected)
        assert abs(sum(means) / 2 - expected) > 0.01, "the control: parts of equal weight"


def test_channels_and_targets_are_standardised_by_training_bags_alone() -> None:
    split = split_of([3, 1, 0, 4, 7, 5] * 4)
    outlier = torch.zeros(len(split))
    outlier[split.bags_of(0, TEST)[0]] = outlier[split.bags_of(0, VALIDATION)[0]] = 1e9
    objects = split.collection.objects + outlier.repeat_interleave(split.collection.sizes).unsqueeze(-1)
    collection = Collection(objects, split.collection.sizes, split.collection.y + outlier.unsqueeze(-1))
    away = replace(split, collection=collection)

    def fitted(split: Split, seed: int) -> dict[str, Tensor]:
        network = Standardized(DeepSet(2, [1], []), 2, 1)
        prepare(network, split, seed)
        return dict(network.named_buffers())

    clean, same = fitted(split, 0), fitted(away, 0)
    training = split.bags_of(0, TRAINING)
    values = {"": torch.cat(loop(split.collection, training.tolist())), "target_": split.collection.y[training]}
    for prefix, value in values.items():
        torch.testing.assert_close(clean[f"{prefix}mean"], value.mean(0))
        torch.testing.assert_close(clean[f"{prefix}deviation"], value.std(0, correction=0))
    assert all(torch.equal(clean[name], same[name]) for name in clean)
    others = [seed for seed in range(len(split.roles)) if outlier[split.bags_of(seed, TRAINING)].any()]
    assert others, "the control: seeds that are trained on an outlier see it"
    assert all(fitted(away, seed)["target_deviation"] > 1e6 for seed in others)
    classes = fitted(replace(split, real=False), 0)
    assert (classes["target_mean"], classes["target_deviation"]) == (0, 1), "classes have no units"
    assert torch.equal(classes["mean"], clean["mean"])


def deepset(outputs: int) -> nn.Module:
    params = DeepSetParams(
        kind="deepset",
        element_widths=[6],
        set_widths=[],
        element_activation="relu",
        set_activation="relu",
        pooling=["mean", "max"],
    )
    return build_model(params, None, 16, 2, outputs, standardize=True)


def test_seeds_at_once_learn_what_they_learn_one_by_one_from_their_folds() -> None:
    rng, target = np.random.default_rng(0), Real(2, "absolute")
    sizes = rng.permutation([0, 2, 2, 2] * 4 + [9, 10, 12, 16] * 5)
    objects, y = rng.normal(3, 5, (sizes.sum(), 2)), rng.normal(100, 20, (len(sizes), 2))
    collection = Collection(*map(torch.as_tensor, (objects.astype("f4"), sizes, y.astype("f4"))))
    split = Split(collection, torch.as_tensor(roles(y, FOLDS, [])).long(), real=True)
    assert len(split.shares) == 2
    build, seeds = partial(deepset, target.outputs), [0, 9]
    steps = Settings(steps=20, batch_size=12, learning_rate=0.01)
    together = train_seeds(build, split, steps, seeds, target=target)
    bags = collection.bags(torch.arange(len(sizes)))
    for i, seed in enumerate(seeds):
        alone, history = train(initialise(build, seed), split, steps, seed, target)
        np.testing.assert_allclose(together.history[:, i], history, rtol=1e-3, atol=1e-5)
        outputs = unstack(build(), together.state, i)(bags.x, bags.mask)
        torch.testing.assert_close(outputs, alone(bags.x, bags.mask), rtol=1e-3, atol=1e-3)
    assert not torch.equal(together.state["mean"][0], together.state["mean"][1]), "folds differ in their bags"
    assert np.abs(together.history[:, 0] - together.history[:, 1]).max() > 1e-3


def test_balanced_classes_weigh_the_same_over_the_bags_of_training_as_in_scikit_learn() -> None:
    """Of each seed's own bags, in which classes have other shares than in the rest, and one may be missing."""
    y = torch.tensor([0.0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 2]).unsqueeze(-1)
    collection = replace(collect([1, 2] * 6), y=y)
    roles = torch.tensor(
        [[TRAINING] * 6 + [TEST] * 2 + [TRAINING] * 2 + [VALIDATION] * 2, [TRAINING] * 5 + [TEST] * 5 + [TRAINING] * 2]
    )
    split = Split(collection, roles, balanced=True)
    for seed in (0, 1):
        training = split.bags_of(seed, TRAINING)
        weights = compute_sample_weight("balanced", y[training, 0].long().numpy())
        expected = {
            loop(collection, [i])[0][0, 0].item(): weight for i, weight in zip(training.tolist(), weights, strict=True)
        }
        for part in next(batches(split, 5, 8, seed, CPU)):
            assert part["weights"].shape == part["y"].shape[:2]
            for first, weight in zip(part["x"][..., 0, 0].flatten().tolist(), part["weights"].flatten(), strict=True):
                assert weight.item() == pytest.approx(expected[first])
    assert all("weights" not in part for part in next(batches(replace(split, balanced=False), 5, 8, 0, CPU)))
    assert FRESH.class_weights(0) is Fixed(gaussian_sample, 30).class_weights(0) is None, "classes take turns"


def rare_class() -> Split:
    """Bags of a class of one in ten, which overlaps with the other: each object has the mean 0 or 1."""
    draws, rare = generator(0, "rare"), torch.arange(1000) % 10 == 0
    sizes = torch.arange(1000) % 3 + 1
    objects = rare.repeat_interleave(sizes).float() + torch.randn(int(sizes.sum()), generator=draws)
    roles = torch.full((1, 1000), TRAINING)
    roles[0, 500:] = TEST
    roles[0, :50] = VALIDATION
    return Split(Collection(objects.unsqueeze(-1), sizes, rare.float().unsqueeze(-1)), roles)


def test_balanced_classes_are_learnt_at_once_as_one_by_one_and_raise_the_recall_of_the_rare_one() -> None:
    build, steps = partial(DeepSet, 1, [8], [8], pooling="mean"), Settings(200, 64, 0.01)
    recalls = []
    for balanced in (False, True):
        split = replace(rare_class(), balanced=balanced)
        together = train_seeds(build, split, steps, [0, 9])
        for i, seed in enumerate([0, 9]):
            _, history = train(initialise(build, seed), split, steps, seed)
            np.testing.assert_allclose(together.history[:, i], history, rtol=1e-3, atol=1e-4)
        bags = split.collection.bags(split.bags_of(0, TEST))
        right = (predict(build(), together.state, bags.x, bags.mask) > 0) == (bags.y > 0.5)
        recalls.append([right[:, bags.y[:, 0] == label].double().mean().item() for label in (0, 1)])
    (common, rare), (balanced_common, balanced_rare) = recalls
    assert rare < 0.4 < 0.6 < balanced_rare
    assert balanced_common + balanced_rare > common + rare + 0.1, "balanced accuracy"


def test_the_typical_bag_has_the_median_size_and_validation_bags_come_from_all_over() -> None:
    sizes = torch.tensor([9, 1, 5, 2, 8])
    objects = torch.arange(25.0).unsqueeze(-1)
    every = Collection(objects, sizes, torch.zeros(5, 1))
    split = Split(every, torch.tensor([[TRAINING, VALIDATION, VALIDATION, VALIDATION, VALIDATION]]))
    assert torch.equal(split.typical(3), objects[10:15][None])
    bags = split.validation(0, 3, torch.device("cpu"))
    firsts = sorted(int(part.x[i, 0]) for part in bags for i in range(len(part)))
    assert firsts == [9, 15, 17], "the first, the third and the last, and not the first three"
    assert split.bags == 1


def test_a_drawn_tasks_typical_bag_is_the_first_that_it_is_trained_on() -> None:
    [part] = next(batches(FRESH, 1, 34, 0, torch.device("cpu")))
    assert torch.equal(FRESH.typical(34), part["x"][0, :1])
    assert FRESH.bags is None
    assert Fixed(gaussian_sample, 30).bags == 30


def test_steps_are_drawn_fifty_at_a_time_or_as_few_as_hold_so_many_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    def steps_of_draws(steps: int) -> list[int]:
        return [len(part["y"]) for (part,) in batches(FRESH, steps, 20, 0, CPU)]

    assert steps_of_draws(120) == [50, 50, 20]
    for numbers, later in ((1000, [5, 5, 3]), (399, [1] * 13), (100, [1] * 13)):
        monkeypatch.setattr("permset.data.batches.NUMBERS_A_DRAW", numbers)
        assert steps_of_draws(63) == [50, *later], "a step has 200 numbers"


def test_drawn_bags_make_one_part_and_an_epoch_is_that_of_the_first_row() -> None:
    assert FRESH.shares == Fixed(gaussian_sample, 30).shares == [1.0]
    row = [TRAINING] * 3 + [VALIDATION, TEST]
    assert Split(collect([1, 1, 2, 1, 3]), torch.tensor([row, [TRAINING, *row[1:4], TRAINING]])).bags == 3
    assert Split(collect([1, 1, 2, 1, 3]), torch.tensor([[TRAINING] * 4 + [TEST], row])).bags == 4
