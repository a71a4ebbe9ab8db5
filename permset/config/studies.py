"""The schema of `studies` in params.yaml."""

from typing import Annotated, Any, Literal

from pydantic import Field

from permset.config.constraints import Name, Positive, Strict

# Columns of a study's table: one value for each seed.
Shown = Literal[
    "accuracy",
    "mae",
    "loss",
    "regret",
    "invariance",
    "train_loss",
    "train_score",
    "validation_loss",
    "validation_score",
    "initial_spread",
    "initial_saturated",
    "initial_gradient",
    "pooled_spread",
]


# Of settings in a run's entry: model.widths, say.
DottedPath = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.]*$", max_length=200)]


class VariantParams(Strict):
    """A run of a study: an entry of `runs` with other values for a few of its settings."""

    run: Name | None = None
    """entry of `runs`; the one of the variant's own name where it is not given"""
    values: Annotated[list[Any], Field(min_length=1)] | None = None
    """of the axis; the study's where they are not given"""
    set: dict[DottedPath, Any] = Field(default_factory=dict)
    """dotted path in the run's entry, or in its task's as `task.…`, → value"""


class StudyParams(Strict):
    """One setting of a few runs, varied over values."""

    axis: DottedPath
    """dotted path, as in `set`; `test.…` varies it in measuring the trained networks, and not in training"""
    values: Annotated[list[Any], Field(min_length=1)] | None = None
    runs: Annotated[dict[Name, VariantParams], Field(min_length=1)]
    set: dict[DottedPath, Any] = Field(default_factory=dict)
    """settings of all its runs"""
    learning_rates: Annotated[list[Positive], Field(min_length=1)] | None = None
    """of which each value takes the one of the lowest validation loss; the run's own where they are not given"""
    show: Annotated[list[Shown], Field(min_length=1)]
    """what its figure shows"""
    x: Literal["value", "num_params"] = "value"
    """what it shows it against"""
    beside: list[Name] = Field(default_factory=list)
    """entries of `runs` whose results are drawn beside it"""
    curves: bool = False
    """whether a second figure shows loss and accuracy along the training"""
    slopes: dict[str, Annotated[float, Field(allow_inf_nan=False)]] = Field(default_factory=dict)
    """powers of the axis that are drawn beside it"""
