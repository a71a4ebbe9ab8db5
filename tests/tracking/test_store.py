"""Names of results by their content, and what the store holds."""

from pathlib import Path

import mlflow
import pytest
from tracked_results import result, runs

from permset.tracking import mirror as tracking
from permset.tracking.mirror import mirror
from permset.tracking.store import STUDIES, digest, flatten, holds_all, project_root


def test_the_root_is_dvcs_or_the_packages(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert project_root() == store
    monkeypatch.delenv("DVC_ROOT")
    assert project_root() == Path(tracking.__file__).parents[2]


def test_a_digest_tells_parameters_and_bytes_apart(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("a")
    first = digest({"x": 1, "y": 2}, [file])
    assert digest({"y": 2, "x": 1}, [file]) == first
    assert digest({"x": 1, "y": 3}, [file]) != first
    file.write_text("b")
    assert digest({"x": 1, "y": 2}, [file]) != first


def test_flatten_joins_keys_with_dots() -> None:
    assert flatten({"a": {"b": {"c": 1}, "d": [1, 2]}, "e": "x"}) == {"a.b.c": 1, "a.d": [1, 2], "e": "x"}


def test_a_look_into_the_store_sees_what_mlflow_sees(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = result("one"), result("two", experiment=STUDIES)
    assert not holds_all([one]), "there is no store"
    mirror([one, two])
    monkeypatch.delenv("MLFLOW_TRACKING_URI")  # MLflow sets it for child processes.
    assert holds_all([one, two])
    assert not holds_all([one, result("three")])
    run = next(run for run in runs() if run.data.tags["run"] == "one")
    mlflow.MlflowClient().delete_run(run.info.run_id)
    assert not holds_all([one]), "it was deleted"
    assert holds_all([two])
    mlflow.MlflowClient().set_terminated(next(r for r in runs()).info.run_id, "FAILED")
    assert not holds_all([two]), "it was not finished"
    (store / "mlflow.db").write_bytes(b"damaged")
    assert not holds_all([two])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///elsewhere.db")
    assert not holds_all([])
