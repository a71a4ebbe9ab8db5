"""Builds the networks and groups that params.yaml names; the only registry of them."""

from torch import nn

from permset import PermsetError
from permset.config.networks import (
    AugmentationParams,
    AverageParams,
    BlocksParams,
    CanonicalParams,
    DeepSetParams,
    EquivariantParams,
    FrameParams,
    GeneratedParams,
    GroupParams,
    MLPParams,
    ModelParams,
    MonotoneParams,
    MultiChannelParams,
    NamedGroupParams,
    SampledAverageParams,
    SetTransformerParams,
    SVMParams,
    SymmetrizerParams,
    mismatch,
)
from permset.data.randomness import generator
from permset.networks.kernel_machine import KernelMachine
from permset.networks.monotone import MonotoneSet
from permset.networks.networks import MLP, DeepSet, EquivariantNetwork, MultiChannelNetwork, SetTransformer
from permset.networks.standardization import Standardized
from permset.symmetry.frames import WeightedFrame
from permset.symmetry.groups import Permutation, PermutationGroup
from permset.symmetry.symmetrizers import (
    Canonicalization,
    GroupAverage,
    PermutationAugmentation,
    SampledGroupAverage,
    SetNetwork,
)


def build_model(
    params: ModelParams,
    symmetrizer: SymmetrizerParams | None,
    set_size: int,
    channels: int,
    outputs: int = 1,
    standardize: bool = False,
) -> SetNetwork:
    """A network, with fresh weights from torch's generator, and what wraps it; `set_size` is of the largest bag."""
    network = _symmetrized(build_network(params, set_size, channels, outputs), symmetrizer, set_size, channels)
    return Standardized(network, channels, outputs) if standardize else network


def _symmetrized(
    network: SetNetwork, symmetrizer: SymmetrizerParams | None, set_size: int, channels: int
) -> SetNetwork:
    match symmetrizer:
        case None:
            return network
        case CanonicalParams():
            group_of_order = None if symmetrizer.group is None else build_group(symmetrizer.group, set_size)
            return Canonicalization(network, symmetrizer.order, group_of_order)
        case FrameParams():
            directions = generator(symmetrizer.seed, "directions")
            return WeightedFrame(network, channels, symmetrizer.directions, directions)
        case AverageParams():
            group = build_group(symmetrizer.group, set_size)
            return GroupAverage(network, group, symmetrizer.of, symmetrizer.train_samples)
        case SampledAverageParams():
            group, draws = build_group(symmetrizer.group, set_size), generator(symmetrizer.seed, "average")
            samples, train_samples = symmetrizer.samples, symmetrizer.train_samples
            return SampledGroupAverage(network, group, samples, train_samples, draws, symmetrizer.of)
        case AugmentationParams():
            return PermutationAugmentation(network, build_group(symmetrizer.group, set_size))


def build_network(params: ModelParams, set_size: int, channels: int, outputs: int) -> SetNetwork:
    match params:
        case DeepSetParams():
            return DeepSet(channels, **params.model_dump(exclude={"kind"}), outputs=outputs)
        case MonotoneParams():
            return MonotoneSet(channels, **params.model_dump(exclude={"kind"}), outputs=outputs)
        case SetTransformerParams():
            return SetTransformer(channels, **params.model_dump(exclude={"kind"}), outputs=outputs)
        case SVMParams():
            return KernelMachine(channels, params.statistics, outputs)
        case MLPParams():
            return MLP(set_size, channels, params.widths, params.activation, outputs)
        case EquivariantParams():
            group = None if params.group is None else build_group(params.group, set_size)
            return EquivariantNetwork(channels, params.widths, params.activation, params.channels, group, outputs)
        case MultiChannelParams():
            return MultiChannelNetwork(set_size, channels, params.shapes, params.activation, outputs)


def build_group(params: GroupParams, degree: int) -> PermutationGroup:
    """PermsetError if it cannot act on bags of this size."""
    mistake = mismatch(params, degree)
    if mistake:
        raise PermsetError(mistake)
    match params:
        case NamedGroupParams():
            return getattr(PermutationGroup, params.kind)(degree)
        case BlocksParams():
            return PermutationGroup.blocks(params.sizes)
        case GeneratedParams():
            return PermutationGroup([Permutation.from_cycles(degree, *cycles) for cycles in params.cycles])


def is_exportable(network: nn.Module) -> bool:
    """Whether the same tensor operations serve every bag, so that the network can be exported as a graph of them."""
    return not any(
        isinstance(part, GroupAverage) or (isinstance(part, Canonicalization) and part.group is not None)
        for part in network.modules()
    )
