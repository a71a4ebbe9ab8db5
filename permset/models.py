"""Networks on bags, and the only registry of them: build_model.

Every network maps bags (*batch, n, channels), and a mask (*batch, n) where their sizes differ, to (*batch, outputs):
one logit, of which `torch.sigmoid` is a probability, a logit for each class, or real numbers.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from permset import PermsetError
from permset.attention import ISAB, PMA, SAB
from permset.entries import (
    Activation,
    AugmentationParams,
    AverageParams,
    BlocksParams,
    CanonicalParams,
    DeepSetParams,
    EquivariantParams,
    GeneratedParams,
    GroupParams,
    MLPParams,
    ModelParams,
    MultiChannelParams,
    NamedGroupParams,
    PoolingKind,
    SampledAverageParams,
    SetTransformerParams,
    SVMParams,
    SymmetrizerParams,
    mismatch,
)
from permset.groups import Permutation, PermutationGroup
from permset.kernel import KernelMachine
from permset.layers import Channels, EquivariantLinear, InvariantLinear, MultiChannelLinear
from permset.masks import Mask, in_positions, resize, without_padding
from permset.pooling import Pooling, SetNorm
from permset.randomness import generator
from permset.standardization import Standardized
from permset.symmetrizers import Canonicalization, GroupAverage, PermutationAugmentation, SampledGroupAverage

ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "none": nn.Identity,
}


def dense(widths: list[int], activation: Activation, norm: Callable[[int], nn.Module] | None = None) -> nn.Sequential:
    """Linear layers between consecutive widths, the activation, after a norm if any, between layers and not after the
    last.

    Biases start at zero (Glorot & Bengio 2010). A non-zero start gives the element-wise network of a DeepSet
    an offset, which sum pooling multiplies by the set size and which then saturates the set-wise network: on
    `unit_sum` some seeds in a hundred never learn with torch's own start, and none was seen with this one.
    """
    layers: list[nn.Module] = []
    for c_in, c_out in pairwise(widths):
        linear = nn.Linear(c_in, c_out)
        nn.init.zeros_(linear.bias)
        layers += [linear, *([] if norm is None else [norm(c_out)]), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[: -1 if norm is None else -2])


Bags = Float[Tensor, "*batch n c"]
Outputs = Float[Tensor, "*batch outputs"]


class DeepSet(nn.Module):
    """f(x) = ρ(pool_i φ(x_i)), φ element-wise and ρ set-wise (Zaheer et al. 2017, arXiv:1703.06114, Theorem 2).

    With set norm before each activation φ sees the whole bag (Zhang et al. 2022, arXiv:2206.11925).
    """

    def __init__(
        self,
        channels: int,
        element_widths: list[int],
        set_widths: list[int],
        element_activation: Activation = "tanh",
        set_activation: Activation = "tanh",
        pooling: PoolingKind | list[PoolingKind] = "sum",
        norm: Literal["none", "set"] = "none",
        outputs: int = 1,
    ):
        super().__init__()
        widths = [channels, *element_widths]
        self.element = dense(widths, element_activation, SetNorm if norm == "set" else None)
        self.pool = Pooling(widths[-1], [pooling] if isinstance(pooling, str) else pooling)
        self.set = dense([self.pool.features, *set_widths, outputs], set_activation)

    def forward(self, x: Bags, mask: Mask | None = None) -> Outputs:
        return self.set(self.pooled(x, mask))

    def pooled(self, x: Bags, mask: Mask | None = None) -> Float[Tensor, "*batch features"]:
        features = without_padding(x, mask)
        for layer in self.element:
            features = layer(features, mask) if isinstance(layer, SetNorm) else layer(features)
        return self.pool(features, mask)

    @staticmethod
    def claimed_group(set_size: int) -> PermutationGroup:
        """The group under which outputs are invariant by construction."""
        return PermutationGroup.symmetric(set_size)


class SetTransformer(nn.Module):
    """linear(PMA(SAB(…SAB(x)))), with ISAB in place of SAB where there are inducing points (Lee et al. 2019,
    arXiv:1810.00825, section 3.2); seeds of the pooling are laid side by side."""

    def __init__(
        self,
        channels: int,
        width: int,
        heads: int,
        blocks: int,
        inducing: int | None = None,
        seeds: int = 1,
        norm: Literal["none", "layer"] = "none",
        outputs: int = 1,
    ):
        super().__init__()
        widths = [channels] + [width] * blocks
        self.embed = nn.Identity() if blocks else nn.Linear(channels, width)
        self.blocks = nn.ModuleList(
            SAB(c_in, width, heads, norm) if inducing is None else ISAB(c_in, width, heads, inducing, norm)
            for c_in in widths[:-1]
        )
        self.pool = PMA(width, heads, seeds, norm)
        self.linear = nn.Linear(seeds * width, outputs)

    def forward(self, x: Bags, mask: Mask | None = None) -> Outputs:
        x = self.embed(without_padding(x, mask))
        for block in self.blocks:
            x = block(x, mask)
        return self.linear(self.pool(x, mask).flatten(-2))

    @staticmethod
    def claimed_group(set_size: int) -> PermutationGroup:
        return PermutationGroup.symmetric(set_size)


class MLP(nn.Module):
    """A plain network on the objects in the order they come, zeros after the last; it claims no symmetry."""

    def __init__(
        self, set_size: int, channels: int, widths: list[int], activation: Activation = "tanh", outputs: int = 1
    ):
        super().__init__()
        self.set_size = set_size
        self.layers = dense([set_size * channels, *widths, outputs], activation)

    def forward(self, x: Bags, mask: Mask | None = None) -> Outputs:
        return self.layers(in_positions(x, mask, self.set_size).flatten(-2))

    @staticmethod
    def claimed_group(set_size: int) -> None:
        return None


class EquivariantNetwork(nn.Module):
    """Equivariant layers, each with an activation, then an invariant one (Zaheer et al. 2017, arXiv:1703.06114)."""

    def __init__(
        self,
        channels_in: int,
        widths: list[int],
        activation: Activation = "relu",
        channels: Channels = "scaled",
        group: PermutationGroup | None = None,
        outputs: int = 1,
    ):
        super().__init__()
        self.group = group
        layers: list[nn.Module] = []
        for c_in, c_out in pairwise([channels_in, *widths]):
            layers += [EquivariantLinear(c_in, c_out, group, channels), ACTIVATIONS[activation]()]
        self.layers = nn.Sequential(*layers)
        self.invariant = InvariantLinear(widths[-1], outputs, channels)

    def forward(self, x: Bags, mask: Mask | None = None) -> Outputs:
        if self.group is not None:
            x, mask = resize(x, mask, self.group.degree)
        for layer in self.layers:
            x = layer(x, mask) if isinstance(layer, EquivariantLinear) else layer(x)
        return self.invariant(x, mask).squeeze(-2)

    def claimed_group(self, set_size: int) -> PermutationGroup:
        return self.group or PermutationGroup.symmetric(set_size)


class MultiChannelNetwork(nn.Module):
    """The notebook's network without symmetry: linear maps between arrays of objects and channels."""

    def __init__(
        self,
        set_size: int,
        channels: int,
        shapes: list[list[int]],
        activation: Activation = "relu",
        outputs: int = 1,
    ):
        super().__init__()
        self.set_size = set_size
        layers: list[nn.Module] = []
        for (n, c_in), (n_out, c_out) in pairwise([[set_size, channels], *shapes, [1, outputs]]):
            layers += [MultiChannelLinear(n, c_in, n_out, c_out), ACTIVATIONS[activation]()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: Bags, mask: Mask | None = None) -> Outputs:
        return self.layers(in_positions(x, mask, self.set_size)).squeeze(-2)

    @staticmethod
    def claimed_group(set_size: int) -> None:
        return None


