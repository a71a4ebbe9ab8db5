"""Jumps of outputs along paths between bags, and the verdict."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from permset.data.randomness import generator
from permset.evaluation.continuity import continuity, is_in_doubt
from permset.evaluation.invariance import Predict, as_used, yardstick
from permset.evaluation.probes import Inputs
from permset.networks.networks import MLP, DeepSet, EquivariantNetwork
from permset.symmetry.frames import WeightedFrame
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import Canonicalization, GroupAverage, PermutationAugmentation, SetNetwork

N, CHANNELS = 5, 3
X = torch.randn(40, N, CHANNELS, generator=generator(0, "bags")).double()
MASK = torch.arange(N) < (torch.arange(40) % N + 1)[:, None]


def measured(predict: Predict, inputs: Inputs = (X,), rounding: float = 1e-12) -> dict[str, Any]:
    return continuity(predict, [inputs], yardstick(predict, [inputs]), rounding, generator(0, "paths"))


def mlp(channels: int = CHANNELS) -> MLP:
    torch.manual_seed(0)
    return MLP(N, channels, [16, 16], "tanh")


class EvenFrame(SetNetwork):
    """The control of a weighted frame: all directions have the same weight."""

    def __init__(self, directions: int) -> None:
        super().__init__()
        self.network, self.directions = mlp(), torch.randn(directions, CHANNELS, generator=generator(0, "directions"))

    def forward(self, x: Tensor) -> Tensor:
        orders = [(x @ a.to(x)).argsort(-1).unsqueeze(-1).expand(x.shape) for a in self.directions]
        return torch.stack([self.network(x.gather(-2, order)) for order in orders]).mean(0)


CYCLIC = PermutationGroup.cyclic(N)
CONTINUOUS: dict[str, Callable[[], nn.Module]] = {
    "MLP": mlp,
    "DeepSet": lambda: DeepSet(CHANNELS, [8, 8], [8], "relu", "relu", ["max", "sum"]),
    "equivariant": lambda: EquivariantNetwork(CHANNELS, [8, 8], group=CYCLIC),
    "average": lambda: GroupAverage(mlp(), CYCLIC),
    "augmentation": lambda: PermutationAugmentation(mlp(), CYCLIC),
    "each channel sorted": lambda: Canonicalization(mlp(), "channels"),
    "weighted frame": lambda: WeightedFrame(mlp(), CHANNELS, 21, generator(0, "directions")),
    "weighted frame of few": lambda: WeightedFrame(mlp(), CHANNELS, 3, generator(0, "directions")),
}
PLAIN = "MLP", "DeepSet", "equivariant", "average", "augmentation"
JUMPING: dict[str, Callable[[], nn.Module]] = {
    "sorted": lambda: Canonicalization(mlp()),
    "sorted by norm": lambda: Canonicalization(mlp(), "norm"),
    "least rotation": lambda: Canonicalization(mlp(), group=CYCLIC),
    "even frame": lambda: EvenFrame(3),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_continuous(name: str) -> None:
    found = measured(as_used(CONTINUOUS[name]()))
    assert found["continuous"] == "continuous"
    assert found["continuity"] < 1e-6


@pytest.mark.parametrize("name", JUMPING)
def test_a_sort_puts_objects_the_other_way_at_once(name: str) -> None:
    found = measured(as_used(JUMPING[name]()))
    assert found["continuous"] == "not continuous"
    assert found["continuity"] > 1e-2


def test_the_sort_of_one_channel_is_continuous_and_its_least_rotation_is_not() -> None:
    numbers = (X[..., :1],)
    assert measured(as_used(Canonicalization(mlp(1))), numbers)["continuous"] == "continuous"
    assert measured(as_used(Canonicalization(mlp(1), group=CYCLIC)), numbers)["continuous"] == "not continuous"


def first(x: Tensor) -> Tensor:
    """The first number of each bag."""
    return x[:, :1, 0]


def test_a_jump_is_found_and_measured() -> None:
    """Of 1/4 in outputs whose spread is known, by the one of two networks that jumps."""
    jump = lambda x: torch.stack([first(x), first(x) + 0.25 * (first(x) > 0.1)])  # noqa: E731
    found = measured(jump)
    spread = yardstick(jump, [(X,)]).spread[1].item()
    assert found["continuous"] == "not continuous"
    assert found["continuity"] == pytest.approx(0.25 / spread, rel=1e-6)


def test_a_square_root_is_continuous_however_steep() -> None:
    found = measured(lambda x: first(x).clamp(min=0).sqrt()[None])
    assert found["continuous"] == "continuous"
    assert found["continuity"] < 1e-3


def test_rounding_is_no_jump_and_a_constant_is_continuous() -> None:
    rough = lambda x: (1 + 1e-15 * (first(x) > 0).double())[None]  # noqa: E731
    assert measured(rough)["continuous"] == "continuous"
    assert measured(rough, rounding=1e-17)["continuous"] == "not continuous"
    assert measured(lambda x: torch.ones_like(first(x))[None])["continuous"] == "continuous"


def test_what_is_no_number_is_not_continuous() -> None:
    assert measured(lambda x: (first(x) * math.nan)[None])["continuous"] == "not continuous"


def test_paths_lead_through_the_objects_of_a_bag_and_not_through_its_padding() -> None:
    seen: list[Tensor] = []

    def watched(x: Tensor, mask: Tensor) -> Tensor:
        seen.append(x[~mask])
        return torch.where(mask, x[..., 0], 0.0).sum(-1)[None, :, None]

    assert measured(watched, (torch.where(MASK[..., None], X, 7.0), MASK))["continuous"] == "continuous"
    assert len(seen) > 10
    assert all(bool((padding == 7).all()) for padding in seen)


def test_a_path_ends_where_each_channel_is_dealt_out_anew() -> None:
    seen: list[Tensor] = []

    def watched(x: Tensor) -> Tensor:
        seen.append(x)
        return first(x)[None]

    measured(watched, (X[:2],))
    cuts = next(x for x in seen if len(x) == 2 * 65).unflatten(0, (65, 2))
    torch.testing.assert_close(cuts[0], X[:2], rtol=0, atol=0)
    torch.testing.assert_close(cuts[64].sort(1).values, X[:2].sort(1).values)
    torch.testing.assert_close(cuts[16], 0.75 * cuts[0] + 0.25 * cuts[64])
    assert all((cuts[64, bag, :, channel] != X[bag, :, channel]).any() for bag in (0, 1) for channel in range(CHANNELS))
    assert not torch.equal(cuts[64, ..., 0].argsort(1).argsort(1), cuts[64, ..., 1].argsort(1).argsort(1))


def test_bags_of_every_portion_are_starts() -> None:
    """A jump that only bags of the second portion have."""
    jump = lambda x: ((x.shape[1] == 4) * (first(x) > 0))[None].double()  # noqa: E731
    portions: list[Inputs] = [(X,), (X[:, :4],)]
    found = continuity(jump, portions, yardstick(jump, portions), 1e-12, generator(0, "paths"))
    assert found["continuous"] == "not continuous"


def test_networks_that_put_objects_in_order_are_in_doubt() -> None:
    """But for averages over groups so large that they cannot be measured."""
    assert not any(is_in_doubt(network()) for name, network in CONTINUOUS.items() if name in PLAIN)
    for wrapped in (Canonicalization(mlp()), CONTINUOUS["weighted frame"](), JUMPING["least rotation"]()):
        assert is_in_doubt(nn.Sequential(wrapped))
    small, large = (GroupAverage(Canonicalization(mlp()), PermutationGroup.symmetric(n)) for n in (7, 8))
    assert is_in_doubt(small)
    assert not is_in_doubt(large)
