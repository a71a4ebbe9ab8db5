"""Every draw has a named stream of its own; the names are part of every committed result."""

import torch
from small_trainings import TASK
from torch import Tensor, nn

from permset.config.networks import MLPParams, NamedGroupParams, SampledAverageParams
from permset.data.batches import batches
from permset.data.drawn import Fixed, Fresh
from permset.data.randomness import drawing, generator
from permset.data.tasks import UnitSum
from permset.networks.build import build_model
from permset.symmetry.groups import PermutationGroup
from permset.training.blocks import initialise

CPU = torch.device("cpu")


def test_streams_of_other_names_or_seeds_are_others() -> None:
    def numbers(seed: int, stream: str) -> tuple[float, ...]:
        return tuple(torch.rand(4, generator=generator(seed, stream)).tolist())

    drawn = [numbers(seed, stream) for seed in (0, 1) for stream in ("weights", "batches", "")]
    assert len(set(drawn)) == len(drawn)
    assert numbers(0, "weights") == numbers(0, "weights")


def test_fresh_bags_are_of_the_stream_batches_and_validation_of_its_own() -> None:
    bags = Fresh(TASK.sample).stream(3, CPU)(2, 10)[0]
    assert torch.equal(bags.x.flatten(0, 1), TASK.sample(20, generator(3, "batches")).x)
    for data in (Fresh(TASK.sample), Fixed(TASK.sample, 30)):
        assert torch.equal(data.validation(3, 10, CPU)[0].x, TASK.sample(10, generator(3, "validation")).x)


def test_a_fixed_sample_and_its_order_are_of_streams_of_their_own() -> None:
    sample, order = TASK.sample(6, generator(3, "bags")), generator(3, "order")
    orders = [torch.randperm(3, generator=order) for _ in range(2)]
    expected = torch.stack([torch.arange(6).view(-1, 2).T[i][orders[i]] for i in range(2)], 1).flatten()
    assert torch.equal(Fixed(TASK.sample, 6).stream(3, CPU)(1, 6)[0].x[0], sample.x[expected])


def test_permutations_in_training_are_of_their_stream() -> None:
    group = PermutationGroup.symmetric(10)

    def draw(sets: int, draws: torch.Generator) -> Tensor:
        return group.sample(sets, draws).unsqueeze(1)

    [part] = next(batches(Fresh(TASK.sample), 2, 4, 3, CPU, draw))
    assert torch.equal(part["permutations"].flatten(0, 1), draw(8, generator(3, "permutations")))


def test_weights_are_of_the_stream_weights() -> None:
    torch.set_rng_state(generator(3, "weights").get_state())
    expected = nn.Linear(4, 4)
    assert torch.equal(initialise(lambda: nn.Linear(4, 4), 3).weight, expected.weight)  # type: ignore[arg-type]


def test_the_test_set_has_its_own_seed() -> None:
    task = UnitSum(test_sets=20, test_seed=5)
    assert torch.equal(task.test_set().x, UnitSum().sample(20, generator(5, "test")).x)


def test_a_sampled_average_has_the_permutations_of_its_seed() -> None:
    def permutations(seed: int) -> Tensor:
        group = NamedGroupParams(kind="symmetric")
        wrapper = SampledAverageParams(kind="sampled_average", group=group, samples=7, train_samples=2, seed=seed)
        network = build_model(MLPParams(kind="mlp", widths=[3], activation="tanh"), wrapper, 5, 1)
        return dict(network.named_buffers())["permutations"]

    assert torch.equal(permutations(3), PermutationGroup.symmetric(5).sample(7, generator(3, "average")))
    assert not torch.equal(permutations(3), permutations(4))


def test_modules_draw_from_a_stream_from_where_it_was_left() -> None:
    draws, before = generator(0, "layers"), torch.get_rng_state()
    parts = []
    for _ in range(2):
        with drawing(draws):
            parts.append(torch.rand(3))
    assert torch.equal(torch.cat(parts), torch.rand(6, generator=generator(0, "layers")))
    assert torch.equal(torch.get_rng_state(), before)
