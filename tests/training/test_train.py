"""Seeds at once against one by one, and what a seed learns against whatever runs beside it."""

import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from permset import PermsetError
from permset.data.bags import Bags
from permset.data.batches import Fixed, Fresh, batches
from permset.data.randomness import generator
from permset.data.targets import binary_cross_entropy
from permset.data.tasks import GaussianVariance, UnitSum
from permset.networks.networks import MLP, DeepSet
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import PermutationAugmentation
from permset.training.compiled import compile_step
from permset.training.settings import Settings
from permset.training.stack import predict, stack, unstack
from permset.training.train import Build, Trained, best_seed, choose_device, initialise, train, train_seeds
from permset.training.workers import seed_workers

NETWORKS = {
    "deepset": partial(DeepSet, 1, [5, 5, 1], [5]),
    "deepset_mean": partial(DeepSet, 1, [7, 3], [5, 4], element_activation="relu", pooling="mean"),
    "deepset_mean_of_one_feature": partial(DeepSet, 1, [5, 5, 1], [5], pooling="mean"),
    "deepset_max": partial(DeepSet, 1, [7, 3], [], element_activation="gelu", pooling="max"),
    "deepset_linear": partial(DeepSet, 1, [5, 1], [5], element_activation="none"),
    "mlp": partial(MLP, 10, 1, [9, 6], activation="silu"),
    "logistic": partial(MLP, 10, 1, []),
    "augmented": lambda: PermutationAugmentation(MLP(10, 1, [9]), PermutationGroup.symmetric(10)),
}
SETTINGS = Settings(steps=120, batch_size=34, learning_rate=0.01, measure_every=30, measure_sets=20)
COSINE = replace(SETTINGS, schedule="cosine")
ODD = replace(SETTINGS, batch_size=33)
TASK = UnitSum()
FRESH, FIXED = Fresh(TASK.sample), Fixed(TASK.sample, 50)


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
        *((name, SETTINGS, None) for name in NETWORKS),
        ("deepset", COSINE, None),
        ("deepset", replace(SETTINGS, weight_decay=0.1), None),
        ("deepset", ODD, 50),
        ("augmented", ODD, 50),
    ],
)
def test_seeds_at_once_learn_what_they_learn_one_by_one(name: str, settings: Settings, bags: int | None) -> None:
    """In float64, where a hundred steps do not blow rounding up to the size of what is learnt."""
    build = partial(in_float64, NETWORKS[name])
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


@pytest.mark.parametrize("name", NETWORKS)
def test_a_compiled_step_gives_autograds_gradients(name: str) -> None:
    networks = [initialise(NETWORKS[name], seed) for seed in range(3)]
    state, own = stack(networks)
    x, y = torch.rand(3, 12, 10, 1), torch.rand(3, 12, 1).round()
    step = compile_step(networks[0], state, own, binary_cross_entropy, [1.0], [{"x": x, "y": y}])
    *gradients, losses = step(list(state.values()), [], x, y)
    for i, network in enumerate(networks):
        loss = F.binary_cross_entropy_with_logits(network(x[i]), y[i])
        expected = torch.autograd.grad(loss, list(network.parameters()))
        torch.testing.assert_close(losses[i], loss, rtol=1e-5, atol=1e-6)
        for gradient, reference in zip(gradients, expected, strict=True):
            torch.testing.assert_close(gradient[i], reference, rtol=1e-4, atol=1e-6)


def test_the_loss_is_stable_where_the_sigmoid_saturates() -> None:
    logits = torch.tensor([[-200.0], [200.0], [200.0], [0.0]])
    labels = torch.tensor([[0.0], [1.0], [0.0], [1.0]])
    expected = F.binary_cross_entropy_with_logits(logits, labels)
    torch.testing.assert_close(binary_cross_entropy(logits, labels), expected)
    naive = -(labels * logits.sigmoid().log() + (1 - labels) * (1 - logits.sigmoid()).log()).mean()
    assert not torch.isfinite(naive)


