"""What takes long says how far it is, on a terminal and nowhere else."""

import io
import sys
from dataclasses import replace

import pytest
import torch
import yaml
from committed import committed
from small_trainings import FIXED, NETWORKS, ODD

from permset.config.experiment import Params
from permset.training.run import open_run
from permset.training.stack import predict
from permset.training.train import train_seeds

PARAMS = Params.model_validate(yaml.safe_load(committed("params.yaml")))


class Terminal(io.StringIO):
    def __init__(self, is_one: bool):
        super().__init__()
        self.is_one = is_one

    def isatty(self) -> bool:
        return self.is_one


@pytest.mark.parametrize("is_one", [True, False])
def test_progress_is_shown_on_a_terminal_alone(is_one: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal(is_one))
    short = replace(ODD, steps=60, measure_every=None)
    state = train_seeds(NETWORKS["logistic"], FIXED, short, [0]).state
    assert ("training seeds 0–7:" in terminal.getvalue()) == ("50/60" in terminal.getvalue()) == is_one
    predict(NETWORKS["logistic"](), state, torch.zeros(4, 10, 1), name="test bags")
    assert ("test bags:" in terminal.getvalue()) == is_one
    monkeypatch.setattr(sys, "stderr", terminal := Terminal(is_one))
    train_seeds(NETWORKS["logistic"], FIXED, short, [0], name=None)
    assert terminal.getvalue() == "", "nobody asked"


@pytest.mark.parametrize(("steps", "every"), [(4000, 200), (450, 23), (7, 1)])
def test_curves_of_short_trainings_have_points_too(steps: int, every: int) -> None:
    params = PARAMS.model_copy(update={"train": PARAMS.train.model_copy(update={"steps": steps})})
    assert open_run(params, "deepset").settings.measure_every == every
