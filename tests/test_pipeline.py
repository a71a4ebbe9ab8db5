"""The pipeline itself, on tiny parameters, in a temporary clone of its own."""

import contextlib
import hashlib
import html
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import grimp
import mlflow
import numpy as np
import pandas as pd
import pytest
import yaml
from clone import ROOT, TINY_STUDIES, Project

from permset.portable import mode
from permset.store.tables import read_csv
from stages.code import modules

RESULTS = "results/*.csv", "results/[!p]*/*", "results/permutations/*", "models/*", "data/*", "**/dvc.lock"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("clone"))
    project.repro()
    project.commit()
    return project


@pytest.fixture
def untouched(project: Project) -> Iterator[None]:
    """Whatever the test did, results and the MLflow store are as they were."""
    before, runs = project.bytes_of(*RESULTS), len(project.tracked())
    yield
    project.write_params()
    assert project.bytes_of(*RESULTS) == before
    assert len(project.tracked()) == runs


ALWAYS = {"check", "track"}  # and fetch, where a file is fetched
PUBLISHED = tuple(f"published/{name}/dvc.yaml" for name in ("clustering", "elephant", "population", "subgroups"))
PIPELINES = "dvc.yaml", "stages/dvc.yaml", "studies/dvc.yaml", "published/dvc.yaml", *PUBLISHED


def ran(output: str) -> set[str]:
    """Stages that DVC ran, of whichever pipeline."""
    return set(re.findall(r"Running stage '(?:\S+:)?(\S+)'", output))


def stages_of(pipeline: str) -> dict[str, dict[str, Any]]:
    stages = yaml.safe_load((ROOT / pipeline).read_text())["stages"]
    return {name: stage.get("do", stage) for name, stage in stages.items()}


def imported(stage: str) -> set[str]:
    """The files of a stage and of all modules that it imports, but for the packages' own."""
    graph = grimp.build_graph("permset", "stages")
    modules = {f"stages.{stage}", *graph.find_upstream_modules(f"stages.{stage}")} - {"permset.portable"}
    files = {Path(*module.split(".")).with_suffix(".py") for module in modules}
    return {str(file) for file in files if (ROOT / file).is_file()}


def rooms(files: set[str]) -> set[str]:
    """What DVC watches: rooms of the package as folders, stages as files."""
    return {str(Path(file).parent) if file.startswith("permset/") else file for file in files}


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_dvc_watches_exactly_the_rooms_that_a_stage_imports(pipeline: str) -> None:
    for name, stage in stages_of(pipeline).items():
        if name in ("check", "fetch", "track", "track_studies"):
            continue  # They always run.
        deps = {re.sub(r"^(\.\./)+", "", dep) for dep in stage["deps"]}
        code = {dep for dep in deps if dep.startswith(("permset", "stages", "results/code"))}
        if name.startswith("code_"):
            assert code == rooms(imported(name.removeprefix("code_"))), name
            assert "results/params.ok" in deps, "the arithmetic"
        else:
            assert code in ({f"results/code/{name}"}, rooms(imported(name))), name


def test_the_hashes_of_a_stages_code_are_of_all_that_it_imports() -> None:
    with contextlib.chdir(ROOT):
        for name in ("read", "generate", "train", "evaluate", "study"):
            assert {str(path) for path in modules(f"stages.{name}")} >= imported(name), name
            assert all(path.parts[0] in ("permset", "stages") for path in modules(f"stages.{name}"))


def test_the_code_that_computes_says_its_arithmetic(project: Project) -> None:
    for name in ("read", "generate", "train", "evaluate", "study"):
        path = project.root / f"results/code/{name}"
        if path.exists():
            assert path.read_text().splitlines()[1].startswith("arithmetic: "), name


def test_training_depends_on_all_its_settings_but_the_workers() -> None:
    for pipeline in ("dvc.yaml", "published/dvc.yaml", *(path for path in PUBLISHED if "population" not in path)):
        assert stages_of(pipeline)["train"]["params"] == ["device", "seeds", "train", "runs.${key}"]


def test_the_published_pipeline_fetches_and_reads_as_the_main_one_does() -> None:
    main, published = stages_of("stages/dvc.yaml") | stages_of("dvc.yaml"), stages_of("published/elephant/dvc.yaml")
    for name in ("fetch", "read"):
        stage, expected = published[name], main[name]
        assert stage["cmd"] == f"PYTHONPATH=../.. {expected['cmd']}"
        assert [dep.removeprefix("../../") for dep in stage["deps"]] == expected["deps"]
        for key in ("params", "outs", "always_changed"):
            assert stage.get(key) == expected.get(key), name


