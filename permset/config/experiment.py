"""params.yaml as a whole: every number of the pipeline, checked before anything runs."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, PlainValidator, ValidationError

from permset import PermsetError
from permset.config.constraints import Count, EvenCount, Name, Positive, Strict
from permset.config.data import AnySource, BagFileParams, FetchedParams, TaskParams
from permset.config.mistakes import _line, describe, listed
from permset.config.networks import mismatch, unaffordable
from permset.config.parsing import parse
from permset.config.predictions import PredictionParams, mistakes_of
from permset.config.runs import RunParams, TrainParams
from permset.config.studies import StudyParams
from permset.config.tasks import DrawnParams
from permset.config.workers import check_workers

T = TypeVar("T")


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
    loss_windows: Count = 200
    """points of a loss curve, each the mean over a window of steps"""
    batch_sets: EvenCount = 20
    """bags in the picture of a batch"""


class ReportParams(Strict):
    """When a network is said to match another."""

    margin: Positive = 0.001
    """by which its accuracy may be lower"""
    share: Annotated[float, Field(gt=0, le=1)] = 0.9375
    """of its seeds, that have to be within it"""


class Params(Strict):
    seeds: Count
    """networks a run trains, each with its own weights and data"""
    device: Literal["auto", "cpu", "cuda"]
    workers: Annotated[int | str, PlainValidator(check_workers)]
    """processes over which the seeds are divided, auto for as many as cores, or the address of a Dask scheduler"""
    train: TrainParams
    certificate: CertificateParams
    plots: PlotParams = PlotParams()
    report: ReportParams = ReportParams()
    tasks: dict[Name, TaskParams]
    files: dict[Name, BagFileParams] = Field(default_factory=dict)
    """bags of one's own; runs name them as they name tasks"""
    fetched: FetchedParams | None = None
    runs: Annotated[dict[Name, RunParams], Field(min_length=1)]
    studies: dict[Name, StudyParams] = Field(default_factory=dict)
    predictions: dict[Name, PredictionParams] = Field(default_factory=dict)
    """for bags in other files"""

    @property
    def to_fetch(self) -> dict[Path, str]:
        """Files and their hashes."""
        known = self.fetched.sha256 if self.fetched else {}
        paths = {Path(file.path) for file in [*self.files.values(), *self.predictions.values()]}
        return {path: known[path.stem] for path in sorted(paths) if path.parent == Path("fetched")}

    @property
    def sources(self) -> dict[str, AnySource]:
        """All sources of bags, tasks and files, by name."""
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
            "train": self.train.model_dump() | chosen.train.model_dump(exclude_none=True),
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
        known = self.fetched.sha256 if self.fetched else {}
        paths = {f"files.{name}.path": file.path for name, file in self.files.items()}
        paths |= {f"predictions.{name}.path": chosen.path for name, chosen in self.predictions.items()}
        for place, path in paths.items():
            folder, _, table = path.rpartition("/")
            if folder == "fetched" and table.removesuffix(".csv") not in known:
                there = listed(known) or "none"
                yield f"{place}: fetched/ has only what fetched.sha256 lists ({there}); name another folder"
        for name, run in self.runs.items():
            if run.task not in self.sources:
                yield f"runs.{name}.task: no task is named {run.task!r}; choose one of: {listed(self.sources)}"
                continue
            for place, mistake in self._mistakes_of_run(name, run, self.sources[run.task]):
                yield f"{place}: {mistake}"
        sets = self.plots.batch_sets
        for name, task in self.tasks.items():
            if isinstance(task, DrawnParams) and sets > task.test_sets:
                yield f"plots.batch_sets: {sets} is more than tasks.{name}.test_sets {task.test_sets}"
        yield from mistakes_of(self.predictions, self.runs, self.files)

    def _mistakes_of_run(self, name: str, run: RunParams, source: AnySource) -> Iterator[tuple[str, str]]:
        place = f"runs.{name}"
        try:
            train = self.train_of(name, bags=None if source.drawn else 1)
        except ValidationError as error:
            yield f"{place}.train", describe(error.errors()[0])
        except ValueError as error:
            yield f"{place}.train", str(error)
        else:
            if not source.drawn and train.data != "fresh":
                yield f"{place}.train.data", f"the bags of {run.task} are as many as they are; remove it"
            if source.drawn and source.target == "binary" and train.data == "fresh" and train.batch_size % 2:
                where = "train" if run.train.batch_size is None else f"{place}.train"
                yield where, f"batch_size must be even to balance the classes of fresh bags, got {train.batch_size}"
            if train.class_weights == "balanced" and self.predicts_numbers(run.task):
                yield f"{place}.train.class_weights", "there are no classes to balance; choose none"
            if run.model.kind == "svm" and source.drawn and train.data == "fresh":
                fixed = "give train.data, how many a fixed sample has, or choose a collection"
                yield (
                    f"{place}.model.kind",
                    f"a support-vector machine cannot learn from fresh bags; {fixed}",
                )
        if run.model.kind == "svm" and source.target == "mixture":
            yield f"{place}.model.kind", "a support-vector machine cannot give a mixture; choose a network"
        if run.model.kind == "svm" and run.symmetrizer is not None:
            yield f"{place}.symmetrizer", "a support-vector machine takes none; remove it"
        if getattr(run.symmetrizer, "of", "logits") == "probabilities" and self.predicts_numbers(run.task):
            yield f"{place}.symmetrizer.of", "numbers have no probabilities; choose logits"
        if source.set_size is not None and (mistake := unaffordable(run.symmetrizer, source.set_size)):
            yield f"{place}.symmetrizer", mistake
        for part, group in run.groups.items():
            mistake = None if source.set_size is None else mismatch(group, source.set_size)
            if mistake:
                yield f"{place}.{part}", mistake

    def predicts_numbers(self, source: str) -> bool:
        """Whether the targets are no classes."""
        return self.sources[source].target in ("real", "mixture")

    def task(self, name: str) -> AnySource:
        return _entry("tasks", self.sources, name)

    def study(self, name: str) -> StudyParams:
        return _entry("studies", self.studies, name)


def files_of(params: Params, tasks: Iterable[str]) -> list[Path]:
    """The bags of those tasks that are collections, which no parameters stand for."""
    return [Path(f"data/{name}.npz") for name in sorted(set(tasks)) if not params.task(name).drawn]


def load_params(path: Path | str = "params.yaml") -> Params:
    """Read and check params.yaml; PermsetError has a line for each mistake, with its place."""
    data = parse(Path(path))
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
        raise PermsetError(f"params.yaml: {section} has no entry {name!r}; choose one of: {listed(entries)}") from None
