"""Networks on bags.

Every network maps bags (*batch, n, channels), and a mask (*batch, n) where their sizes differ, to (*batch, outputs):
one logit, of which `torch.sigmoid` is a probability, a logit for each class, or real numbers. What is
pooled of an empty bag is zero, whatever the pooling, and attention over it adds nothing. No bags give (0, outputs).
"""

from collections.abc import Callable
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from permset.config.kinds import Activation, Channels, LayerNormKind, PoolingKind, SetNormKind
from permset.data.masks import Mask, in_positions, resize, without_padding
from permset.networks.attention import ISAB, PMA, SAB
from permset.networks.pooling import Pooling, SetNorm
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.layers import EquivariantLinear, GroupEquivariantLinear, InvariantLinear, MultiChannelLinear
from permset.symmetry.symmetrizers import SetNetwork

Objects = Float[Tensor, "*batch n c"]
Outputs = Float[Tensor, "*batch outputs"]


class DeepSet(SetNetwork):
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
        norm: SetNormKind = "none",
        outputs: int = 1,
    ):
        super().__init__()
        widths = [channels, *element_widths]
        self.element = dense(widths, element_activation, SetNorm if norm == "set" else None)
        self.pool = Pooling(widths[-1], [pooling] if isinstance(pooling, str) else pooling)
        self.set = dense([self.pool.features, *set_widths, outputs], set_activation)

    def forward(self, x: Objects, mask: Mask | None = None) -> Outputs:
        return self.set(self.pooled(x, mask))

    def pooled(self, x: Objects, mask: Mask | None = None) -> Float[Tensor, "*batch pooled"]:
        features = self.features(x, mask)
        return self.pool(features, mask)

    def features(self, x: Objects, mask: Mask | None = None) -> Float[Tensor, "*batch n features"]:
        """φ of each object."""
        features = without_padding(x, mask)
        for layer in self.element:
            features = layer(features, mask) if isinstance(layer, SetNorm) else layer(features)
        return features

    def claimed_group(self, set_size: int) -> PermutationGroup:
        return PermutationGroup.symmetric(set_size)


class SetTransformer(SetNetwork):
    """linear(SAB(…PMA(SAB(…SAB(x))))), with ISAB in place of the inner SAB where there are inducing points (Lee et al.
    2019, arXiv:1810.00825, section 3.2); seeds of the pooling are laid side by side."""

    def __init__(
        self,
        channels: int,
        width: int,
        heads: int,
        blocks: int,
        inducing: int | None = None,
        seeds: int = 1,
        norm: LayerNormKind = "none",
        outputs: int = 1,
        blocks_of_seeds: int = 0,
    ):
        super().__init__()
        widths = [channels] + [width] * blocks
        self.embed = nn.Identity() if blocks else nn.Linear(channels, width)
        self.blocks = nn.ModuleList(
            SAB(c_in, width, heads, norm) if inducing is None else ISAB(c_in, width, heads, inducing, norm)
            for c_in in widths[:-1]
        )
        self.pool = PMA(width, heads, seeds, norm)
        self.blocks_of_seeds = nn.ModuleList(SAB(width, width, heads, norm) for _ in range(blocks_of_seeds))
        self.linear = nn.Linear(seeds * width, outputs)

    def forward(self, x: Objects, mask: Mask | None = None) -> Outputs:
        pooled = self.pool(self.features(x, mask), mask)
        for block in self.blocks_of_seeds:
            pooled = block(pooled)
        return self.linear(pooled.flatten(-2))

    def features(self, x: Objects, mask: Mask | None = None) -> Float[Tensor, "*batch n width"]:
        """Of each object among the others, before they are pooled."""
        x = self.embed(without_padding(x, mask))
        for block in self.blocks:
            x = block(x, mask)
        return x

    def claimed_group(self, set_size: int) -> PermutationGroup:
        return PermutationGroup.symmetric(set_size)


class MLP(SetNetwork):
    """A plain network on the objects in the order they come, zeros after the last; it claims no symmetry."""

    def __init__(
        self, set_size: int, channels: int, widths: list[int], activation: Activation = "tanh", outputs: int = 1
    ):
        super().__init__()
        self.set_size = set_size
        self.layers = dense([set_size * channels, *widths, outputs], activation)

    def forward(self, x: Objects, mask: Mask | None = None) -> Outputs:
        return self.layers(in_positions(x, mask, self.set_size).flatten(-2))


class EquivariantNetwork(SetNetwork):
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
            linear = (
                EquivariantLinear(c_in, c_out, channels)
                if group is None
                else GroupEquivariantLinear(c_in, c_out, group, channels)
            )
            layers += [linear, ACTIVATIONS[activation]()]
        self.layers = nn.Sequential(*layers)
        self.invariant = InvariantLinear(widths[-1], outputs, channels)

    def forward(self, x: Objects, mask: Mask | None = None) -> Outputs:
        if self.group is not None:
            x, mask = resize(x, mask, self.group.degree)
        for layer in self.layers:
            x = layer(x, mask) if isinstance(layer, EquivariantLinear | GroupEquivariantLinear) else layer(x)
        return self.invariant(x, mask).squeeze(-2)

    def claimed_group(self, set_size: int) -> PermutationGroup:
        return self.group or PermutationGroup.symmetric(set_size)


class MultiChannelNetwork(SetNetwork):
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

    def forward(self, x: Objects, mask: Mask | None = None) -> Outputs:
        return self.layers(in_positions(x, mask, self.set_size)).squeeze(-2)


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


def count_params(model: nn.Module) -> int:
    """Number of trainable weights."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
