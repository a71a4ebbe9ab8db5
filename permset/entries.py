"""The entries of params.yaml: tasks, groups, models, what wraps them, training, and runs, which name all these."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, model_validator

# YAML 1.1, which PyYAML reads, takes 1e-3 for a text; pydantic's lax mode reads it as the number it is.
Positive = Annotated[float, Field(gt=0, strict=False, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
# Class balance is exact in every draw, so their sizes are even.
EvenCount = Annotated[int, Field(ge=2, multiple_of=2)]
# Names become file names and DVC stage names.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Activation = Literal["tanh", "relu", "gelu", "silu", "none"]


def _or(word: str, multiple_of: int) -> PlainValidator:
    """A word, or a positive number; by one validator, since a union of types would give a line of error for each."""

    def check(value: Any) -> Any:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if value != word and not (is_number and value > 0 and value % multiple_of == 0):
            number = "an even number" if multiple_of == 2 else "a whole number"
            raise ValueError(f"must be {word} or {number} above zero, got {value!r}")
        return value

    return PlainValidator(check)


Data = Annotated[Literal["fresh"] | int, _or("fresh", multiple_of=2)]
Workers = Annotated[Literal["auto"] | int, _or("auto", multiple_of=1)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class AnyTaskParams(Strict):
    set_size: Count
    """objects in a bag"""
    test_sets: EvenCount
    """bags in the fixed test set"""
    test_seed: Annotated[int, Field(ge=0)]


class UnitSumParams(AnyTaskParams):
    """Bags in which a random subset of the objects shares a sum of one; its size is the class."""

    kind: Literal["unit_sum"]
    subset_sizes: Annotated[list[Count], Field(min_length=2, max_length=2)]
    """non-zero objects in a bag of class 0 and of class 1"""

    @model_validator(mode="after")
    def _subsets_fit(self) -> "UnitSumParams":
        check_subset_sizes(self.set_size, self.subset_sizes)
        return self


class GaussianVarianceParams(AnyTaskParams):
    """Bags of independent normal numbers of mean zero; their variance is the class."""

    kind: Literal["gaussian_variance"]
    channels: Count
    """numbers an object"""
    variances: Annotated[list[Positive], Field(min_length=2, max_length=2)]
    """of class 0 and of class 1"""

    @model_validator(mode="after")
    def _variances_differ(self) -> "GaussianVarianceParams":
        if self.variances[0] == self.variances[1]:
            raise ValueError(f"variances must differ to tell the classes apart, got {self.variances[0]} twice")
        return self


TaskParams = Annotated[UnitSumParams | GaussianVarianceParams, Field(discriminator="kind")]


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
    pooling: Literal["sum", "mean", "max"]


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


ModelParams = Annotated[DeepSetParams | MLPParams | EquivariantParams | MultiChannelParams, Field(discriminator="kind")]


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
    workers: Workers
    """processes over which the seeds are divided; auto takes the cores. Results do not depend on it."""
    best_over: Count
    """last steps, over whose mean training loss the best seed is chosen"""
    measure_every: Count
    """steps between two points of the curves of training and validation"""
    measure_sets: EvenCount
    """bags on which a point is measured"""

    @model_validator(mode="after")
    def _classes_balance(self) -> "TrainParams":
        if self.data == "fresh" and self.batch_size % 2:
            raise ValueError(f"batch_size must be even to balance the classes of fresh bags, got {self.batch_size}")
        return self

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

    def over(self, shared: TrainParams) -> TrainParams:
        """These in the place of the shared ones, epochs counted in steps; ValueError if they do not fit together."""
        own = self.model_dump(exclude_none=True, exclude={"epochs"})
        settings = TrainParams.model_validate(shared.model_dump() | own)
        if self.epochs is None:
            return settings
        if self.steps is not None:
            raise ValueError("either steps or epochs can be given, got both")
        if settings.bags is None:
            raise ValueError("epochs need a fixed sample; give data as a number of bags, or steps in place of epochs")
        return settings.model_copy(update={"steps": -(-self.epochs * settings.bags // settings.batch_size)})


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
        by_model = self.model.kind == "deepset" or (self.model.kind == "equivariant" and self.model.group is None)
        return by_model and (self.symmetrizer is None or self.symmetrizer.kind == "canonical")

    @property
    def groups(self) -> dict[str, GroupParams]:
        """Which groups the entry names, by their place in it."""
        parts = {"model": self.model, "symmetrizer": self.symmetrizer}
        found = {f"{name}.group": getattr(part, "group", None) for name, part in parts.items()}
        return {place: group for place, group in found.items() if group is not None}


def check_subset_sizes(set_size: int, subset_sizes: list[int] | tuple[int, int]) -> None:
    """Raise ValueError unless the two sizes fit into the set and tell the classes apart."""
    first, second = subset_sizes
    for size in (first, second):
        if not 1 <= size <= set_size:
            raise ValueError(f"subset_sizes must lie between 1 and set_size {set_size}, got {size}")
    if first == second:
        raise ValueError(f"subset_sizes must differ to tell the classes apart, got {first} twice")


def mismatch(group: GroupParams, set_size: int) -> str | None:
    """What keeps a group from acting on bags of this size, if anything does."""
    if isinstance(group, BlocksParams) and sum(group.sizes) != set_size:
        return f"sizes must add up to the set size {set_size}, got {group.sizes}"
    for cycles in group.cycles if isinstance(group, GeneratedParams) else []:
        moved = [i for cycle in cycles for i in cycle]
        if len(set(moved)) < len(moved) or not set(moved) <= set(range(set_size)):
            return f"cycles must be disjoint and within 0, …, {set_size - 1}, got {cycles}"
    return None
