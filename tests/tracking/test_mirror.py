"""MLflow holds every result once."""

import multiprocessing
import os
import signal
from pathlib import Path

import mlflow
import pytest
from mlflow.store.db import utils
from tracked_results import result, runs

from permset.tracking.mirror import mirror
from permset.tracking.store import DIGEST, EXPERIMENT, STUDIES


def test_a_result_is_held_once_with_all_that_belongs_to_it(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [Path("results/train/a.csv"), Path("results/permutations/a.csv")]
    monkeypatch.chdir(store)
    for file in files:
        file.parent.mkdir(parents=True)
        file.write_text(str(file))
    curve = [(step, 1 / (step + 1)) for step in range(2500)]
    one = result("one", files=files, curves={"train/loss": curve})
    mirror([one, result("two")])
    mirror([one, result("two")])
    held = {run.data.tags["run"]: run for run in runs()}
    assert sorted(held) == ["one", "two"]
    assert len(runs()) == 2
    run = held["one"]
    assert (run.data.params, run.data.metrics["accuracy"]) == ({"a": "1"}, 0.5)
    client = mlflow.MlflowClient()
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert [(m.step, m.value) for m in history] == curve
    for file in files:
        assert Path(client.download_artifacts(run.info.run_id, str(file))).read_text() == str(file)
    assert (store / "mlflow.db").is_file()
    assert Path(run.info.artifact_uri.removeprefix("file://")).is_relative_to(store / "mlruns")


def test_a_run_that_was_cut_off_is_made_anew(store: Path) -> None:
    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mirror([result("one", log_inputs=fail), result("two")])
    [broken] = runs()
    assert broken.info.status != "FINISHED"
    mirror([result("one"), result("two")])
    assert sorted((run.data.tags["run"], run.info.status) for run in runs()) == [
        ("one", "FINISHED"),
        ("two", "FINISHED"),
    ]
    assert len({run.data.tags[DIGEST] for run in runs()}) == 2


def test_a_store_whose_making_was_killed_is_made_anew(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def mirror_and_die() -> None:
        monkeypatch.setattr(utils, "_upgrade_db", lambda engine: os.kill(os.getpid(), signal.SIGKILL))
        mirror([result("one")])

    killed = multiprocessing.get_context("fork").Process(target=mirror_and_die)
    killed.start()
    killed.join()
    assert killed.exitcode == -signal.SIGKILL
    assert not (store / "mlflow.db").exists(), "a store has all of its tables or is not there"
    mirror([result("one")])
    assert [run.data.tags["run"] for run in runs()] == ["one"]


def test_studies_have_an_experiment_of_their_own(store: Path) -> None:
    """And the runs have the first one of a new store, to whose address `make ui` points."""
    mirror([result("study", experiment=STUDIES), result("run")])
    mirror([result("study", experiment=STUDIES), result("run")])
    for name, number, run in ((EXPERIMENT, "1", "run"), (STUDIES, "2", "study")):
        experiment = mlflow.get_experiment_by_name(name)
        assert experiment.experiment_id == number
        found = mlflow.search_runs([number], output_format="list")
        assert [held.data.tags["run"] for held in found] == [run]


def test_the_duration_of_a_run_is_that_of_its_computation(store: Path) -> None:
    mirror([result("slow", seconds=1234.5), result("unknown")])
    durations = {run.data.tags["run"]: run.info.end_time - run.info.start_time for run in runs()}
    assert durations["slow"] == 1_234_500
    assert durations["unknown"] < 60_000, "that of logging"
    assert {run.info.status for run in runs()} == {"FINISHED"}


def test_runs_of_others_are_left_alone(store: Path) -> None:
    """Also where they are not finished: only a cut-off mirror of ours is taken away."""
    mirror([result("one")])
    experiment = mlflow.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    other = mlflow.MlflowClient().create_run(experiment.experiment_id, run_name="by hand")
    mirror([result("one"), result("two")])
    found = {run.info.run_id: run.info.status for run in runs()}
    assert found[other.info.run_id] == "RUNNING"
    assert len(found) == 3


def test_a_preset_store_is_used(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store / 'other.db'}")
    mirror([result("one")])
    assert (store / "other.db").is_file()
    assert not (store / "mlflow.db").exists()
