"""params.yaml as a whole: every number of the pipeline, checked before anything runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from permset import PermsetError
from permset.entries import Count, EvenCount, Name, Positive, RunParams, Strict, TaskParams, TrainParams, mismatch

T = TypeVar("T")
# Columns of a study's table, one value a seed.
Shown = Literal[
    "accuracy",
    "loss",
    "regret",
    "invariance",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "initial_spread",
    "initial_saturated",
    "initial_gradient",
    "pooled_spread",
]


class CertificateParams(Strict):
    """How invariance is measured and from which error on it is called what."""

    sets: Annotated[int, Field(ge=1)]
    """bags of the test set"""
    permutations: Count
    """random elements of the group, besides its generators"""
    shown: Count
    """of them, whose outputs for one bag are shown side by side"""
    seed: Annotated[int, Field(ge=0)]
    invariant: Positive
    """largest relative error in float64 that is called invariant"""
    approximate: Positive
    """largest relative error in float64 that is called approximate"""


class PlotParams(Strict):
    loss_windows: Count
    """points of a loss curve, each the mean over a window of steps"""
    batch_sets: EvenCount
    """bags in the picture of a batch"""


class ReportParams(Strict):
    """When a network is said to match another."""

    margin: Positive
    """by which its accuracy may be lower"""
    share: Annotated[float, Field(gt=0, le=1)]
    """of its seeds, that have to be within it"""


class VariantParams(Strict):
    """A run of a study: an entry of `runs`, with some of its settings changed."""

    run: Name | None = None
    """entry of `runs`; the one of the variant's own name where it is not given"""
    values: Annotated[list[Any], Field(min_length=1)] | None = None
    """of the axis; the study's where they are not given"""
    set: dict[str, Any] = Field(default_factory=dict)
    """dotted path in the run's entry, or in its task's as `task.…`, → value"""


class StudyParams(Strict):
    """One axis of some runs, varied over values."""

    axis: str
    """dotted path, as in `set`; `test.…` varies it in measuring the trained networks, and not in training"""
    values: Annotated[list[Any], Field(min_length=1)] | None = None
    runs: Annotated[dict[Name, VariantParams], Field(min_length=1)]
    set: dict[str, Any] = Field(default_factory=dict)
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
    slopes: dict[str, float] = Field(default_factory=dict)
    """powers of the axis that are drawn beside it"""


class Params(Strict):
    seeds: Count
    """networks a run trains, each with its own weights and data"""
    device: Literal["auto", "cpu", "cuda"]
    train: TrainParams
    certificate: CertificateParams
    plots: PlotParams
    report: ReportParams
    tasks: Annotated[dict[Name, TaskParams], Field(min_length=1)]
    runs: Annotated[dict[Name, RunParams], Field(min_length=1)]
    studies: dict[Name, StudyParams] = Field(default_factory=dict)

    def train_of(self, run: str) -> TrainParams:
        """The shared training settings with a run's own in their place."""
        return self.runs[run].train.over(self.train)

    def settings_of(self, run: str) -> dict[str, Any]:
        """Every number that a run's results depend on."""
        chosen = self.run(run)
        return {
            "run": run,
            "task": {"name": chosen.task, **self.task(chosen.task).model_dump()},
            "model": chosen.model.model_dump(),
            "symmetrizer": chosen.symmetrizer and chosen.symmetrizer.model_dump(),
            "train": self.train_of(run).model_dump(exclude={"workers"}),
            "certificate": self.certificate.model_dump(),
            "seeds": self.seeds,
            "device": self.device,
        }

    def run(self, name: str) -> RunParams:
        return _entry("runs", self.runs, name)

    def mistakes(self) -> Iterator[str]:
        """What does not fit together, each with its place."""
        for name, run in self.runs.items():
            try:
                self.train_of(name)
            except ValidationError as error:
                yield f"runs.{name}.train: {describe(error.errors()[0])}"
            except ValueError as error:
                yield f"runs.{name}.train: {error}"
            if run.task not in self.tasks:
                yield f"runs.{name}.task: no task is named {run.task!r}; choose one of: {', '.join(self.tasks)}"
                continue
            for place, group in run.groups.items():
                mistake = mismatch(group, self.tasks[run.task].set_size)
                if mistake:
                    yield f"runs.{name}.{place}: {mistake}"
        wanted = {"certificate.sets": self.certificate.sets, "plots.batch_sets": self.plots.batch_sets}
        for name, task in self.tasks.items():
            for place, sets in wanted.items():
                if sets > task.test_sets:
                    yield f"{place}: {sets} is more than tasks.{name}.test_sets {task.test_sets}"

    def task(self, name: str) -> TaskParams:
        return _entry("tasks", self.tasks, name)

    def study(self, name: str) -> StudyParams:
        return _entry("studies", self.studies, name)


def load_params(path: Path | str = "params.yaml") -> Params:
    """Read and check params.yaml; PermsetError has a line for each mistake, with its place."""
    try:
        text = Path(path).read_text()
    except OSError as error:
        raise PermsetError(f"{path}: cannot be read ({error.strerror}); run from the project's root") from error
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise PermsetError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    try:
        params = Params.model_validate(data)
    except ValidationError as error:
        raise PermsetError("\n".join(_line(path, data, detail) for detail in error.errors())) from error
    for mistake in params.mistakes():
        raise PermsetError(f"{path}: {mistake}")
    return params


def _entry(section: str, entries: dict[str, T], name: str) -> T:
    try:
        return entries[name]
    except KeyError:
        raise PermsetError(
            f"params.yaml: {section} has no entry {name!r}; choose one of: {', '.join(entries)}"
        ) from None


def _line(path: Path | str, data: Any, detail: ErrorDetails) -> str:
    """One pydantic error as one line. A union's tag is part of pydantic's place but not of the file's."""
    place, at = [], data
    *inner, last = detail["loc"] or ("",)
    for part in inner:
        if isinstance(at, dict | list) and _has(at, part):
            at = at[part]  # type: ignore[index]
            place.append(str(part))
    is_tag = isinstance(at, dict) and last not in at and last == at.get("kind")
    if last != "[key]" and not is_tag:
        place.append(str(last))
    if detail["type"] == "extra_forbidden":
        return f"{path}: {'.'.join(place)}: unknown key; remove it or correct its spelling"
    if detail["type"] == "missing":
        return f"{path}: {'.'.join(place)}: missing; add it"
    where = ".".join(part for part in place if part)
    return f"{path}: {where}: {describe(detail)}"


def describe(detail: ErrorDetails) -> str:
    """What is wrong, without the place."""
    if detail["type"] == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    return f"{detail['msg']}, got {detail['input']!r}"


def _has(container: dict[Any, Any] | list[Any], part: str | int) -> bool:
    return part in container if isinstance(container, dict) else isinstance(part, int) and part < len(container)
