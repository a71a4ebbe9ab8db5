import itertools
from math import comb

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.datasets import load_digits

from permset import PermsetError
from permset.config.data import FoldsParams
from permset.config.tasks import GaussianVarianceParams, MaximumParams, UnitSumParams
from permset.data.bags import Collection
from permset.data.batches import Split
from permset.data.drawn import Drawn, Fixed, Fresh
from permset.data.randomness import generator
from permset.data.splits import roles
from permset.data.targets import Binary, Real
from permset.data.tasks import Collected, GaussianVariance, Maximum, UnitSum, build_task, digits, make_data


def make_data_with_a_loop(u: torch.Tensor, N: int, set_size: int, subset_sizes: tuple[int, int]) -> torch.Tensor:
    """Selection sampling, bag by bag and object by object, from the same uniform numbers (set_size, N)."""
    x = torch.zeros(N, set_size, 1)
    for bag in range(N):
        wanted = subset_sizes[bag % 2]
        for j in range(set_size):
            if u[j, bag] * (set_size - j) < wanted:
                wanted -= 1
                x[bag, j] = torch.tensor(1.0) / subset_sizes[bag % 2]
    return x


SETS_AND_SUBSETS = st.integers(2, 12).flatmap(lambda n: st.tuples(st.just(n), st.permutations(range(1, n + 1))))


@given(st.integers(1, 40), SETS_AND_SUBSETS, st.integers(0, 99))
def test_make_data_is_its_loop(half: int, set_and_subsets: tuple[int, list[int]], seed: int) -> None:
    n, (first, second, *_) = set_and_subsets
    x, y = make_data(2 * half, n, (first, second), generator=generator(seed, "test"))
    u = torch.rand(n, 2 * half, generator=generator(seed, "test"))
    assert torch.equal(x, make_data_with_a_loop(u, 2 * half, n, (first, second)))
    assert x.shape == (2 * half, n, 1)
    assert y.shape == (2 * half, 1)
    assert (y == 1).sum() == half
    sizes = torch.where(y[:, 0] == 0, first, second)
    assert torch.equal((x > 0).sum((1, 2)), sizes)
    torch.testing.assert_close(x.sum((1, 2)), torch.ones(2 * half))


def test_the_exercise_has_its_defaults() -> None:
    x, y = make_data(6, generator=generator(0, "test"))
    assert x.shape == (6, 10, 1)
    for bag, label in zip(x, y, strict=True):
        k = 5 if label else 3
        assert sorted(bag[:, 0].tolist()) == sorted([0.0] * (10 - k) + [torch.tensor(1 / k).item()] * k)


@pytest.mark.parametrize("k", [2, 3])
def test_every_subset_is_equally_likely(k: int) -> None:
    n, N = 5, 40_000
    x, y = make_data(N, n, (k, 5), generator=generator(1, "test"))
    chosen = (x[y[:, 0] == 0, :, 0] > 0).numpy() @ (2 ** np.arange(n))
    codes = [sum(2**i for i in subset) for subset in itertools.combinations(range(n), k)]
    counts = [(chosen == code).sum() for code in codes]
    assert sum(counts) == N // 2
    assert len(codes) == comb(n, k)
    assert stats.chisquare(counts).pvalue > 1e-3


