"""The pipeline itself, on tiny parameters, in a temporary clone of its own."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grimp
import mlflow
import pytest
import torch
import yaml
from clone import ROOT, TINY_STUDIES, Project

from permset.portable import mode

RESULTS = "results/*.csv", "results/[!p]*/*", "results/permutations/*", "models/*", "data/*", "dvc.lock"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("clone"))
    project.run("dvc", "repro")
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


def test_a_stage_depends_on_exactly_the_modules_it_imports() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    published = yaml.safe_load((ROOT / "published/dvc.yaml").read_text())["stages"]
    graph = grimp.build_graph("permset", "stages")
    always_run = {"check", "fetch", "track"}
    for name in (stages.keys() | published.keys()) - always_run:
        modules = {f"stages.{name}", *graph.find_upstream_modules(f"stages.{name}")}
        packages = {module.partition(".")[0] for module in modules}
        imported = {f"{module.replace('.', '/')}.py" for module in modules - packages}
        imported |= {f"{package}/__init__.py" for package in packages}
        for of, up in ((stages, ""), (published, "../")):
            if name in of:
                deps = of[name].get("do", of[name])["deps"]
                assert {dep for dep in deps if dep.endswith(".py")} == {f"{up}{path}" for path in imported}, name


def test_whatever_computes_depends_on_the_mode_of_arithmetic() -> None:
    for pipeline, names in (("dvc.yaml", ["study"]), ("published/dvc.yaml", [])):
        stages = yaml.safe_load((ROOT / pipeline).read_text())["stages"]
        for name in ("generate", "train", "evaluate", *names):
            assert "results/params.ok" in stages[name]["do"]["deps"], name


def test_training_depends_on_all_its_settings_but_the_workers() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    settings = yaml.safe_load((ROOT / "params.yaml").read_text())["train"]
    named = {name.removeprefix("train.") for name in stages["train"]["do"]["params"] if name.startswith("train.")}
    assert named == set(settings) - {"workers"}


def test_results_and_their_mirror(project: Project) -> None:
    header, *rows = (project.root / "results/summary.csv").read_text().splitlines()
    table = {row.split(",")[0]: dict(zip(header.split(","), row.split(","), strict=True)) for row in rows}
    assert sorted(table) == ["average", "deepset", "mlp"]
    assert table["average"]["verdict"] == "invariant"
    assert table["deepset"]["num_params"] == "62"
    assert table["deepset"]["verdict"] == "invariant"
    assert table["mlp"]["verdict"] == "not invariant"
    for name in (
        "curves_unit_sum",
        "loss_unit_sum",
        "accuracy_unit_sum",
        "invariance_unit_sum",
        "batch_unit_sum",
    ):
        assert (project.root / f"results/figures/{name}.png").stat().st_size > 5000
    figures_of_studies = {path.stem for path in (project.root / "results/study_figures").iterdir()}
    assert figures_of_studies == set(TINY_STUDIES)
    page = (project.root / "results/report.html").read_text()
    assert all(f'<h3 id="{study}">' in page for study in TINY_STUDIES)
    orders = (project.root / "results/permutations/deepset.csv").read_text().splitlines()
    assert len(orders) == 5

    tracked = project.tracked()
    parents = [run.data.tags["mlflow.parentRunId"] for run in tracked if "mlflow.parentRunId" in run.data.tags]
    assert sorted(map(parents.count, set(parents))) == [2, 2 * 2], "a run a point, under one for its study"
    assert {run.data.tags["study"] for run in tracked if run.info.run_id in parents} == {"widths", "set_size"}
    runs = {run.data.tags["run"]: run for run in tracked if "study" not in run.data.tags}
    assert sorted(runs) == ["average", "comparison", "deepset", "mlp"]
    deepset = runs["deepset"]
    numbers = json.loads((project.root / "results/evaluate/deepset.json").read_text())["deepset"]
    assert deepset.data.metrics["accuracy"] == pytest.approx(numbers["accuracy"])
    assert deepset.data.params["model.element_widths"] == "[5, 5, 1]"
    assert deepset.data.tags["verdict"] == "invariant"
    assert len(deepset.data.tags["git_commit"]) == 40
    for key in ("processor", "torch", "mkl", "libc"):
        assert deepset.data.tags[f"machine.{key}"]
    assert deepset.data.tags["machine.mode"] == mode()
    assert deepset.inputs.dataset_inputs[0].dataset.name == "unit_sum"
    assert len(mlflow.MlflowClient().get_metric_history(deepset.info.run_id, "train/loss")) == 60
    network = mlflow.pytorch.load_model(f"models:/{deepset.outputs.model_outputs[0].model_id}")
    assert network(torch.rand(5, 13, 1)).shape == (5, 1)
    average = mlflow.pytorch.load_model(f"models:/{runs['average'].outputs.model_outputs[0].model_id}")
    x = torch.rand(5, 10, 1).round()
    torch.testing.assert_close(average(x), average(x.flip(-2)))


def test_with_nothing_to_do_nothing_is_done(project: Project, untouched: None) -> None:
    output = project.run("dvc", "repro")
    assert set(re.findall(r"Running stage '(\S+)'", output)) == {"check", "fetch", "track"}


def test_a_deleted_store_heals_without_training(project: Project) -> None:
    tags = sorted(run.data.tags["permset.digest"] for run in project.tracked())
    (project.root / "mlflow.db").unlink()
    output = project.run("dvc", "repro")
    assert set(re.findall(r"Running stage '(\S+)'", output)) == {"check", "fetch", "track"}
    assert sorted(run.data.tags["permset.digest"] for run in project.tracked()) == tags


def test_all_over_again_gives_the_same_bytes(project: Project, untouched: None) -> None:
    project.run("dvc", "repro", "-f", "train@deepset", "train@mlp", "evaluate@mlp", "plot")


def test_a_shorter_study_computes_nothing_and_a_longer_one_its_new_points(project: Project) -> None:
    before = project.bytes_of("results/studies/*")
    table = project.root / "results/studies/widths.csv"
    for values, rows in (([[3]], 6), ([[3], [5], [4]], 18)):
        project.params["studies"]["widths"]["values"] = values
        project.write_params()
        kept = set((project.root / ".cache/points").iterdir())
        ran = re.findall(r"Running stage '(\S+)'", project.run("dvc", "repro", "study@widths", "study@set_size"))
        assert set(ran) == {"check", "inputs", "study@widths"}
        assert len(set((project.root / ".cache/points").iterdir()) - kept) == (0 if len(values) == 1 else 2)
        assert len(table.read_text().splitlines()) == 1 + rows
    project.params["studies"]["widths"]["values"] = [[3], [5]]
    project.write_params()
    project.run("dvc", "repro")
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
    ran = set(re.findall(r"Running stage '(\S+)'", output))
    assert {"train@deepset", "evaluate@deepset"} <= ran
    assert "study@set_size" in ran, "it varies the deepset"
    assert not {"train@mlp", "generate@unit_sum", "study@widths"} & ran
    new = [run for run in project.tracked() if run.data.tags["permset.digest"] not in before]
    assert sorted(run.data.tags["run"] for run in new if "study" not in run.data.tags) == ["comparison", "deepset"]
    assert {run.data.tags.get("study") for run in new} == {None, "set_size"}, "which varies the deepset"
    assert {run.data.tags["dvc_experiment"] for run in new} == {"mean-pooling"}
    project.run("git", "checkout", "-q", ".")
    ran = re.findall(r"Running stage '(\S+)'", project.run("dvc", "repro"))
    assert set(ran) == {"check", "fetch", "track"}, "the rest is in DVC's cache"
    assert len(project.tracked()) == len(before) + 4, "what was there before is found again"


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
    models = project.root / "permset/models.py"
    source = models.read_text()
    models.write_text(source.replace("self.pool(features, mask)", "self.pool(features.cumsum(-2), mask)"))
    output = project.run(sys.executable, "-m", "stages.evaluate", "deepset", status=1)
    models.write_text(source)
    assert re.search(r"error: deepset: claims to be invariant under S_10, but its relative error is [\d.e+-]+", output)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_training_that_is_killed_leaves_nothing_behind(project: Project, untouched: None, how: signal.Signals) -> None:
    changed = project.params | {"train": project.params["train"] | {"steps": 10**6}, "seeds": 9}
    (project.root / "params.yaml").write_text(yaml.safe_dump(changed))
    command = [sys.executable, "-m", "stages.train", "mlp"]
    process = subprocess.Popen(command, cwd=project.root, env=project.environment, stderr=subprocess.PIPE, text=True)
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