def test_results_and_their_mirror(project: Project) -> None:
    table = {row["run"]: row for row in read_csv(project.root / "results/summary.csv", "plot")}
    assert sorted(table) == ["average", "deepset", "mlp"]
    assert table["average"]["verdict"] == "invariant"
    assert table["deepset"]["num_params"] == "62"
    assert table["deepset"]["verdict"] == "invariant"
    assert table["mlp"]["verdict"] == "not invariant"
    pairs = read_csv(project.root / "results/comparisons.csv", "plot")
    assert [(pair["run"], pair["other"]) for pair in pairs] == list(combinations(table, 2))
    for name in (
        "curves_unit_sum",
        "loss_unit_sum",
        "accuracy_unit_sum",
        "invariance_unit_sum",
        "batch_unit_sum",
        "calibration_unit_sum",
    ):
        assert (project.root / f"results/figures/{name}.png").stat().st_size > 5000
    figures_of_studies = {path.stem for path in (project.root / "results/study_figures").iterdir()}
    assert figures_of_studies == set(TINY_STUDIES)
    page = (project.root / "results/report.html").read_text()
    assert all(f'<h3 id="{study}">' in page for study in TINY_STUDIES)
    assert 'id="table-comparisons-unit_sum"' in page
    orders = (project.root / "results/permutations/deepset.csv").read_text().splitlines()
    assert len(orders) == 5

    tracked = project.tracked()
    parents = [run.data.tags["mlflow.parentRunId"] for run in tracked if "mlflow.parentRunId" in run.data.tags]
    assert sorted(map(parents.count, set(parents))) == [2, 2 * 2], "a run a point, under one for its study"
    studies = {run.info.run_name: run for run in tracked if run.info.run_id in parents}
    assert sorted(studies) == ["set_size", "widths"]
    for name, study in studies.items():
        assert study.data.metrics == {}
        asked, _, answered = study.data.tags["mlflow.note.content"].partition("\n\n")
        assert asked == f"**{study.data.tags['question']}**"
        assert answered in html.unescape(page), "the report's answer"
        artifacts = project.root / "mlruns" / study.info.run_id / "artifacts/results"
        assert (artifacts / f"study_figures/{name}.png").is_file()
        assert (artifacts / f"studies/{name}.csv").is_file()
    listed = [run.info.run_name for run in tracked if "study" not in run.data.tags]
    of_runs = ["comparison", "average", "deepset", "mlp"]
    # DVC takes the two pipelines in the order in which it finds their files, which is that of the file system.
    assert listed in (["report", *of_runs], [*of_runs, "report"]), "what came last is first on MLflow's page"
    runs = {run.data.tags["run"]: run for run in tracked if "study" not in run.data.tags}
    assert sorted(runs) == ["average", "comparison", "deepset", "mlp", "report"]
    deepset = runs["deepset"]
    numbers = json.loads((project.root / "results/evaluate/deepset.json").read_text())["deepset"]
    assert deepset.data.metrics["test/accuracy"] == pytest.approx(numbers["accuracy"])
    assert deepset.data.params["model.element_widths"] == "[5, 5, 1]"
    assert {name.partition("/")[0] for name in deepset.data.metrics} == {"test", "cost", "invariance", "train"}
    assert runs["comparison"].data.metrics == {}
    assert (project.root / f"mlruns/{runs['comparison'].info.run_id}/artifacts/results/comparisons.csv").is_file()
    assert deepset.info.end_time - deepset.info.start_time == pytest.approx(1000 * seconds_of_training(project), abs=1)
    assert deepset.data.tags["verdict"] == "invariant"
    assert len(deepset.data.tags["git_commit"]) == 40
    for key in ("processor", "torch", "mkl", "libc"):
        assert deepset.data.tags[f"machine.{key}"]
    assert deepset.data.tags["machine.mode"] == mode()
    assert deepset.inputs.dataset_inputs[0].dataset.name == "unit_sum"
    assert len(mlflow.MlflowClient().get_metric_history(deepset.info.run_id, "train/loss")) == 60
    assert mlflow.get_logged_model(deepset.outputs.model_outputs[0].model_id).name == "deepset"
    models = [f"models:/{runs[name].outputs.model_outputs[0].model_id}" for name in ("deepset", "average")]
    network, average = map(mlflow.pyfunc.load_model, models)
    table = network.predict(np.random.default_rng(0).random((5, 13, 1)))
    assert list(table) == ["predicted", "probability of class 0", "probability of class 1"]
    assert len(table) == 5
    x = np.random.default_rng(0).random((5, 10, 1)).round()
    pd.testing.assert_frame_equal(average.predict(x), average.predict(x[:, ::-1]))


