"""The section `predictions` of params.yaml: what an entry may say, and one line for each mistake in it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from permset import PermsetError
from permset.config.experiment import Params, load_params

ROOT = Path(__file__).parents[2]


def load(tmp_path: Path, predictions: Any) -> Params:
    path = tmp_path / "params.yaml"
    data = yaml.safe_load((ROOT / "params.yaml").read_text()) | {"predictions": predictions}
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return load_params(path)


def test_a_file_without_the_section_has_no_predictions() -> None:
    assert load_params(ROOT / "published/params.yaml").predictions == {}


@pytest.mark.parametrize("who", [{"run": "musk1_svm"}, {"best": "musk1"}])
def test_an_entry_names_a_run_or_the_best_one_and_a_file(tmp_path: Path, who: dict[str, str]) -> None:
    params = load(tmp_path, {"march": who | {"path": "march.csv"}})
    assert params.predictions["march"].model_dump(exclude_none=True) == who | {"path": "march.csv", "objects": False}


def test_it_may_ask_for_objects_in_a_table_of_their_own(tmp_path: Path) -> None:
    entry = {"run": "musk1_svm", "path": "march.csv", "objects": True}
    assert load(tmp_path, {"march": entry, "april_objects": entry}).predictions["march"].objects
    expected = "predictions.march_objects: march_objects.csv is the table of the objects of march; choose another name"
    with pytest.raises(PermsetError, match=re.escape(expected)):
        load(tmp_path, {"march_objects": entry, "march": entry})


def test_a_public_collection_is_fetched_for_predictions_too(tmp_path: Path) -> None:
    assert Path("fetched/musk2.csv") not in load(tmp_path, {}).to_fetch
    assert Path("fetched/musk2.csv") in load(tmp_path, {"two": {"best": "musk1", "path": "fetched/musk2.csv"}}).to_fetch


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"path": "a.csv"}, "predictions.march: must have run, or best with an entry of files, got neither"),
        ({"run": "musk1_svm", "best": "musk1", "path": "a.csv"}, "predictions.march: must have run, or best with an "),
        ({"run": "musk1_svm"}, "predictions.march.path: missing; add it"),
        ({"run": "musk1_svm", "path": ""}, "predictions.march.path: String should have at least 1 character"),
        ({"run": "musk1_svm", "path": "a\nb"}, "predictions.march.path: must be a path whose parts have at most 255"),
        ({"run": "musk1_svm", "path": "a.csv", "objects": "b"}, "predictions.march.objects: Input should be a valid"),
        ({"run": "musk1_svm", "path": "a.csv", "bag": "b"}, "predictions.march.bag: unknown key"),
        ({"run": "svm", "path": "a.csv"}, "predictions.march.run: no run is named 'svm'; choose one of: musk1_deepset"),
        (
            {"run": "deepset", "path": "a.csv"},
            "predictions.march.run: the bags of unit_sum come from no file; choose a run of an entry of files: musk1_",
        ),
        (
            {"best": "unit_sum", "path": "a.csv"},
            "predictions.march.best: no entry of files is named 'unit_sum'; choose one of: musk1, birds_brown_creeper",
        ),
        (
            {"run": "musk1_svm", "path": "fetched/mine.csv"},
            "predictions.march.path: fetched/ has only what fetched.sha256 lists (birds_brown_creeper, ",
        ),
        (None, "predictions.march: must be a mapping of keys to values, got nothing"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path: Path, entry: Any, expected: str) -> None:
    with pytest.raises(PermsetError) as error:
        load(tmp_path, {"march": entry})
    [line] = str(error.value).splitlines()
    assert line.startswith(f"{tmp_path / 'params.yaml'}: {expected}"), line


def test_a_prediction_may_be_calibrated_and_leaves_no_trace_where_it_is_not(tmp_path: Path) -> None:
    entry = {"run": "musk1_svm", "path": "a.csv"}
    predictions = load(tmp_path, {"one": entry, "two": entry | {"calibrated": True}}).predictions
    assert [chosen.calibrated for chosen in predictions.values()] == [False, True]
    assert ["calibrated" in chosen.model_dump() for chosen in predictions.values()] == [False, True]


@pytest.mark.parametrize("who", [{"run": "musk1_svm"}, {"best": "musk1"}])
def test_numbers_cannot_be_calibrated(tmp_path: Path, who: dict[str, str]) -> None:
    data = yaml.safe_load((ROOT / "params.yaml").read_text())
    data["files"]["musk1"]["target"] = "real"
    data["predictions"] = {"march": who | {"path": "a.csv", "calibrated": True}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(
        PermsetError, match=r"predictions\.march\.calibrated: real targets have no probabilities; remove"
    ):
        load_params(tmp_path / "params.yaml")


def test_the_best_of_no_runs_is_a_mistake(tmp_path: Path) -> None:
    data = yaml.safe_load((ROOT / "params.yaml").read_text())
    data["runs"] = {"deepset": data["runs"]["deepset"]}
    data |= {"studies": {}, "predictions": {"march": {"best": "musk1", "path": "a.csv"}}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(PermsetError, match=r"predictions\.march\.best: no run has the task musk1; add one to runs$"):
        load_params(tmp_path / "params.yaml")
