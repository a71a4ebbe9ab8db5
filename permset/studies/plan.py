"""The plan of a study: the networks to train and what to measure them on, with every point checked in advance."""

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from permset import PermsetError
from permset.config.experiment import Params
from permset.config.mistakes import describe, listed
from permset.config.runs import RunParams, TrainOverrides

TEST = "test."


@dataclass(frozen=True)
class Point:
    """A run of a study at one value of its axis."""

    study: str
    run: str
    axis: str
    value: str
    """as JSON"""
    candidates: tuple[Params, ...]
    """each with the run alone and its task, one for each learning rate to choose from"""
    tested: Params
    """the same as it is measured"""

    @property
    def content(self) -> dict[str, Any]:
        """All that its results depend on, except for the code."""
        settings = [_content(params) for params in (*self.candidates, self.tested)]
        return {"study": self.study, "run": self.run, "axis": self.axis, "value": self.value, "settings": settings}

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(self.content, sort_keys=True).encode()).hexdigest()


def tasks_of(points: Iterable[Point]) -> list[str]:
    """The tasks that the points are measured on."""
    return sorted({point.tested.run(point.run).task for point in points})


def plan(params: Params, name: str) -> list[Point]:
    """The points of a study; PermsetError in one line if one of them is not possible."""
    study, place = params.study(name), f"params.yaml: studies.{name}"
    points = []
    for variant, chosen in study.runs.items():
        run = chosen.run or variant
        if run not in params.runs:
            known = listed(params.runs)
            raise PermsetError(f"{place}.runs.{variant}: no run is named {run!r}; choose one of: {known}")
        base = _only(params, run, variant)
        for settings, where in ((study.set, "set"), (chosen.set, f"runs.{variant}.set")):
            for path, value in settings.items():
                base = _change(base, variant, path, value, f"{place}.{where}.{path}")
        _check_axis(base.run(variant), study.axis, variant, place)
        values, where = (study.values, place) if chosen.values is None else (chosen.values, f"{place}.runs.{variant}")
        if values is None:
            raise PermsetError(f"{place}.values: missing; add it, or values of each of its runs")
        for i, value in enumerate(values):
            tested = _change(base, variant, study.axis.removeprefix(TEST), value, f"{where}.values.{i}", study.axis)
            trained = base if study.axis.startswith(TEST) else tested
            rates = study.learning_rates
            candidates = (
                [trained]
                if rates is None
                else [
                    _change(trained, variant, "train.learning_rate", rate, f"{place}.learning_rates") for rate in rates
                ]
            )
            points.append(Point(name, variant, study.axis, json.dumps(value), tuple(candidates), tested))
    return points


def _check_axis(run: RunParams, axis: str, name: str, place: str) -> None:
    """Networks can be measured otherwise than they were trained if their weights stay what they are."""
    if axis == f"{TEST}task.set_size" and not run.takes_any_set_size:
        raise PermsetError(f"{place}.axis: {name} is for one set size; choose runs of a deepset or equivariant network")
    if axis == f"{TEST}task.channels" or axis.startswith((f"{TEST}model.", f"{TEST}train.")):
        raise PermsetError(f"{place}.axis: {axis} changes the weights of {name}; vary it without `{TEST}`")


def _content(params: Params) -> dict[str, Any]:
    return params.model_dump(
        mode="json", exclude={"plots": True, "report": True, "studies": True, "fetched": True, "workers": True}
    )


def _only(params: Params, run: str, name: str) -> Params:
    """Parameters with this run alone, under another name, and its task."""
    chosen = params.runs[run]
    tasks, files = (
        {key: value for key, value in sources.items() if key == chosen.task} for sources in (params.tasks, params.files)
    )
    return params.model_copy(update={"runs": {name: chosen}, "tasks": tasks, "files": files, "studies": {}})


def _change(params: Params, run: str, path: str, value: Any, place: str, axis: str | None = None) -> Params:
    """The same parameters with one setting of the only run, or of its task, changed to a value."""
    content: dict[str, Any] = copy.deepcopy(params.model_dump())
    chosen = content["runs"][run]
    chosen["train"] = dict.fromkeys(TrainOverrides.model_fields) | chosen["train"]  # also what leaves no trace
    *inner, last = path.split(".")
    at: Any = {**chosen, "task": content["tasks"].get(chosen["task"])} if inner[:1] == ["task"] else chosen
    for key in inner:
        at = at.get(key) if isinstance(at, Mapping) else None
    if not isinstance(at, dict) or last not in at:
        known = f"; choose one of: {listed(at)}" if isinstance(at, dict) else ""
        where = place if axis is None else place.partition(".runs")[0].partition(".values")[0] + ".axis"
        raise PermsetError(f"{where}: the run {run!r} has no {axis or path}{known}")
    at[last] = value
    try:
        changed = Params.model_validate(content)
    except ValidationError as error:
        raise PermsetError(f"{place}: {describe(error.errors()[0])}") from error
    for mistake in changed.mistakes():
        raise PermsetError(f"{place}: {mistake}")
    return changed