def seconds_of_training(project: Project) -> float:
    digest = hashlib.sha256((project.root / "models/deepset.pt").read_bytes()).hexdigest()
    return float((project.root / f".cache/seconds/{digest}").read_text())


def test_with_nothing_to_do_nothing_is_done(project: Project, untouched: None) -> None:
    assert ran(project.repro()) == ALWAYS | {"track_studies"}


def test_a_deleted_store_heals_without_training(project: Project) -> None:
    tags = sorted(run.data.tags["permset.digest"] for run in project.tracked())
    (project.root / "mlflow.db").unlink()
    assert ran(project.repro()) == ALWAYS | {"track_studies"}
    assert sorted(run.data.tags["permset.digest"] for run in project.tracked()) == tags


def test_all_over_again_gives_the_same_bytes(project: Project, untouched: None) -> None:
    project.run("dvc", "repro", "-f", "train@deepset", "train@mlp", "evaluate@mlp", "plot")


def test_what_a_cluster_computed_is_not_computed_again(project: Project, untouched: None, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="dask is not installed")
    from verification.machines import machines

    shutil.rmtree(project.root / ".cache/points")
    stages = "train@deepset", "train@mlp", "studies/dvc.yaml:study@widths"
    with machines(tmp_path, 2, {**project.environment, "PYTHONPATH": str(project.root)}) as found:
        output = project.run("dvc", "repro", "-f", *stages, PERMSET_WORKERS=found.address)
    assert output.count(f"2 workers at {found.address}") == len(stages)
    assert ran(project.repro()) == ALWAYS | {"track_studies"}
    assert project.run("git", "status", "--porcelain") == ""


def test_the_documents_go_back_to_what_is_committed(project: Project, untouched: None) -> None:
    """Where `make published` was never called, whose outputs DVC would look for."""
    [line] = re.findall(r"`(git checkout .*?)`", (ROOT / "docs/experiments.md").read_text())
    (project.root / "models/mlp.pt").unlink()
    (project.root / "results/summary.csv").write_text("spoilt")
    project.run("sh", "-c", line)
    project.run("sh", "-c", line.partition(" dvc.yaml")[0], status=255)


def test_a_shorter_study_computes_nothing_and_a_longer_one_its_new_points(project: Project) -> None:
    before = project.bytes_of("results/studies/*")
    table = project.root / "results/studies/widths.csv"
    for values, rows in (([[3]], 6), ([[3], [5], [4]], 18)):
        project.params["studies"]["widths"]["values"] = values
        project.write_params()
        kept = set((project.root / ".cache/points").iterdir())
        studies = [f"studies/dvc.yaml:study@{name}" for name in TINY_STUDIES]
        assert ran(project.run("dvc", "repro", *studies)) == {"check", "plan", "study@widths"}
        assert len(set((project.root / ".cache/points").iterdir()) - kept) == (0 if len(values) == 1 else 2)
        assert len(table.read_text().splitlines()) == 1 + rows
    project.params["studies"]["widths"]["values"] = [[3], [5]]
    project.write_params()
    project.repro()
    assert project.bytes_of("results/studies/*") == before


def test_a_study_that_is_killed_goes_on_from_its_finished_points(project: Project) -> None:
    """And ends with the same bytes."""
    before = project.bytes_of("results/studies/*")
    cache = project.root / ".cache/points"
    shutil.rmtree(cache)
    command = [sys.executable, "-m", "stages.study", "widths"]
    process = subprocess.Popen(command, cwd=project.root, env=project.environment)
    while not (cache.is_dir() and any(cache.glob("*.json"))):
        time.sleep(0.01)
    process.kill()
    process.wait()
    time.sleep(1)
    finished = {path: path.stat().st_mtime_ns for path in cache.glob("*.json")}
    assert 1 <= len(finished) <= 4
    project.run(*command)
    assert len(list(cache.glob("*.json"))) == 4
    assert all(path.stat().st_mtime_ns == time for path, time in finished.items())
    assert project.bytes_of("results/studies/*") == before


