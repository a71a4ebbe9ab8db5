"""A graph takes bags of all shapes that its network takes, or there is none."""

import pytest
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from tracked_results import interface

from permset.networks.networks import MLP, DeepSet
from permset.tracking.graphs import graph_of


def shapes(graph: ExportedProgram) -> list[list[int | None]]:
    """Of what it takes; None where any size is."""
    values = (node.meta["val"] for node in graph.graph.nodes if node.name in ("x", "mask"))
    return [[size if isinstance(size, int) else None for size in value.shape] for value in values]


def test_a_graph_is_free_in_the_sizes_in_which_its_network_is() -> None:
    anything, deepset = graph_of(DeepSet(3, [4], [3], pooling="lse"), interface()), DeepSet(3, [4], [3])
    assert shapes(anything) == [[None, None, 3], [None, None]]
    assert shapes(graph_of(MLP(6, 3, [4]), interface(6, fewest=0))) == [[None, 6, 3], [None, 6]]
    assert shapes(graph_of(MLP(6, 3, [4]), interface(6))) == [[None, 6, 3]]
    assert shapes(graph_of(deepset, interface(1))) == [[None, 1, 3]]


class Frozen(nn.Module):
    """It would hold for the shapes of an example alone."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return x.sum(-2) if len(x) == 2 else x.mean(-2)


def test_a_graph_for_the_shapes_of_an_example_alone_is_an_error() -> None:
    with pytest.raises(Exception, match=r"specialized|[Cc]onstraint"):
        graph_of(Frozen(), interface())
    assert torch.equal(Frozen()(torch.ones(2, 3, 3), torch.ones(2, 3) > 0), torch.full((2, 3), 3.0)), "the control"
