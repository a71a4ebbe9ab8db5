"""What runs, axes and values are called."""

import pytest
import yaml
from committed import committed

from permset.config.experiment import Params
from permset.figures.names import Entry, at_value, axis_name, kind_of, names, value_name, with_settings

PATHS = "params.yaml", "published/params.yaml", "published/subgroups/params.yaml"
PARAMS = [Params.model_validate(yaml.safe_load(committed(path))) for path in PATHS]
TASKS = [
    pytest.param({name: run.model_dump() for name, run in params.runs.items() if run.task == task}, id=f"{path}-{task}")
    for path, params in zip(PATHS, PARAMS, strict=True)
    for task in params.sources
]

LEAST = {"kind": "canonical", "order": "lexicographic", "group": {"kind": "cyclic"}}
FRAME = {"kind": "frame", "directions": 5, "seed": 0}


def entry(kind: str, symmetrizer: str | None = None, **model: object) -> Entry:
    wrapped = None if symmetrizer is None else {"kind": symmetrizer, "group": {"kind": "symmetric"}, "samples": 8}
    return {"task": "t", "model": {"kind": kind, **model}, "symmetrizer": wrapped, "train": {}}


@pytest.mark.parametrize("entries", TASKS)
def test_names_of_a_task_differ_and_are_no_paths(entries: dict[str, Entry]) -> None:
    named = names(entries)
    assert list(named) == list(entries)
    assert len(set(named.values())) == len(named)
    assert not any("_" in name for name in named.values())


@pytest.mark.parametrize(
    ("run", "name", "kind"),
    [
        (entry("deepset", pooling="lse"), "DeepSet, log-sum-exp pooling", "deepset"),
        (entry("deepset", pooling=["mean", "max"], norm="set"), "DeepSet, mean and max pooling, set norm", "deepset"),
        (entry("deepset", pooling="attention"), "DeepSet, attention pooling", "attention"),
        (
            entry("deepset", element_activation="none", pooling="sum"),
            "DeepSet, sum pooling, linear elements",
            "deepset",
        ),
        (entry("set_transformer"), "Set Transformer", "attention"),
        (entry("equivariant", group={"kind": "cyclic"}), "Equivariant network for rotations", "equivariant"),
        (entry("svm"), "SVM", "svm"),
        (entry("multichannel"), "Multichannel network", "plain"),
        (entry("mlp", "canonical"), "Canonical order", "canonical"),
        ({**entry("mlp"), "symmetrizer": LEAST}, "Least of rotations", "canonical"),
        ({**entry("mlp"), "symmetrizer": FRAME}, "Weighted frame of 5 orders", "canonical"),
        (entry("mlp", "average"), "Average over all orders", "average"),
        (entry("mlp", "sampled_average"), "Average over 8 orders", "average"),
        (entry("mlp", "augmentation"), "MLP, augmented", "augmentation"),
    ],
)
def test_a_run_is_named_after_its_method_and_has_the_colour_of_its_kind(run: Entry, name: str, kind: str) -> None:
    assert names({"run": run}) == {"run": name}
    assert kind_of(run) == kind


def test_runs_of_one_method_are_told_apart_by_what_differs_and_at_last_by_their_own_names() -> None:
    assert names({"a": entry("mlp", widths=[5]), "b": entry("mlp", widths=[50, 50])}) == {
        "a": "MLP, 1 layer of 5",
        "b": "MLP, 2 layers of 50",
    }
    canonical = {"a": entry("mlp", "canonical"), "b": entry("multichannel", "canonical")}
    assert names(canonical) == {"a": "Canonical order, MLP", "b": "Canonical order, Multichannel network"}
    assert names({"first_try": entry("svm"), "second_try": entry("svm")}) == {
        "first_try": "SVM, first try",
        "second_try": "SVM, second try",
    }


def test_the_same_method_has_the_same_name_in_another_task() -> None:
    runs = {"a": entry("svm"), "b": entry("svm") | {"task": "other"}}
    assert names(runs) == {"a": "SVM", "b": "SVM"}


def test_a_variant_has_the_settings_of_its_study_and_not_the_one_that_varies() -> None:
    run = entry("deepset", pooling="sum", element_widths=[5])
    varied = with_settings(run, {"model.pooling": "mean", "task.test_sets": 5}, "model.element_widths")
    assert varied["model"] == {"kind": "deepset", "pooling": "mean"}
    assert varied["task"] == run["task"]
    assert run["model"] == {"kind": "deepset", "pooling": "sum", "element_widths": [5]}, "the run itself stays"
    average = with_settings(entry("mlp", "sampled_average"), {}, "test.symmetrizer.samples")
    assert names({"run": average}) == {"run": "Average over random orders"}


def test_every_axis_of_the_studies_has_a_name_in_words() -> None:
    for study in PARAMS[0].studies.values():
        assert "." not in axis_name(study.axis)
        assert "." not in at_value(study.axis, 5)
    assert axis_name("test.model.dropout_rate") == "model dropout rate"
    assert at_value("train.data", 1000) == "with 1,000 training bags"


def test_values_are_written_as_people_write_them_and_do_not_break_in_a_title() -> None:
    assert [value_name(value) for value in (10000, 0.5, "fresh", [16], [16, 16], [5, 5, 1])] == [
        *("10,000", "0.5", "fresh", "1\xa0×\xa016", "2\xa0×\xa016", "5-5-1")
    ]
