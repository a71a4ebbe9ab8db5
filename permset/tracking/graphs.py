"""Networks as graphs of tensor operations, which run without this package."""

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from permset.tracking.served import Interface


def graph_of(network: nn.Module, interface: Interface) -> ExportedProgram:
    """The graph for bags x (sets, n, channels) and, where the network takes one, their mask (sets, n).

    The number of sets is free, and n is where bags may have any size. PyTorch takes an axis of one for a fixed one,
    and is shown none; a graph that would hold for these shapes alone is an error.
    """
    size = interface.most or 2
    inputs = torch.zeros(2, size, len(interface.channels)), torch.ones(2, size, dtype=torch.bool)
    free = {0: Dim.DYNAMIC} | ({1: Dim.DYNAMIC} if interface.most is None else {})
    taken = 2 if interface.masked else 1
    return torch.export.export(network, inputs[:taken], dynamic_shapes=(free, free)[:taken])
