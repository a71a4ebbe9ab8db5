"""The schema of training settings and runs in params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from permset.config.constraints import Count, EvenCount, Name, Positive, Strict, or_number
from permset.config.kinds import ClassWeights, Keep, Schedule
from permset.config.networks import CanonicalParams, FrameParams, GroupParams, ModelParams, SymmetrizerParams

SampleSize = Annotated[Literal["fresh"] | int, or_number("fresh", multiple_of=2)]


class TrainParams(Strict):
    data: SampleSize
    """fresh bags at every step, or the number of bags of a fixed sample, which is another one for each seed"""
    steps: Count
    batch_size: Count
    """bags a step"""
    learning_rate: Positive
    """of Adam, at the first step"""
    schedule: Schedule
    """whether the learning rate stays or falls to zero along half a cosine"""
    weight_decay: Annotated[float, Field(ge=0, strict=False, allow_inf_nan=False)]
    """of AdamW; Adam where it is zero"""
    best_over: Count
    """last steps, over whose mean training loss the best seed is chosen"""
    measure_every: Count
    """steps between two points of the curves of training and validation; a twentieth of all where that is less"""
    measure_sets: EvenCount
    """bags on which a point is measured"""
    class_weights: Annotated[ClassWeights, Field(exclude_if=lambda weights: weights == "none")] = "none"
    """balanced: in the loss, a bag of training counts n / (classes · n of its class); drawn bags are balanced anyway"""
    keep: Annotated[Keep, Field(exclude_if=lambda keep: keep == "last")] = "last"
    """best: each seed's weights at the point of the curves where its own validation loss is lowest"""

    @property
    def bags(self) -> int | None:
        """Size of the fixed sample; None where bags are fresh."""
        return None if self.data == "fresh" else self.data


class TrainOverrides(Strict):
    """What a run may set otherwise than the shared `train` section."""

    data: SampleSize | None = None
    steps: Count | None = None
    epochs: Count | None = None
    """passes over the fixed sample, in place of steps; batches follow one another over their ends"""
    batch_size: Count | None = None
    learning_rate: Positive | None = None
    schedule: Schedule | None = None
    weight_decay: Annotated[float, Field(ge=0, strict=False, allow_inf_nan=False)] | None = None
    class_weights: Annotated[ClassWeights | None, Field(exclude_if=lambda weights: weights is None)] = None
    keep: Annotated[Keep | None, Field(exclude_if=lambda keep: keep is None)] = None

    def over(self, shared: TrainParams, bags: int | None = None) -> TrainParams:
        """These in the place of the shared ones, epochs over so many bags, or over those of `data`, counted in steps.

        ValueError if they do not fit together.
        """
        overrides = self.model_dump(exclude_none=True, exclude={"epochs"})
        settings = TrainParams.model_validate(shared.model_dump() | overrides)
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
        by_model = self.model.kind in ("deepset", "monotone", "set_transformer", "svm") or (
            self.model.kind == "equivariant" and self.model.group is None
        )
        if isinstance(self.symmetrizer, CanonicalParams):
            return by_model and self.symmetrizer.group is None
        return by_model and (self.symmetrizer is None or isinstance(self.symmetrizer, FrameParams))

    @property
    def groups(self) -> dict[str, GroupParams]:
        """The groups that the entry names, by their place in it."""
        parts = {"model": self.model, "symmetrizer": self.symmetrizer}
        found = {f"{name}.group": getattr(part, "group", None) for name, part in parts.items()}
        return {place: group for place, group in found.items() if group is not None}
