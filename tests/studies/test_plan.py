"""The plan of a study: its points, and one clear line for what is not possible."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from permset import PermsetError
from permset.config.experiment import Params
from permset.studies.plan import plan

DATA = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
STUDY = {"axis": "model.widths", "values": [[5], [7, 7]], "runs": {"mlp": {}}, "show": ["loss"]}


def params(**study: Any) -> Params:
    return Params.model_validate({**DATA, "studies": {"s": {**STUDY, **study}}})


def test_a_point_is_a_run_with_one_setting_changed() -> None:
    points = plan(params(learning_rates=[0.1, 0.2], set={"train.steps": 7, "task.test_sets": 1000}), "s")
    assert [(point.run, point.value) for point in points] == [("mlp", "[5]"), ("mlp", "[7, 7]")]
    for point, widths in zip(points, ([5], [7, 7]), strict=True):
        assert [candidate.train_of("mlp").learning_rate for candidate in point.candidates] == [0.1, 0.2]
        for changed in (*point.candidates, point.tested):
            assert changed.runs["mlp"].model.widths == widths  # type: ignore[union-attr]
            assert changed.train_of("mlp").steps == 7
            assert changed.tasks["unit_sum"].test_sets == 1000
    original = params().run("mlp")
    assert points[0].tested.runs["mlp"].model.activation == original.model.activation  # type: ignore[union-attr]


def test_a_variant_is_a_run_under_a_name_of_its_own() -> None:
    [point] = plan(params(runs={"relu": {"run": "mlp", "set": {"model.activation": "relu"}}}, values=[[5]]), "s")
    assert point.tested.runs["relu"].model.activation == "relu"  # type: ignore[union-attr]


def test_an_axis_of_the_test_leaves_training_alone() -> None:
    points = plan(params(axis="test.task.set_size", values=[5, 20], runs={"deepset": {}}), "s")
    assert [point.tested.tasks["unit_sum"].set_size for point in points] == [5, 20]
    assert points[0].candidates == points[1].candidates
    assert points[0].candidates[0].tasks["unit_sum"].set_size == 10


def test_a_digest_is_that_of_what_the_point_depends_on() -> None:
    base = {point.digest for point in plan(params(), "s")}
    assert len(base) == 2
    assert {point.digest for point in plan(params(show=["accuracy"], values=[[7, 7], [5], [9]]), "s")} > base
    assert not {point.digest for point in plan(params(set={"train.steps": 9}), "s")} & base


@pytest.mark.parametrize(
    ("study", "expected"),
    [
        ({"axis": "model.width"}, "studies.s.axis: the run 'mlp' has no model.width; choose one of: kind, widths, act"),
        ({"axis": "modl.widths"}, "studies.s.axis: the run 'mlp' has no modl.widths"),
        ({"axis": "symmetrizer.samples"}, "studies.s.axis: the run 'mlp' has no symmetrizer.samples"),
        ({"values": [[5], ["x"]]}, "studies.s.values.1: Input should be a valid integer, got 'x'"),
        ({"values": [5]}, "studies.s.values.0: Input should be a valid list, got 5"),
        ({"axis": "train.batch_size", "values": [33]}, "studies.s.values.0: runs.mlp.train: batch_size must be even"),
        ({"runs": {"mpl": {}}}, "studies.s.runs.mpl: no run is named 'mpl'; choose one of: deepset, "),
        ({"set": {"train.step": 3}}, "studies.s.set.train.step: the run 'mlp' has no train.step; choose one of: data"),
        ({"runs": {"mlp": {"set": {"task.kind": 3}}}}, "studies.s.runs.mlp.set.task.kind: "),
        ({"axis": "test.task.set_size", "values": [5]}, "studies.s.axis: mlp is for one set size"),
        ({"axis": "test.model.widths"}, "studies.s.axis: test.model.widths changes the weights of mlp"),
    ],
)
def test_what_is_not_possible_is_one_line_with_its_place(study: dict[str, Any], expected: str) -> None:
    with pytest.raises(PermsetError) as error:
        plan(params(**study), "s")
    assert str(error.value).startswith(f"params.yaml: {expected}"), error.value
    assert len(str(error.value).splitlines()) == 1
