"""Predictions as results: their tables go with them, and a new one makes a new result."""

from pathlib import Path

import pytest
import yaml

from permset.config.experiment import Params
from permset.store.files import write_absent
from permset.store.tables import write_csv, write_json
from permset.tracking.predictions import prediction_results
from permset.tracking.store import Result

ROOT = Path(__file__).parents[2]


def results(objects: bool) -> list[Result]:
    data = yaml.safe_load((ROOT / "params.yaml").read_text())
    data["predictions"] = {
        name: {"run": "musk1_svm", "path": "march.csv", "objects": objects} for name in ("march", "gone")
    }
    return list(prediction_results(Params.model_validate(data)))


def write(effect: float) -> None:
    folder = Path("results/predictions")
    write_csv(folder / "march.csv", ["bag"], [["a"]])
    write_csv(folder / "march_objects.csv", ["bag", "effect"], [["a", effect]])
    summary = {"run": "musk1_svm", "task": "musk1", "bags": 1, "networks": 3, "accuracy": 0.5}
    write_json(folder / "march.json", {"march": summary})
    for name in ("gone.json", "gone.csv", "gone_objects.csv"):
        write_absent(folder / name, "not here")


def test_the_table_of_objects_goes_with_it_where_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("march.csv").write_text("bag\n")
    write(0.5)
    [plain], [whole] = results(objects=False), results(objects=True)
    assert [path.name for path in plain.files] == ["march.csv", "march.json"]
    assert sorted(path.name for path in whole.files) == ["march.csv", "march.json", "march_objects.csv"]
    assert plain.metrics == whole.metrics == {"bags": 1, "networks": 3, "test/accuracy": 0.5}
    assert plain.digest != whole.digest
    write(0.25)
    assert results(objects=False)[0].digest == plain.digest
    assert results(objects=True)[0].digest != whole.digest
