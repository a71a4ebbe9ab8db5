"""What an exact average costs is counted as it is spent, and told before it begins."""

import itertools
import warnings

import pytest
import torch
from torch import Tensor, nn

from permset import PermsetError
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import GroupAverage
from permset.tracking import costs
from permset.tracking.costs import Announced, evaluations


class Counting(nn.Module):
    """How many bags it was called with."""

    calls = 0

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        self.calls += len(x)
        return x.sum((-2, -1)).unsqueeze(-1)


GROUPS = {
    "all": PermutationGroup.symmetric(4),
    "rotations": PermutationGroup.cyclic(4),
    "blocks": PermutationGroup.blocks([2, 2]),
}


@pytest.mark.parametrize("group", GROUPS.values(), ids=GROUPS)
@pytest.mark.parametrize("masked", [False, True])
def test_evaluations_are_counted(group: PermutationGroup, masked: bool) -> None:
    for objects in itertools.combinations_with_replacement([0.0, -0.0, 1.0, 2.0, 3.0], 4):
        x = torch.tensor([[*objects], [*objects[::-1]], [*objects], [objects[0]] * 4])[..., None]
        mask = torch.tensor([[True, True, True, False]] * 3 + [[True] * 4]) if masked else None
        network = Counting()
        GroupAverage(network, group)(x, mask)
        found = sum(evaluations(group, torch.where(mask[..., None], x, 0.0) if masked else x, mask))
        assert found == network.calls if group.is_symmetric else network.calls <= found <= 4 * group.order


def test_an_average_of_many_arrangements_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    network, x = Announced(GroupAverage(Counting(), GROUPS["all"])), torch.randn(3, 4, 1)
    assert (costs.LONG, costs.ENDLESS) == (10**6, 10**9)
    monkeypatch.setattr(costs, "LONG", 3 * 24)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.testing.assert_close(network(x), x.sum(1))
    monkeypatch.setattr(costs, "LONG", 3 * 24 - 1)
    with pytest.warns(UserWarning, match="^the exact average evaluates its network 72 times for 3 bags; a small"):
        network(x)


def test_an_average_that_would_not_end_is_refused() -> None:
    network = Announced(GroupAverage(Counting(), PermutationGroup.symmetric(43)))
    mask = torch.arange(13) < 12
    line = r"^a bag has [\d,]+ different arrangements, and the exact average takes at most 1,000,000,000; train"
    with pytest.raises(PermsetError, match=line):
        network(torch.randn(1, 13, 1), mask[None])
    assert len(network(torch.ones(2, 43, 1))) == 2, "of equal objects there is one arrangement"