Network = DeepSet | SetTransformer | KernelMachine | MLP | EquivariantNetwork | MultiChannelNetwork
Model = Network | Canonicalization | GroupAverage | SampledGroupAverage | PermutationAugmentation | Standardized


def build_model(
    params: ModelParams,
    symmetrizer: SymmetrizerParams | None,
    set_size: int,
    channels: int,
    outputs: int = 1,
    standardize: bool = False,
) -> Model:
    """A network, with fresh weights from torch's generator, and what wraps it; `set_size` is of the largest bag."""
    network = _symmetrized(build_network(params, set_size, channels, outputs), symmetrizer, set_size)
    return Standardized(network, channels, outputs) if standardize else network


def _symmetrized(network: Network, symmetrizer: SymmetrizerParams | None, set_size: int) -> Model:
    match symmetrizer:
        case None:
            return network
        case CanonicalParams():
            return Canonicalization(network, symmetrizer.order)
        case AverageParams():
            group = build_group(symmetrizer.group, set_size)
            return GroupAverage(network, group, symmetrizer.of, symmetrizer.train_samples)
        case SampledAverageParams():
            group, draws = build_group(symmetrizer.group, set_size), generator(symmetrizer.seed, "average")
            samples, train_samples = symmetrizer.samples, symmetrizer.train_samples
            return SampledGroupAverage(network, group, samples, train_samples, draws, symmetrizer.of)
        case AugmentationParams():
            return PermutationAugmentation(network, build_group(symmetrizer.group, set_size))


def build_network(params: ModelParams, set_size: int, channels: int, outputs: int) -> Network:
    match params:
        case DeepSetParams():
            return DeepSet(channels, **params.model_dump(exclude={"kind"}), outputs=outputs)
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


def count_params(model: nn.Module) -> int:
    """Number of trainable weights."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def is_exportable(model: Model) -> bool:
    """Whether the same tensor operations serve every bag, so that the model can be exported as a graph of them."""
    network = model.network if isinstance(model, Standardized) else model
    return not isinstance(network, GroupAverage)
