"""The schema of `predictions` in params.yaml: files of new bags, and the networks that predict for them."""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field, model_validator

from permset.config.constraints import Name, Strict
from permset.config.data import BagFileParams, FilePath
from permset.config.mistakes import listed
from permset.config.runs import RunParams

OBJECTS = "_objects"
"""after the name of a prediction, in that of its table of objects"""


class PredictionParams(Strict):
    """New bags in a file like the one that a run was trained on: with its columns or arrays, labels or none."""

    run: Name | None = None
    """whose networks predict"""
    best: Name | None = None
    """or an entry of `files`, of whose runs the one predicts that is best on validation bags"""
    path: FilePath
    """relative to the project's root"""
    objects: bool = False
    """whether a second table says which objects drive each prediction"""
    calibrated: Annotated[bool, Field(exclude_if=lambda calibrated: not calibrated)] = False
    """whether each network's outputs are divided by the temperature that is likeliest on its bags of validation"""

    @model_validator(mode="after")
    def _one_run(self) -> "PredictionParams":
        if (self.run is None) == (self.best is None):
            got = "neither" if self.run is None else "both"
            raise ValueError(f"must have run, or best with an entry of files, got {got}")
        return self


def mistakes_of(
    predictions: Mapping[str, PredictionParams], runs: Mapping[str, RunParams], files: Mapping[str, BagFileParams]
) -> Iterator[str]:
    """What does not fit together, each with its place."""
    usable = [name for name, run in runs.items() if run.task in files]
    for name, chosen in predictions.items():
        place = f"predictions.{name}"
        if (other := name.removesuffix(OBJECTS)) in predictions.keys() - {name}:
            yield f"{place}: {name}.csv is the table of the objects of {other}; choose another name"
        if chosen.run is not None and chosen.run not in runs:
            yield f"{place}.run: no run is named {chosen.run!r}; choose one of: {listed(usable) or 'none there yet'}"
        elif chosen.run is not None and chosen.run not in usable:
            task = runs[chosen.run].task
            there = listed(usable) or "none there yet"
            yield f"{place}.run: the bags of {task} come from no file; choose a run of an entry of files: {there}"
        elif chosen.best is not None and chosen.best not in files:
            there = listed(files) or "none there yet"
            yield f"{place}.best: no entry of files is named {chosen.best!r}; choose one of: {there}"
        elif chosen.best is not None and all(run.task != chosen.best for run in runs.values()):
            yield f"{place}.best: no run has the task {chosen.best}; add one to runs"
        elif chosen.calibrated and files[chosen.best or runs[chosen.run or ""].task].target == "real":
            yield f"{place}.calibrated: real targets have no probabilities; remove it"
