"""Networks on bags, and the only registry of them: build_model.

Every network maps (*batch, n, channels) to one logit, (*batch, 1); a probability is `torch.sigmoid` of it.
"""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from permset import PermsetError
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
    SampledAverageParams,
    SymmetrizerParams,
    mismatch,
)
from permset.groups import Permutation, PermutationGroup
from permset.layers import Channels, EquivariantLinear, InvariantLinear, MultiChannelLinear
from permset.randomness import generator
from permset.symmetrizers import Canonicalization, GroupAverage, PermutationAugmentation, SampledGroupAverage

ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "none": nn.Identity,
}


def dense(widths: list[int], activation: Activation) -> nn.Sequential:
    """Linear layers between consecutive widths, the activation between layers and none after the last.

    Biases start at zero (Glorot & Bengio 2010). A non-zero start gives the element-wise network of a DeepSet
    an offset, which sum pooling multiplies by the set size and which then saturates the set-wise network: on
    `unit_sum` some seeds in a hundred never learn with torch's own start, and none was seen with this one.
    """
    layers: list[nn.Module] = []
    for c_in, c_out in pairwise(widths):
        linear = nn.Linear(c_in, c_out)
        nn.init.zeros_(linear.bias)
        layers += [linear, ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


class DeepSet(nn.Module):
    """f(x) = ρ(pool_i φ(x_i)), φ element-wise and ρ set-wise (Zaheer et al. 2017, arXiv:1703.06114, Theorem 2)."""

    def __init__(
        self,
        channels: int,
        element_widths: list[int],
        set_widths: list[int],
        element_activation: Activation = "tanh",
        set_activation: Activation = "tanh",
        pooling: str = "sum",
    ):
        super().__init__()
        self.element = dense([channels, *element_widths], element_activation)
        self.set = dense([element_widths[-1], *set_widths, 1], set_activation)
        self.pooling = pooling

    def forward(self, x: Float[Tensor, "*batch n c"]) -> Float[Tensor, "*batch 1"]:
        return self.set(self.pooled(x))

    def pooled(self, x: Float[Tensor, "*batch n c"]) -> Float[Tensor, "*batch features"]:
        features = self.element(x)
        return features.amax(-2) if self.pooling == "max" else getattr(features, self.pooling)(-2)

    @staticmethod
    def claimed_group(set_size: int) -> PermutationGroup:
        """The group under which outputs are invariant by construction."""
        return PermutationGroup.symmetric(set_size)


class MLP(nn.Module):
    """A plain network on the objects in the order they come, for one set size; it claims no symmetry."""

    def __init__(self, set_size: int, channels: int, widths: list[int], activation: Activation = "tanh"):
        super().__init__()
        self.layers = dense([set_size * channels, *widths, 1], activation)

    def forward(self, x: Float[Tensor, "*batch n c"]) -> Float[Tensor, "*batch 1"]:
        return self.layers(x.flatten(-2))

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
    ):
        super().__init__()
        self.group = group
        layers: list[nn.Module] = []
        for c_in, c_out in pairwise([channels_in, *widths]):
            layers += [EquivariantLinear(c_in, c_out, group, channels), ACTIVATIONS[activation]()]
        self.layers = nn.Sequential(*layers)
        self.invariant = InvariantLinear(widths[-1], 1, channels)

    def forward(self, x: Float[Tensor, "*batch n c"]) -> Float[Tensor, "*batch 1"]:
        return self.invariant(self.layers(x)).squeeze(-2)

    def claimed_group(self, set_size: int) -> PermutationGroup:
        return self.group or PermutationGroup.symmetric(set_size)


class MultiChannelNetwork(nn.Module):
    """The notebook's network without symmetry: linear maps between arrays of objects and channels."""

    def __init__(self, set_size: int, channels: int, shapes: list[list[int]], activation: Activation = "relu"):
        super().__init__()
        layers: list[nn.Module] = []
        for (n, c_in), (n_out, c_out) in pairwise([[set_size, channels], *shapes, [1, 1]]):
            layers += [MultiChannelLinear(n, c_in, n_out, c_out), ACTIVATIONS[activation]()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: Float[Tensor, "*batch n c"]) -> Float[Tensor, "*batch 1"]:
        return self.layers(x).squeeze(-2)

    @staticmethod
    def claimed_group(set_size: int) -> None:
        return None


Network = DeepSet | MLP | EquivariantNetwork | MultiChannelNetwork
Model = Network | Canonicalization | GroupAverage | SampledGroupAverage | PermutationAugmentation


def build_model(params: ModelParams, symmetrizer: SymmetrizerParams | None, set_size: int, channels: int) -> Model:
    """A network, with fresh weights from torch's generator, and what wraps it."""
    network = build_network(params, set_size, channels)
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


def build_network(params: ModelParams, set_size: int, channels: int) -> Network:
    match params:
        case DeepSetParams():
            return DeepSet(channels, **params.model_dump(exclude={"kind"}))
        case MLPParams():
            return MLP(set_size, channels, params.widths, params.activation)
        case EquivariantParams():
            group = None if params.group is None else build_group(params.group, set_size)
            return EquivariantNetwork(channels, params.widths, params.activation, params.channels, group)
        case MultiChannelParams():
            return MultiChannelNetwork(set_size, channels, params.shapes, params.activation)


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
    return not isinstance(model, GroupAverage)
