"""The schema of models, groups and symmetrizers in params.yaml."""

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from permset.config.constraints import Count, Positive, Strict, one_or_several
from permset.config.kinds import (
    Activation,
    Averaged,
    Channels,
    LayerNormKind,
    Order,
    PoolingKind,
    SetNormKind,
    Statistic,
)


class NamedGroupParams(Strict):
    """A group of all positions of a bag, by name."""

    kind: Literal["symmetric", "cyclic", "dihedral", "trivial"]


class BlocksParams(Strict):
    """All permutations within consecutive blocks."""

    kind: Literal["blocks"]
    sizes: Annotated[list[Count], Field(min_length=1)]


class GeneratedParams(Strict):
    """The group that some permutations generate, each a product of disjoint cycles of positions 0, 1, …"""

    kind: Literal["generated"]
    cycles: Annotated[list[list[list[Annotated[int, Field(ge=0)]]]], Field(min_length=1)]


GroupParams = Annotated[NamedGroupParams | BlocksParams | GeneratedParams, Field(discriminator="kind")]


class DeepSetParams(Strict):
    """set(pool(element(x))); widths are those of the layers after the input."""

    kind: Literal["deepset"]
    element_widths: Annotated[list[Count], Field(min_length=1)]
    """element-wise network; the last width is the number of pooled features"""
    set_widths: list[Count]
    """hidden layers of the set-wise network"""
    element_activation: Activation
    set_activation: Activation
    pooling: Annotated[PoolingKind | list[PoolingKind], one_or_several(get_args(PoolingKind))]
    """of the objects' features; several kinds side by side"""
    norm: SetNormKind = "none"
    """before each activation of the element-wise network: over all objects and features of a bag"""


class SetTransformerParams(Strict):
    """Attention between objects, attention of learnt seeds to objects, a linear layer."""

    kind: Literal["set_transformer"]
    width: Count
    heads: Count
    blocks: Annotated[int, Field(ge=0)]
    """of attention between objects"""
    inducing: Count | None = None
    """points through which objects attend to each other; to each other directly where they are not given"""
    seeds: Count = 1
    """that pool the objects"""
    norm: LayerNormKind = "none"

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> "SetTransformerParams":
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads {self.heads}, got {self.width}")
        return self


class SVMParams(Strict):
    """The yardstick: a support-vector machine (RBF) on statistics of each channel over the objects."""

    kind: Literal["svm"]
    statistics: Annotated[list[Statistic], Field(min_length=1)]
    penalty: Positive
    """scikit-learn's C"""


class MLPParams(Strict):
    """A plain network on the flattened bag, the control without any symmetry."""

    kind: Literal["mlp"]
    widths: list[Count]
    """hidden layers"""
    activation: Activation


class EquivariantParams(Strict):
    """Equivariant layers, each with an activation, then an invariant one."""

    kind: Literal["equivariant"]
    widths: Annotated[list[Count], Field(min_length=1)]
    """channels of the equivariant layers"""
    activation: Activation
    channels: Channels = "scaled"
    """how input channels are brought together; see permset/symmetry/layers.py"""
    group: GroupParams | None = None
    """that ties the weights; all permutations where it is not given"""


class MultiChannelParams(Strict):
    """Linear maps between arrays of objects and channels, without symmetry, an activation between them."""

    kind: Literal["multichannel"]
    shapes: list[Annotated[list[Count], Field(min_length=2, max_length=2)]]
    """[objects, channels] of the hidden layers"""
    activation: Activation


ModelParams = Annotated[
    DeepSetParams | SetTransformerParams | SVMParams | MLPParams | EquivariantParams | MultiChannelParams,
    Field(discriminator="kind"),
]


class CanonicalParams(Strict):
    kind: Literal["canonical"]
    order: Order


class AverageParams(Strict):
    kind: Literal["average"]
    group: GroupParams
    of: Averaged = "logits"
    train_samples: Count | None = None
    """random elements in training; the whole group where it is not given"""


class SampledAverageParams(Strict):
    kind: Literal["sampled_average"]
    group: GroupParams
    of: Averaged = "logits"
    samples: Count
    """fixed random elements in use"""
    train_samples: Count
    """random elements a bag and step in training"""
    seed: Annotated[int, Field(ge=0)]
    """of the fixed ones"""


class AugmentationParams(Strict):
    kind: Literal["augmentation"]
    group: GroupParams


SymmetrizerParams = Annotated[
    CanonicalParams | AverageParams | SampledAverageParams | AugmentationParams, Field(discriminator="kind")
]


def mismatch(group: GroupParams, set_size: int) -> str | None:
    """What keeps a group from acting on bags of this size, if anything does."""
    if isinstance(group, BlocksParams) and sum(group.sizes) != set_size:
        return f"sizes must add up to the set size {set_size}, got {group.sizes}"
    for cycles in group.cycles if isinstance(group, GeneratedParams) else []:
        moved = [i for cycle in cycles for i in cycle]
        if len(set(moved)) < len(moved) or not set(moved) <= set(range(set_size)):
            return f"cycles must be disjoint and within 0, …, {set_size - 1}, got {cycles}"
    return None
