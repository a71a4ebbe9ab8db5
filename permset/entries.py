"""The entries of params.yaml: groups, models, what wraps them, training, and runs, which name all these."""

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from permset.fields import Count, EvenCount, Name, Positive, Strict, one_or_several, or_number

Activation = Literal["tanh", "relu", "gelu", "silu", "none"]
Data = Annotated[Literal["fresh"] | int, or_number("fresh", multiple_of=2)]
Workers = Annotated[Literal["auto"] | int, or_number("auto", multiple_of=1)]
PoolingKind = Literal["sum", "mean", "max", "min", "lse", "attention"]


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
    norm: Literal["none", "set"] = "none"
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
    norm: Literal["none", "layer"] = "none"

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> "SetTransformerParams":
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads {self.heads}, got {self.width}")
        return self


class SVMParams(Strict):
    """The yardstick: a support-vector machine (RBF) on statistics of each channel over the objects."""

    kind: Literal["svm"]
    statistics: Annotated[list[Literal["mean", "min", "max"]], Field(min_length=1)]
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
    channels: Literal["scaled", "mean", "sum"] = "scaled"
    """how input channels are brought together; see permset/layers.py"""
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
    order: Literal["lexicographic", "norm", "channels"]


class AverageParams(Strict):
    kind: Literal["average"]
    group: GroupParams
    of: Literal["logits", "probabilities"] = "logits"
    train_samples: Count | None = None
    """random elements in training; the whole group where it is not given"""


class SampledAverageParams(Strict):
    kind: Literal["sampled_average"]
    group: GroupParams
    of: Literal["logits", "probabilities"] = "logits"
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


class TrainParams(Strict):
    data: Data
    """fresh bags at every step, or the number of bags of a fixed sample, which is another one for each seed"""
    steps: Count
    batch_size: Count
    """bags a step"""
    learning_rate: Positive
    """of Adam, at the first step"""
    schedule: Literal["constant", "cosine"]
    """whether the learning rate stays or falls to zero along half a cosine"""
    weight_decay: Annotated[float, Field(ge=0, strict=False, allow_inf_nan=False)]
    """of AdamW; Adam where it is zero"""
    workers: Workers
    """processes over which the seeds are divided; auto takes the cores. Results do not depend on it."""
    best_over: Count
    """last steps, over whose mean training loss the best seed is chosen"""
    measure_every: Count
    """steps between two points of the curves of training and validation"""
    measure_sets: EvenCount
    """bags on which a point is measured"""

    @property
    def bags(self) -> int | None:
        """Of the fixed sample, if there is one."""
        return None if self.data == "fresh" else self.data


class TrainOverrides(Strict):
    """What a run may set otherwise than the shared `train` section."""

    data: Data | None = None
    steps: Count | None = None
    epochs: Count | None = None
    """passes over the fixed sample, in place of steps; batches follow one another over their ends"""
    batch_size: Count | None = None
    learning_rate: Positive | None = None
    schedule: Literal["constant", "cosine"] | None = None
    weight_decay: Annotated[float, Field(ge=0, strict=False, allow_inf_nan=False)] | None = None

    def over(self, shared: TrainParams, bags: int | None = None) -> TrainParams:
        """These in the place of the shared ones, epochs over so many bags, or over those of `data`, counted in steps.

        ValueError if they do not fit together.
        """
        own = self.model_dump(exclude_none=True, exclude={"epochs"})
        settings = TrainParams.model_validate(shared.model_dump() | own)
        if self.epochs is None:
            return settings
        bags = bags or settings.bags
        if self.steps is not None:
            raise ValueError("either steps or epochs can be given, got both")
        if bags is None:
            raise ValueError("epochs need a fixed sample; give data as a number of bags, or steps in place of epochs")
        return settings.model_copy(update={"steps": -(-self.epochs * bags // settings.batch_size)})


class RunParams(Strict):
    task: Name
    model: ModelParams
    symmetrizer: SymmetrizerParams | None = None
    """wraps the model"""
    train: TrainOverrides = TrainOverrides()

    @property
    def method(self) -> str:
        """The symmetrizer's kind and the model's, as tables and tags show them."""
        return self.model.kind if self.symmetrizer is None else f"{self.symmetrizer.kind}({self.model.kind})"

    @property
    def takes_any_set_size(self) -> bool:
        """Whether its network, trained on bags of one size, can be used on others."""
        by_model = self.model.kind in ("deepset", "set_transformer", "svm") or (
            self.model.kind == "equivariant" and self.model.group is None
        )
        return by_model and (self.symmetrizer is None or self.symmetrizer.kind == "canonical")

    @property
    def groups(self) -> dict[str, GroupParams]:
        """Which groups the entry names, by their place in it."""
        parts = {"model": self.model, "symmetrizer": self.symmetrizer}
        found = {f"{name}.group": getattr(part, "group", None) for name, part in parts.items()}
        return {place: group for place, group in found.items() if group is not None}


def mismatch(group: GroupParams, set_size: int) -> str | None:
    """What keeps a group from acting on bags of this size, if anything does."""
    if isinstance(group, BlocksParams) and sum(group.sizes) != set_size:
        return f"sizes must add up to the set size {set_size}, got {group.sizes}"
    for cycles in group.cycles if isinstance(group, GeneratedParams) else []:
        moved = [i for cycle in cycles for i in cycle]
        if len(set(moved)) < len(moved) or not set(moved) <= set(range(set_size)):
            return f"cycles must be disjoint and within 0, …, {set_size - 1}, got {cycles}"
    return None
