"""Artifacts stay beside the store, also in a copy of the project, and go with it."""

import os
import shutil
from functools import partial
from pathlib import Path

import mlflow
import numpy as np
import pytest
from tracked_results import interface, log, result, runs

from permset import PermsetError
from permset.networks.networks import DeepSet
from permset.tracking.store import EXPERIMENT, Result, holds_all, mirror_new


@pytest.fixture
def project(store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With a space in its path, which an address writes otherwise."""
    folder = store / "my project"
    (folder / "results").mkdir(parents=True)
    (folder / "results/one.csv").write_text("1")
    enter(folder, monkeypatch)
    return folder


def enter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", str(folder))
    monkeypatch.chdir(folder)


def track(*results: Result) -> None:
    """As a new process does: MLflow sets the variable for child processes."""
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    mirror_new(results)


def with_model(name: str) -> Result:
    log_inputs = partial(log, DeepSet(3, [4, 2], [3]), interface(), name)
    return result(name, files=[Path("results/one.csv")], log_inputs=log_inputs)


def files_in(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_a_copied_project_writes_into_its_own_folder(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    track(with_model("one"))
    mlflow.create_experiment("another", artifact_location="s3://bucket/mlruns")
    copy = project.parent / "copy"
    shutil.copytree(project, copy)
    before = files_in(project)
    capsys.readouterr()
    enter(copy, monkeypatch)
    os.environ.pop("MLFLOW_TRACKING_URI")
    assert not holds_all([with_model("one")]), "to be moved"
    track(with_model("one"))
    [line] = capsys.readouterr().out.splitlines()
    assert line == f"{copy}/mlflow.db: copied from {project}; from now on it logs into this folder, {copy}/mlruns"
    os.environ.pop("MLFLOW_TRACKING_URI")
    assert holds_all([with_model("one")])
    track(result("two", files=[Path("results/one.csv")]))
    assert capsys.readouterr().out == "", "once"
    assert files_in(project) == before
    shutil.rmtree(project)
    for run in runs():
        assert Path(mlflow.artifacts.download_artifacts(f"{run.info.artifact_uri}/results/one.csv")).is_relative_to(
            copy
        )
    experiment = mlflow.get_experiment_by_name(EXPERIMENT)
    [model] = mlflow.search_logged_models(experiment_ids=[experiment.experiment_id], output_format="list")
    assert len(mlflow.pyfunc.load_model(model.model_uri).predict(np.zeros((2, 5, 3)))) == 2
    assert mlflow.get_experiment("0").artifact_location == f"{copy}/mlruns/0"
    assert mlflow.get_experiment_by_name("another").artifact_location == "s3://bucket/mlruns"


def test_artifacts_that_are_elsewhere_on_purpose_stay_there(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow.set_tracking_uri(f"sqlite:///{project}/mlflow.db")
    elsewhere = (project.parent / "artifacts").as_uri()
    mlflow.create_experiment(EXPERIMENT, artifact_location=elsewhere)
    track(result("one", files=[Path("results/one.csv")]))
    [run] = runs()
    assert run.info.artifact_uri.startswith(elsewhere)


def test_a_deleted_store_takes_its_artifacts_along_and_no_others(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    track(with_model("one"), result("two", files=[Path("results/one.csv")]))
    [removed] = [run.info.run_id for run in runs() if run.data.tags["run"] == "two"]
    artifacts = project / "mlruns"
    with mlflow.start_run(experiment_id=runs()[0].info.experiment_id) as by_hand:
        mlflow.log_artifact("results/one.csv", "results")
        mlflow.pyfunc.log_model(name="model", python_model=lambda model_input: model_input, pip_requirements=[])
    others = {path for path in artifacts.rglob("*") if by_hand.info.run_id in str(path)}
    others |= {path for path in artifacts.glob("models/*/artifacts/*") if by_hand.info.run_id in contents(path)}
    assert len(others) > 2
    (artifacts / "0").mkdir()
    (artifacts / "0/notes.txt").write_text("of somebody")
    mlflow.MlflowClient().delete_run(removed)
    track(result("three"))
    assert (artifacts / removed).is_dir(), "what is in MLflow's bin can be restored"
    size = sum(path.stat().st_size for path in artifacts.rglob("*"))
    (project / "mlflow.db").unlink()
    # MLflow holds on to a store that it had open; one in another place is as new as one in another process.
    others = {project.parent / "moved" / path.relative_to(project) for path in others}
    project, artifacts = project.rename(project.parent / "moved"), project.parent / "moved/mlruns"
    enter(project, monkeypatch)
    track(with_model("one"), result("two", files=[Path("results/one.csv")]))
    assert not (artifacts / removed).exists()
    assert all(path.exists() for path in others)
    assert (artifacts / "0/notes.txt").exists()
    assert len(list(artifacts.glob("models/*"))) == 2, "the new one, and the one by hand"
    assert sum(path.stat().st_size for path in artifacts.rglob("*")) < 1.1 * size


def contents(path: Path) -> str:
    return path.read_text(errors="ignore") if path.is_file() else ""


@pytest.mark.parametrize("damage", ["no database", "cut off"])
def test_a_damaged_store_is_named_in_one_line(project: Path, damage: str) -> None:
    store = project / "mlflow.db"
    if damage == "no database":
        store.write_bytes(b"damaged")
    else:
        track(result("one"))
        store.write_bytes(store.read_bytes()[:100_000])
    with pytest.raises(PermsetError, match=r"mlflow\.db: damaged; delete it, and the next `dvc repro` fills it again"):
        track(result("one"))


def test_an_empty_store_is_filled(project: Path) -> None:
    (project / "mlflow.db").touch()
    track(result("one"))
    assert len(runs()) == 1