def test_predict_is_each_network_alone() -> None:
    networks = [initialise(NETWORKS["mlp"], seed) for seed in range(3)]
    x = torch.rand(2345, 10, 1, dtype=torch.float64)
    outputs = predict(networks[0], stack(networks)[0], x)
    for network, output in zip(networks, outputs, strict=True):
        torch.testing.assert_close(output, network.double()(x))


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


def gaussian_sample(num_sets: int, draws: torch.Generator) -> Bags:
    return GaussianVariance().sample(num_sets, draws)


def test_curves_are_of_the_bags_just_trained_on_and_of_others() -> None:
    """Against the single network, measured after the same steps."""
    settings = replace(ODD, measure_sets=50)
    trained = train_seeds(NETWORKS["mlp"], FIXED, settings, [3, 9])
    assert trained.measured.tolist() == [50, 100, 120], "where batches are drawn in one go, at or after each 30 steps"
    assert trained.curves.shape == (3, 4, 2)
    network, _ = train(initialise(NETWORKS["mlp"], 9), FIXED, settings, 9)
    *_, (part,) = batches(FIXED, 120, 33, 9, torch.device("cpu"))
    unseen = TASK.sample(50, generator(9, "validation"))
    for (bags, labels), (loss, accuracy) in zip(
        [(part["x"].flatten(0, 1)[-50:], part["y"].flatten(0, 1)[-50:]), (unseen.x, unseen.y)],
        trained.curves[-1, :, 1].reshape(2, 2),
        strict=True,
    ):
        logits = network(bags)
        assert loss == pytest.approx(F.binary_cross_entropy_with_logits(logits, labels).item(), rel=1e-3)
        assert accuracy == pytest.approx(((logits > 0) == (labels > 0.5)).float().mean().item(), abs=0.021)


def test_a_fixed_sample_is_memorised_and_fresh_bags_are_not() -> None:
    build = partial(MLP, 10, 5, [64], activation="relu")
    settings = Settings(400, 32, 0.01, measure_every=400)
    for data, memorised in ((Fixed(gaussian_sample, 64), True), (Fresh(gaussian_sample), False)):
        train_loss, _, validation_loss, _ = train_seeds(build, data, settings, range(8)).curves[-1].mean(-1)
        assert (validation_loss > 2 * train_loss) == memorised


def test_initialising_leaves_torchs_generator_alone() -> None:
    before = torch.get_rng_state()
    first, again = initialise(NETWORKS["mlp"], 4), initialise(NETWORKS["mlp"], 4)
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(p, q) for p, q in zip(first.parameters(), again.parameters(), strict=True))


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


def test_the_best_seed_has_the_lowest_loss_at_the_end() -> None:
    history = np.array([[0.0, 9.0, 9.0], [5.0, 1.0, 2.0], [5.0, 2.0, 0.0]])
    assert best_seed(history, last=2) == 2
    assert best_seed(history, last=99) == 0


def test_a_missing_gpu_is_told() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    if not torch.cuda.is_available():
        assert choose_device("auto") == torch.device("cpu")
        with pytest.raises(PermsetError, match="device: no CUDA device was found"):
            choose_device("cuda")


def test_workers_do_not_hang_after_their_parent_computed_with_many_threads() -> None:
    """A forked process has no threads of its parent's, but a library that believes so waits for them for ever."""
    program = """
from functools import partial
import torch
from permset.api import MLP, Fresh, UnitSum
from permset.training.train import Settings, train_seeds
from permset.training.workers import seed_workers

torch.set_num_threads(2)
torch.rand(4_000_000).exp().sum()
with seed_workers(2, torch.device("cpu")) as executor:
    data, settings = Fresh(UnitSum().sample), Settings(3, 10, 0.01)
    train_seeds(partial(MLP, 10, 1, [200, 200]), data, settings, range(16), executor=executor)
"""
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], cwd=root, check=True, timeout=60)