def test_the_largest_uniform_numbers_still_complete_the_subset(monkeypatch: pytest.MonkeyPatch) -> None:
    largest = 1 - 2**-24
    monkeypatch.setattr(torch, "rand", lambda *shape, **_: torch.full(shape, largest))
    for n in range(2, 300):
        x, _ = make_data(2, n, (1, n // 2 + 1), generator=generator(0, "test"))
        assert (x > 0).sum((1, 2)).tolist() == [1, n // 2 + 1]


@pytest.mark.parametrize(
    ("N", "set_size", "subsets", "message"),
    [
        (101, 10, (3, 5), "N must be even"),
        (0, 10, (3, 5), "N must be even and positive"),
        (10, 10, (3, 11), "between 1 and set_size 10, got 11"),
        (10, 10, (0, 5), "between 1 and set_size 10, got 0"),
        (10, 10, (4, 4), "must differ"),
    ],
)
def test_what_makes_no_task_is_refused(N: int, set_size: int, subsets: tuple[int, int], message: str) -> None:
    with pytest.raises(PermsetError, match=message):
        make_data(N, set_size, subsets, generator=generator(0, "test"))


def test_the_bayes_rule_makes_no_error() -> None:
    task = UnitSum(12, (4, 7))
    bags = task.sample(10_000, generator(3, "test"))
    x, y = bags.x, bags.y
    decided = ((x > 0).sum(1) == 7).float()
    assert (decided == y).float().mean().item() == task.bayes_accuracy


def test_streams_of_a_seed_are_independent() -> None:
    draws = [torch.rand(5, generator=generator(seed, s)).tolist() for seed in (0, 1) for s in ("weights", "batches")]
    assert len({tuple(d) for d in draws}) == 4
    assert draws[0] == torch.rand(5, generator=generator(0, "weights")).tolist()


@pytest.mark.parametrize(
    ("set_size", "channels", "variances", "known"),
    [
        (10, 5, (1.0, 0.8), 0.71083),
        (10, 1, (1.0, 0.8), 0.59688),
        (20, 5, (1.0, 0.8), 0.78446),
        (100, 5, (1.0, 0.8), 0.96104),
        (10, 5, (0.8, 1.0), 0.71083),
        (3, 2, (0.5, 2.0), None),
    ],
)
def test_the_gaussian_bayes_accuracy_is_what_its_rule_reaches(
    set_size: int, channels: int, variances: tuple[float, float], known: float | None
) -> None:
    task = GaussianVariance(set_size, channels, variances)
    bags = task.sample(200_000, generator(0, "test"))
    x, y = bags.x, bags.y
    v0, v1 = variances
    threshold = set_size * channels * np.log(v0 / v1) / (1 / v1 - 1 / v0)
    smaller = x.square().sum((1, 2)) < threshold
    decided = (smaller if v1 < v0 else ~smaller).float().unsqueeze(-1)
    reached = (decided == y).float().mean().item()
    assert abs(reached - task.bayes_accuracy) < 4 * 0.5 / np.sqrt(200_000)
    if known:
        assert round(task.bayes_accuracy, 5) == known


def test_gaussian_bags_have_their_variances() -> None:
    drawn = GaussianVariance(7, 3, (1.0, 4.0)).sample(20_000, generator(0, "test"))
    x, y = drawn.x, drawn.y
    assert x.shape == (20_000, 7, 3)
    for label, variance in ((0, 1.0), (1, 4.0)):
        bags = x[y[:, 0] == label]
        assert len(bags) == 10_000
        assert abs(bags.var().item() / variance - 1) < 0.02
        assert abs(bags.mean().item()) < 0.02
    with pytest.raises(PermsetError, match="even and positive"):
        GaussianVariance().sample(3, generator(0, "test"))


def test_overlap_is_test_bags_over_bags_of_training_where_there_are_folds() -> None:
    y = np.arange(40.0)[:, None] % 2
    split = FoldsParams(kind="folds", folds=4, repeats=2, validation=0.2, seed=0)
    collection = Collection(torch.zeros(40, 1), torch.ones(40, dtype=torch.long), torch.as_tensor(y).float())
    of_folds = Split(collection, torch.as_tensor(roles(y, split, ["a", "b"])))
    assert Collected(of_folds, Binary(), folds=8).overlap == pytest.approx(10 / 24)
    assert Collected(of_folds, Binary(), folds=None).overlap == 0
    assert UnitSum().overlap == 0


@pytest.mark.parametrize(("task", "classes"), [(UnitSum(), 2), (GaussianVariance(), 2), (Maximum(), 1)])
def test_drawn_tasks_train_on_fresh_bags_or_a_fixed_sample_of_alternating_classes(task: Drawn, classes: int) -> None:
    assert task.training(None) == Fresh(task.sample)
    assert task.training(8) == Fixed(task.sample, 8, classes)
    assert not task.standardize
    assert task.folds is None
    assert task.overlap == 0


def test_the_largest_number_is_the_target_and_bags_have_one_to_all_objects() -> None:
    task = Maximum(set_size=4, high=50.0)
    bags = task.sample(4000, generator(0, "test"))
    assert bags.mask is not None
    sizes = bags.mask.sum(1)
    assert torch.equal(bags.mask, torch.arange(4) < sizes[:, None]), "padding comes last"
    assert all(abs((sizes == size).double().mean() - 0.25) < 0.03 for size in range(1, 5))
    objects = bags.x[bags.mask]
    assert 0 <= objects.min() < 0.1 < 49.9 < objects.max() < 50
    assert not bags.x[~bags.mask].any()
    assert torch.equal(bags.y, bags.x.amax(1))
    assert (task.target, task.channels, task.bayes_accuracy) == (Real(1, "absolute"), 1, None)
    assert Maximum(error="squared").target == Real(1, "squared")


def test_tasks_are_built_with_their_settings() -> None:
    test = {"test_sets": 12, "test_seed": 3}
    unit_sum = UnitSumParams(kind="unit_sum", set_size=7, subset_sizes=[2, 4], **test)
    assert build_task(unit_sum) == UnitSum(7, (2, 4), **test)
    variance = GaussianVarianceParams(kind="gaussian_variance", set_size=7, channels=2, variances=[2.0, 3.0], **test)
    assert build_task(variance) == GaussianVariance(7, 2, (2.0, 3.0), **test)
    maximum = MaximumParams(kind="maximum", set_size=7, high=9.0, loss="squared", **test)
    assert build_task(maximum) == Maximum(7, 9.0, "squared", **test)
    assert torch.equal(build_task(unit_sum).test_set().x, UnitSum(7, (2, 4)).sample(12, generator(3, "test")).x)


def test_the_objects_of_a_digit_are_its_pixels_from_a_threshold_on() -> None:
    objects, sizes, y = digits(8)
    images = load_digits()
    assert y[:, 0].tolist() == images.target.tolist()
    for image, bag in zip(images.images, np.split(objects, np.cumsum(sizes)[:-1]), strict=True):
        pixels = [[i, j, image[i, j]] for i in range(8) for j in range(8) if image[i, j] >= 8]
        assert bag.tolist() == pixels
