"""Seeds at once against one by one, and what a seed learns against whatever runs beside it."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from small_trainings import AVERAGES, FRESH, NETWORKS, ODD, SETTINGS, TASK
from torch import Tensor, nn

from permset import PermsetError
from permset.data.bags import Bags, Collection
from permset.data.batches import Split
from permset.data.drawn import Fixed, Fresh
from permset.data.randomness import generator
from permset.data.splits import TEST, TRAINING, VALIDATION
from permset.data.targets import Real
from permset.networks.networks import DeepSet
from permset.networks.standardization import Standardized
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import GroupAverage
from permset.training.blocks import Build, Trained, initialise
from permset.training.settings import Settings
from permset.training.stack import predict, unstack
from permset.training.train import best_seed, choose_device, train, train_seeds
from permset.training.workers import seed_workers

SHORT = Settings(steps=20, batch_size=34, learning_rate=0.01)
COSINE = replace(SETTINGS, schedule="cosine")


def same(a: Trained, b: Trained) -> bool:
    states = all(torch.equal(a.state[key], b.state[key]) for key in a.state)
    return states and np.array_equal(a.history, b.history)


def in_float64(build: Build) -> nn.Module:
    return build().double()


def sample_in_float64(num_sets: int, draws: torch.Generator) -> Bags:
    bags = TASK.sample(num_sets, draws)
    return Bags(bags.x.double(), bags.y.double())


@pytest.mark.parametrize(
    ("name", "settings", "bags"),
    [
        *((name, SETTINGS, None) for name in [*NETWORKS, *AVERAGES]),
        ("deepset", COSINE, None),
        ("deepset", replace(SETTINGS, weight_decay=0.1), None),
        ("deepset", ODD, 50),
        ("augmented", ODD, 50),
    ],
)
def test_seeds_at_once_learn_what_they_learn_one_by_one(name: str, settings: Settings, bags: int | None) -> None:
    """In float64, where a hundred steps do not blow rounding up to the size of what is learnt."""
    build = partial(in_float64, {**NETWORKS, **AVERAGES}[name])
    seeds = [0, 3, 11]
    data = Fixed(sample_in_float64, bags) if bags else Fresh(sample_in_float64)
    together = train_seeds(build, data, settings, seeds)
    x = sample_in_float64(100, generator(9, "test")).x
    for i, seed in enumerate(seeds):
        alone, history = train(initialise(build, seed), data, settings, seed)
        np.testing.assert_allclose(together.history[:, i], history, rtol=1e-8, atol=1e-10)
        torch.testing.assert_close(unstack(build(), together.state, i)(x), alone(x), rtol=1e-6, atol=1e-8)
    assert np.abs(together.history[:, 0] - together.history[:, 1]).max() > 1e-5, "seeds must differ"


def test_what_a_seed_learns_depends_neither_on_its_company_nor_on_the_workers() -> None:
    build = NETWORKS["deepset_mean"]
    run = partial(train_seeds, build, FRESH, SETTINGS)
    everyone = run(range(19))
    for seeds in ([0], [2, 5], range(8, 19), [18, 0]):
        some = run(list(seeds))
        assert np.array_equal(some.history, everyone.history[:, list(seeds)])
        assert all(torch.equal(some.state[key], everyone.state[key][list(seeds)]) for key in some.state)
    for workers in (1, 2, 3):
        with seed_workers(workers, torch.device("cpu")) as executor:
            assert (executor is None) == (workers == 1)
            assert same(run(range(19), executor=executor), everyone)


def test_training_learns_the_exercise() -> None:
    trained = train_seeds(NETWORKS["deepset"], FRESH, Settings(600, 100, 0.01), range(8))
    assert trained.history[-50:].mean() < 0.1 < np.log(2) - 0.05 < trained.history[:10].mean()
    control = train_seeds(NETWORKS["deepset_linear"], FRESH, Settings(600, 100, 0.01), range(8))
    assert abs(control.history[-50:].mean() - np.log(2)) < 1e-3


def test_initialising_leaves_torchs_generator_alone() -> None:
    before = torch.get_rng_state()
    first, again = initialise(NETWORKS["mlp"], 4), initialise(NETWORKS["mlp"], 4)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(p, q) for p, q in zip(first.parameters(), again.parameters(), strict=True))


class Slow(nn.Module):
    """Lets other threads run while it draws its weights."""

    def __init__(self) -> None:
        super().__init__()
        weights = []
        for _ in range(5):
            weights.append(torch.randn(3))
            time.sleep(1e-4)
        self.weight = nn.Parameter(torch.stack(weights))


def test_a_seed_has_its_weights_whatever_other_threads_do() -> None:
    def weights(seed: int) -> Tensor:
        return initialise(Slow, seed).weight.detach()  # type: ignore[union-attr, operator, return-value]

    before = torch.get_rng_state()
    alone = torch.stack([weights(seed) for seed in range(64)])
    with ThreadPoolExecutor(4) as threads:
        together = torch.stack(list(threads.map(weights, range(64))))
    assert torch.equal(together, alone)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_build_that_fails_or_initialises_others_leaves_torchs_generator_alone() -> None:
    before = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError):
        initialise(lambda: torch.randn(int(1 / 0)), 0)  # type: ignore[arg-type, return-value]
    nested = initialise(lambda: nn.ModuleList([initialise(Slow, 1), Slow()]), 2)
    assert torch.equal(torch.get_rng_state(), before)
    for part, seed in zip(nested.children(), (1, 2), strict=True):
        assert torch.equal(part.weight, initialise(Slow, seed).weight)  # type: ignore[arg-type]


class Exploding(nn.Module):
    """Its loss is infinite from some step on, in the seeds whose weight starts out positive."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum(-2) * torch.exp(self.weight * 1000) + 0 * self.weight


