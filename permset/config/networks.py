"""The schema of models, groups and symmetrizers in params.yaml."""

from math import lgamma, log
from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator, model_validator

from permset.config.constraints import LARGEST_DEGREE, Count, Positive, Strict, one_or_several
from permset.config.kinds import (
    Activation,
    Averaged,
    Channels,
    Increasing,
    LayerNormKind,
    Order,
    PoolingKind,
    Presence,
    SetNormKind,
    Statistic,
)
from permset.config.mistakes import show

# Over more elements than this, training does not average: a step would call the network for each, and for each bag.
AVERAGED_AT_MOST = 10_000
Cycle = Annotated[list[Annotated[int, Field(ge=0, lt=LARGEST_DEGREE)]], Field(min_length=1)]


class NamedGroupParams(Strict):
    """A group of all positions of a bag, by name."""

    kind: Literal["symmetric", "cyclic", "dihedral", "trivial"]


class BlocksParams(Strict):
    """All permutations within consecutive blocks."""

    kind: Literal["blocks"]
    sizes: Annotated[list[Count], Field(min_length=1)]

    @field_validator("sizes")
    @classmethod
    def _add_up(cls, sizes: list[int]) -> list[int]:
        if sum(sizes) > LARGEST_DEGREE:
            raise ValueError(f"must add up to at most {LARGEST_DEGREE}, got {show(sizes)}")
        return sizes


class GeneratedParams(Strict):
    """The group that some permutations generate, each a product of disjoint cycles of positions 0, 1, …"""

    kind: Literal["generated"]
    cycles: Annotated[list[Annotated[list[Cycle], Field(min_length=1)]], Field(min_length=1)]


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


class MonotoneParams(Strict):
    """set(pool(sigmoid(element(x)))) whose outputs never fall when an object is added to a bag."""

    kind: Literal["monotone"]
    element_widths: list[Count]
    """hidden layers of the element-wise network"""
    concepts: Count
    """numbers between 0 and 1 an object, which are pooled"""
    set_widths: list[Count]
    """hidden layers of the set-wise network, whose weights are not negative"""
    element_activation: Activation
    set_activation: Increasing = "tanh"
    pooling: Presence


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
    blocks_of_seeds: Annotated[int, Field(ge=0, exclude_if=lambda blocks: blocks == 0)] = 0
    """of attention between what the seeds pooled"""
    norm: LayerNormKind = "none"

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> "SetTransformerParams":
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads {self.heads}, got {self.width}")
        return self


class SVMParams(Strict):
    """The yardstick: a support-vector machine (RBF) on statistics of channels, or of their pairs, over the objects."""

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
    DeepSetParams
    | MonotoneParams
    | SetTransformerParams
    | SVMParams
    | MLPParams
    | EquivariantParams
    | MultiChannelParams,
    Field(discriminator="kind"),
]


class CanonicalParams(Strict):
    kind: Literal["canonical"]
    order: Order
    group: Annotated[GroupParams | None, Field(exclude_if=lambda group: group is None)] = None
    """whose least arrangement of a bag is taken; all permutations where it is not given"""

    @model_validator(mode="after")
    def _channels_are_sorted_by_all(self) -> "CanonicalParams":
        if self.group is not None and self.order == "channels":
            raise ValueError("order channels takes each channel on its own, in any order; remove group")
        return self


class FrameParams(Strict):
    kind: Literal["frame"]
    directions: Count
    """in which objects are sorted"""
    seed: Annotated[int, Field(ge=0)]
    """of the directions"""


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
    CanonicalParams | FrameParams | AverageParams | SampledAverageParams | AugmentationParams,
    Field(discriminator="kind"),
]


def mismatch(group: GroupParams, set_size: int) -> str | None:
    """What keeps a group from acting on bags of this size, if anything does."""
    if isinstance(group, BlocksParams) and sum(group.sizes) != set_size:
        return f"sizes must add up to the set size {set_size}, got {show(group.sizes)}"
    for cycles in group.cycles if isinstance(group, GeneratedParams) else []:
        moved = [i for cycle in cycles for i in cycle]
        if len(set(moved)) < len(moved) or not set(moved) <= set(range(set_size)):
            return f"cycles must be disjoint and within 0, …, {set_size - 1}, got {show(cycles)}"
    return None


def unaffordable(symmetrizer: SymmetrizerParams | None, set_size: int) -> str | None:
    """Why training cannot average over the whole group, if it is to and its size tells at once that it cannot."""
    if not isinstance(symmetrizer, AverageParams) or symmetrizer.train_samples is not None:
        return None
    match symmetrizer.group:
        case NamedGroupParams(kind="symmetric"):
            log_order = lgamma(set_size + 1)
        case NamedGroupParams(kind="dihedral"):
            log_order = log(2 * set_size)
        case NamedGroupParams(kind="cyclic"):
            log_order = log(set_size)
        case BlocksParams(sizes=sizes):
            log_order = sum(lgamma(size + 1) for size in sizes)
        case _:
            return None
    if log_order <= log(AVERAGED_AT_MOST):
        return None
    return (
        f"training cannot average over all elements of the group, more than {AVERAGED_AT_MOST}; "
        "give train_samples, how many random ones it takes"
    )