def test_an_experiment_retrains_its_run_alone_and_is_tracked(project: Project) -> None:
    before = {run.data.tags["permset.digest"] for run in project.tracked()}
    output = project.run("dvc", "exp", "run", "-n", "mean-pooling", "-S", "runs.deepset.model.pooling=mean")
    assert ran(output) == ALWAYS | {"train@deepset", "evaluate@deepset", "plot", "choose"}, "no study, no other run"
    new = [run for run in project.tracked() if run.data.tags["permset.digest"] not in before]
    assert sorted(run.data.tags["run"] for run in new) == ["comparison", "deepset"]
    assert {run.data.tags["dvc_experiment"] for run in new} == {"mean-pooling"}
    command = "dvc exp show --only-changed --no-pager"
    assert command in (ROOT / "README.md").read_text()
    table = project.run(*command.split(), COLUMNS="120")
    assert all(len(line) <= 120 for line in table.splitlines())
    assert re.search(r"\[mean-pooling\] .* mean ", table)
    assert "-0.0" not in table
    project.run("git", "checkout", "-q", ".")
    project.run("dvc", "checkout", "-q", "dvc.yaml")
    assert ran(project.run("dvc", "repro")) == ALWAYS, "the rest is in DVC's cache"
    assert len(project.tracked()) == len(before) + 2, "what was there before is found again"


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("train.learning_rate", -1, "params.yaml: train.learning_rate: Input should be greater than 0, got -1"),
        ("runs.mlp.model.width", 3, "params.yaml: runs.mlp.model.width: unknown key"),
        ("runs.mlp.task", "unit_product", "params.yaml: runs.mlp.task: no task is named 'unit_product'"),
        ("studies.widths.axis", "model.width", "params.yaml: studies.widths.axis: the run 'mlp' has no model.width"),
        ("tasks.unit_sum.subset_sizes", [3, 30], "tasks.unit_sum: subset_sizes must lie between 1 and set_size 10"),
    ],
)
def test_bad_parameters_stop_the_pipeline_in_one_line(
    project: Project, untouched: None, place: str, value: object, expected: str
) -> None:
    changed = json.loads(json.dumps(project.params))
    *inner, last = place.split(".")
    at = changed
    for key in inner:
        at = at[key]
    at[last] = value
    (project.root / "params.yaml").write_text(yaml.safe_dump(changed))
    output = project.run("dvc", "repro", status=1)
    assert expected in output
    assert "Traceback" not in output


def test_a_damaged_model_is_named(project: Project, untouched: None) -> None:
    path = project.root / "models/mlp.pt"
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    output = project.run(sys.executable, "-m", "stages.evaluate", "mlp", status=1)
    path.write_bytes(whole)
    assert output.startswith("error: models/mlp.pt: damaged")
    assert len(output.splitlines()) == 1


def test_a_lost_claim_fails_the_pipeline(project: Project, untouched: None) -> None:
    models = project.root / "permset/networks/networks.py"
    source = models.read_text()
    models.write_text(source.replace("self.pool(features, mask)", "self.pool(features.cumsum(-2), mask)"))
    output = project.run(sys.executable, "-m", "stages.evaluate", "deepset", status=1)
    models.write_text(source)
    assert re.search(r"error: deepset: claims to be invariant under S_10, but its outputs change", output)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_training_that_is_killed_leaves_nothing_behind(project: Project, untouched: None, how: signal.Signals) -> None:
    changed = project.params | {"train": project.params["train"] | {"steps": 10**6}, "seeds": 9}
    (project.root / "params.yaml").write_text(yaml.safe_dump(changed))
    command = [sys.executable, "-m", "stages.train", "mlp"]
    process = subprocess.Popen(
        command,
        cwd=project.root,
        env=project.environment,
        stderr=subprocess.PIPE,
        text=True,
        # Whatever runs the tests in the background may ignore Ctrl-C, which its children inherit.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while len(children.read_text().split()) < 2:
        time.sleep(0.1)
    time.sleep(1)
    workers = children.read_text().split()
    process.send_signal(how)
    _, errors = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "Traceback" not in errors
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline, "workers outlive their parent"
        time.sleep(0.1)