def explodes(seed: int) -> bool:
    return initialise(Exploding, seed).weight.item() > 0  # type: ignore[operator, union-attr]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_seed_and_step(workers: int) -> None:
    bad = next(seed for seed in range(16) if explodes(seed))
    seeds = [seed for seed in range(16) if seed == bad or not explodes(seed)]
    assert seeds[0] // 8 != seeds[-1] // 8, "two blocks, so that two workers have work"
    message = rf"^boom: the loss of seed {bad} became (nan|inf) at step \d+; lower"
    with pytest.raises(PermsetError, match=message), seed_workers(workers, torch.device("cpu")) as executor:
        train_seeds(Exploding, FRESH, SETTINGS, seeds, name="boom", executor=executor)


def test_a_seed_that_was_not_asked_for_cannot_stop_the_run() -> None:
    good = next(seed for seed in range(99) if not explodes(seed))
    assert any(explodes(seed) for seed in range(good // 8 * 8, good // 8 * 8 + 8))
    assert np.isfinite(train_seeds(Exploding, FRESH, SETTINGS, [good]).history).all()


def trained_with(history: np.ndarray, validation_losses: np.ndarray, kept: list[int]) -> Trained:
    curves = np.zeros((len(validation_losses), 4, history.shape[1]))
    curves[:, 2] = validation_losses
    return Trained({}, history, np.arange(len(curves)), curves, np.array(kept))


def test_the_best_seed_has_the_lowest_loss_at_the_end_or_that_of_validation_where_it_was_kept() -> None:
    history = np.array([[0.0, 9.0, 9.0], [5.0, 1.0, 2.0], [5.0, 2.0, 0.0]])
    trained = trained_with(history, np.array([[3.0, 1.0, 2.0], [5.0, 4.0, 0.0]]), [0, 0, 0])
    assert best_seed(trained, "last", last=2) == 2
    assert best_seed(trained, "last", last=99) == 0
    assert best_seed(trained, "best", last=2) == 1


def test_a_missing_gpu_is_told() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    if not torch.cuda.is_available():
        assert choose_device("auto") == torch.device("cpu")
        with pytest.raises(PermsetError, match="device: no CUDA device was found"):
            choose_device("cuda")


def collection_of(targets: Tensor, seed: int = 0) -> Split:
    """Bags of three objects with these targets, of which each part of a hundred is for validation and for test."""
    draws = torch.Generator().manual_seed(seed)
    x = torch.randn(len(targets), 3, 1, generator=draws)
    roles = torch.full((1, len(targets)), TRAINING)
    roles[:, :100], roles[:, 100:200] = VALIDATION, TEST
    sizes = torch.full((len(targets),), 3)
    mean = x.mean(1)
    return Split(Collection(x.flatten(0, 1), sizes, mean * targets), roles, real=True)


def standardised(outputs: int) -> nn.Module:
    return Standardized(
        DeepSet(1, [16, 16], [16], element_activation="silu", pooling="mean", outputs=outputs), 1, outputs
    )


def explained(split: Split, trained: Trained, outputs: int) -> list[float]:
    """R² of each target on the test bags, for the first seed."""
    bags = split.collection.bags(split.bags_of(0, TEST))
    z = predict(standardised(outputs), trained.state, bags.x, bags.mask)[0].double()
    y = bags.y.double()
    return (1 - (z - y).square().mean(0) / (y - y.mean(0)).square().mean(0)).tolist()


REGRESSION = Settings(
    steps=600, batch_size=64, learning_rate=0.01, schedule="cosine", measure_every=100, measure_sets=20
)


@pytest.mark.parametrize("scales", [[1.0], [1e-4], [1e-6], [1e6], [1.0, 1e-3], [1e4, 1e-5]])
def test_real_targets_are_learnt_whatever_their_units(scales: list[float]) -> None:
    split = collection_of(torch.tensor(scales).expand(1200, -1))
    trained = train_seeds(partial(standardised, len(scales)), split, REGRESSION, [0], target=Real(len(scales)))
    assert min(explained(split, trained, len(scales))) > 0.99


def test_losses_of_real_targets_are_in_the_units_of_the_file() -> None:
    histories, curves = [], []
    for scale in (1.0, 1024.0):  # a power of two, which rounds nothing
        split = collection_of(torch.full((400, 1), scale))
        trained = train_seeds(
            partial(standardised, 1), split, replace(REGRESSION, steps=50, measure_every=50), [0], target=Real(1)
        )
        histories.append(trained.history)
        curves.append(trained.curves[0, 0])
    np.testing.assert_allclose(histories[1], histories[0] * 1024**2, rtol=1e-3)
    np.testing.assert_allclose(curves[1], curves[0] * 1024**2, rtol=1e-3)


def test_real_targets_of_two_units_are_learnt_at_once_as_one_by_one() -> None:
    split = collection_of(torch.tensor([3.0, 0.01]).expand(400, -1))
    build, target = partial(standardised, 2), Real(2)
    settings = replace(REGRESSION, steps=30, schedule="constant")
    together = train_seeds(build, split, settings, [0, 5], target=target)
    for i, seed in enumerate([0, 5]):
        alone, history = train(initialise(build, seed), split, settings, seed, target)
        np.testing.assert_allclose(together.history[:, i], history, rtol=1e-4)
        bags = split.collection.bags(split.bags_of(seed, TEST))
        torch.testing.assert_close(
            unstack(build(), together.state, i)(bags.x, bags.mask), alone(bags.x, bags.mask), rtol=1e-3, atol=1e-4
        )


class Normalised(nn.Module):
    """A network with BatchNorm and Dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(10, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Tanh(), nn.Linear(8, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def test_a_trained_model_gives_a_bag_one_output_whatever_the_batch() -> None:
    x = TASK.sample(30, generator(0, "test")).x
    model = initialise(Normalised, 0).eval()
    statistics = model.layers[2].running_mean.clone()  # type: ignore[union-attr, index]
    model, _ = train(model, FRESH, SETTINGS)
    assert not torch.equal(model.layers[2].running_mean, statistics), "it was trained in training mode"  # type: ignore[union-attr, index]
    assert not model.training
    torch.testing.assert_close(model(x[:3]), model(x)[:3])
    assert not torch.allclose(model.train()(x[:3]), model(x)[:3]), "the control"


def layered(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), nn.Linear(10, 8), *layers, nn.Tanh(), nn.Linear(8, 1))


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.Module]) -> None:
        super().__init__()
        self.recurrent, self.out = kind(1, 4, batch_first=True), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.recurrent(x)[0][:, -1])


def frozen() -> nn.Module:
    """Only its last layer is learnt."""
    network = layered()
    network[1].requires_grad_(False)
    return network


OF_ONES_OWN: dict[str, Build] = {
    "frozen": frozen,
    "sequential": layered,
    "convolution": lambda: nn.Sequential(nn.Conv1d(10, 4, 1), nn.Tanh(), nn.Flatten(), nn.Linear(4, 1)),
    "GRU": partial(Recurrent, nn.GRU),
    "LSTM": partial(Recurrent, nn.LSTM),
    "norms of a bag": lambda: layered(nn.GroupNorm(2, 8), nn.LayerNorm(8)),
    "average of a GRU": lambda: GroupAverage(Recurrent(nn.GRU), PermutationGroup.cyclic(10), train_samples=2),
}


@pytest.mark.parametrize("name", OF_ONES_OWN)
def test_networks_of_ones_own_learn_at_once_what_they_learn_one_by_one(name: str) -> None:
    build = partial(in_float64, OF_ONES_OWN[name])
    data = Fresh(sample_in_float64)
    together = train_seeds(build, data, SHORT, [0, 11])
    for i, seed in enumerate([0, 11]):
        _, history = train(initialise(build, seed), data, SHORT, seed)
        np.testing.assert_allclose(together.history[:, i], history, rtol=1e-8, atol=1e-10)


def test_what_dropout_drops_depends_on_the_seed_alone() -> None:
    run = partial(train_seeds, partial(layered, nn.Dropout(0.5)), FRESH, SHORT)
    everyone = run(range(10))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    for seeds in ([3], [9, 0]):
        some = run(seeds)
        assert np.array_equal(some.history, everyone.history[:, seeds])
        assert all(torch.equal(some.state[key], everyone.state[key][seeds]) for key in some.state)
    assert torch.equal(torch.get_rng_state(), before)
    with ThreadPoolExecutor(2) as threads:
        for some in threads.map(run, [[3], [3]]):
            assert np.array_equal(some.history[:, 0], everyone.history[:, 3])
    without = train_seeds(layered, FRESH, SHORT, [3])
    assert np.abs(without.history[:, 0] - everyone.history[:, 3]).max() > 1e-3, "the control: it drops something"


def test_dropout_of_a_single_model_depends_on_the_seed_alone() -> None:
    build = partial(layered, nn.Dropout(0.5))
    histories = []
    for state in (1, 2):
        torch.manual_seed(state)
        before = torch.get_rng_state()
        histories.append(train(initialise(build, 0), FRESH, SHORT, 0)[1])
        assert torch.equal(torch.get_rng_state(), before)
    assert histories[0] == histories[1]
    assert histories[0] != train(initialise(layered, 0), FRESH, SHORT, 0)[1], "the control: it drops something"


def test_seeds_drop_other_things_though_they_learn_the_same_bags_from_the_same_weights() -> None:
    bags, settings = TASK.sample(34, generator(0, "bags")), Settings(2, 34, 0.01)
    data = Fresh(lambda sets, draws: Bags(bags.x.repeat(sets // 34, 1, 1), bags.y.repeat(sets // 34, 1)))
    for layers, differ in (([nn.Dropout(0.5)], True), ([], False)):
        build = partial(initialise, partial(layered, *layers), 0)
        history = train_seeds(build, data, settings, [0, 1, 8]).history[0]
        singles = [train(build(), data, settings, seed)[1][0] for seed in (0, 1)]
        assert (len(set(history.tolist())), len(set(singles))) == ((3, 2) if differ else (1, 1))


def test_blocks_compute_with_one_thread_and_leave_the_number_of_threads_as_it_was() -> None:
    threads = []

    class Asking(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.randn(1))

        def forward(self, x: Tensor) -> Tensor:
            threads.append(torch.get_num_threads())
            return x.sum(-2) * self.weight

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        train_seeds(Asking, FRESH, Settings(2, 10, 0.1), [0])
        assert set(threads) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_no_point_of_the_curves_is_one_of_no_steps() -> None:
    trained = train_seeds(NETWORKS["mlp"], FRESH, Settings(3, 10, 0.1), [0, 5])
    assert trained.curves.shape == (0, 4, 2)
    assert trained.measured.shape == (0,)
    assert trained.measured.dtype.kind == "i"
    assert trained.history.shape == (3, 2)
    assert trained.kept.tolist() == [-1, -1]
    assert best_seed(trained_with(np.empty((0, 3), np.float32), np.empty((0, 3)), [0] * 3), "last", last=5) == 0


def test_a_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda")
    assert choose_device("cpu") == torch.device("cpu")
