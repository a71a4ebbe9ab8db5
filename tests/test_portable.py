"""The same bits everywhere: the switches are set in time, nothing goes around them, and what they cannot do is told.

`make verify-cpus` compares processors, which takes minutes; here is what one processor can show.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from clone import ROOT, Project

from permset import portable
from permset.portable import SWITCHES, THREADS, VARIABLE, exceptions, is_portable, machine
from permset.training.workers import seed_workers

AVX2 = "fpu sse avx avx2 fma bmi1"
# Of tensors: their last bits differ between processors (permset/elementary.py), or they are made of such functions.
NOT_PORTABLE = {"sqrt", "log", "log2", "log10", "logit", "logsumexp", "pow", "float_power"}
OWN_LIBRARIES = {"math", "np", "Model"}  # MLflow's Model, which logs
LOCKED = dict(line.split("==") for line in (ROOT / "requirements.lock").read_text().lower().splitlines())


def in_new_process(code: str, **variables: str) -> str:
    kept = {key: value for key, value in os.environ.items() if key not in {*SWITCHES, *THREADS, VARIABLE}}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=kept | variables, capture_output=True, text=True, check=True)
    return done.stdout


def test_switches_are_set_before_numpy_and_torch_are_loaded() -> None:
    code = "import os, sys, stages, json; print(json.dumps([dict(os.environ), [*sys.modules]]))"
    environment, modules = json.loads(in_new_process(code, OMP_NUM_THREADS="8", ATEN_CPU_CAPABILITY="default"))
    assert {key: environment.get(key) for key in SWITCHES} == SWITCHES
    assert {"OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"} == set(THREADS)
    assert {environment.get(key) for key in THREADS} == {"1"}
    assert not {"numpy", "torch"} & set(modules)


def test_every_script_passes_there() -> None:
    """`python -m stages.x` runs stages/__init__.py first of all, and x imports what calls it from there."""
    for path in (ROOT / "stages").glob("[!_]*.py"):
        tree = ast.parse(path.read_text())
        assert any(isinstance(node, ast.ImportFrom) and node.module == "stages" for node in tree.body), path


def test_torch_heeds_them() -> None:
    code = "import stages, torch; print(torch.get_num_threads(), torch.backends.cpu.get_cpu_capability())"
    assert in_new_process(code, OMP_NUM_THREADS="8") == "1 AVX2\n"


def test_they_can_be_given_up_for_speed() -> None:
    code = "import os, stages; print(*(name for name in os.environ if name.startswith(('ATEN', 'MKL_C', 'ONEDNN'))))"
    assert in_new_process(code, **{VARIABLE: "0"}) == "\n"
    assert in_new_process(code).split() != []


def test_workers_have_them_too() -> None:
    with seed_workers(2, torch.device("cpu")) as executor:
        assert executor is not None
        names = executor.submit(os.getenv, "MKL_CBWR").result(), executor.submit(torch.get_num_threads).result()
    assert names == (SWITCHES["MKL_CBWR"], 1)


def processor(monkeypatch: pytest.MonkeyPatch, flags: str, kind: str = "x86_64") -> None:
    monkeypatch.setattr(portable, "_cpuinfo", lambda key: flags if key == "flags" else "Some Processor")
    monkeypatch.setattr(portable.platform, "machine", lambda: kind)
    monkeypatch.setattr(portable, "has_gpu", lambda: False)
    monkeypatch.setattr(portable, "_has_avx2", portable._has_avx2.__wrapped__)


def test_where_the_promise_holds_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    processor(monkeypatch, AVX2)
    monkeypatch.setattr(portable, "_version", lambda name: LOCKED[name])
    monkeypatch.delenv(VARIABLE, raising=False)
    assert exceptions("auto") == []
    assert is_portable()
    assert machine()["mode"] == "portable"


@pytest.mark.parametrize(
    ("flags", "kind"), [("fpu sse avx", "x86_64"), ("fpu avx avx2", "x86_64"), (AVX2, "aarch64"), ("", "x86_64")]
)
def test_a_processor_without_avx2_is_told_and_keeps_its_own_kernels(
    monkeypatch: pytest.MonkeyPatch, flags: str, kind: str
) -> None:
    processor(monkeypatch, flags, kind)
    monkeypatch.delenv(VARIABLE, raising=False)
    for name in SWITCHES:
        monkeypatch.delenv(name, raising=False)
    [reason] = exceptions()
    assert reason.startswith(f"this is no x86-64 processor with AVX2 under Linux ({kind}")
    assert not is_portable()
    assert machine()["mode"] == "native"
    portable.set_switches()
    assert not os.environ.keys() & SWITCHES.keys()
    assert os.environ["OMP_NUM_THREADS"] == "1"


def test_a_gpu_another_version_and_the_variable_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    processor(monkeypatch, AVX2)
    monkeypatch.setattr(portable, "has_gpu", lambda: True)
    assert exceptions("cpu") == []
    assert exceptions("auto") == exceptions("cuda") == ["a GPU is used (device in params.yaml)"]
    monkeypatch.setattr(portable, "_version", lambda name: "" if name == "scipy" else LOCKED[name] + ".1")
    assert f"torch is {LOCKED['torch']}.1 and not {LOCKED['torch']}" in exceptions()
    assert f"scipy is missing and not {LOCKED['scipy']}" in exceptions()
    assert len(exceptions()) == len(portable.PACKAGES)
    monkeypatch.setenv(VARIABLE, "0")
    assert exceptions()[0] == f"{VARIABLE} is 0"


def test_no_function_is_called_whose_bits_differ_between_processors() -> None:
    found = []
    for path in sorted((ROOT / "permset").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in NOT_PORTABLE:
                owner = node.func.value
                if not (isinstance(owner, ast.Name) and owner.id in OWN_LIBRARIES):
                    found.append(f"{path.name}:{node.lineno} {node.func.attr}")
    assert found == []


def test_first_calls_of_many_processes_at_once_are_exact() -> None:
    """See verification/first_calls.py, which does this by the hundred, and with more threads as its control."""
    command = [sys.executable, "-m", "verification.first_calls", "--starts", "12", "--at-once", "6"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("12 processes of 1 threads, 6 at once: 0 of 240 first calls differ"), done.stdout
    assert done.returncode == 0


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """With a network for each of what trains otherwise, and no results yet."""
    project = Project(tmp_path_factory.mktemp("portable"))
    transformer = {"kind": "set_transformer", "width": 8, "heads": 2, "blocks": 1, "norm": "layer"}
    project.params["seeds"] = 17  # three blocks
    project.params["train"]["steps"] = 4  # each of which has its point on the curves, the dearest part of a training
    project.params["runs"]["transformer"] = {"task": "unit_sum", "model": transformer}
    project.write_params()
    for stage in ("check", "generate unit_sum"):
        project.run(sys.executable, "-m", *f"stages.{stage}".split())
    return project


TRAINED = """
import sys
from stages.evaluate import evaluate
from stages.train import train

for run in sys.argv[1:]:
    train(run)
    evaluate(run)
"""
STUDIED = """
from stages.study import study

study("widths")
"""


def outputs(project: Project, *runs: str, prefix: tuple[str, ...] = ()) -> dict[Path, bytes]:
    """Of runs, trained and evaluated, and a study; in one process, which spares most of the starts."""
    project.run(*prefix, sys.executable, "-c", TRAINED + STUDIED, *runs)
    return project.bytes_of("models/*", "results/*/*.csv", "results/evaluate/*")


def test_results_do_not_depend_on_workers_or_cores(project: Project) -> None:
    results = []
    one_core = ("taskset", "-c", "0") if shutil.which("taskset") else ()
    for workers, prefix in ((1, ()), (2, ()), (3, ()), ("auto", one_core)):
        project.params["workers"] = workers
        project.write_params()
        shutil.rmtree(project.root / ".cache", ignore_errors=True)
        results.append(outputs(project, "deepset", "transformer", "average", prefix=prefix))
    assert len(results[0]) == 3 * 5 + 2  # of each run model, losses, curves, metrics, permutations; the study's tables
    assert all(result == results[0] for result in results[1:])
    project.params["seeds"] = 16  # The control: something else is something else.
    project.write_params()
    shutil.rmtree(project.root / ".cache", ignore_errors=True)
    others = outputs(project, "deepset")
    for path in map(project.root.joinpath, ("models/deepset.pt", "results/studies/widths.csv")):
        assert others[path] != results[0][path]
    project.params["seeds"] = 17
    project.write_params()


SIDE_BY_SIDE = """
import os, sys
from stages.evaluate import evaluate

for _ in range(6):
    if os.fork() == 0:
        try:
            evaluate("transformer")
            os._exit(0)
        finally:
            os._exit(1)
sys.exit(any([os.wait()[1] for _ in range(6)]))
"""


def test_evaluations_side_by_side_are_alike(project: Project) -> None:
    """In six processes, forked from one that has made its imports alone."""
    project.run(sys.executable, "-c", TRAINED, "transformer")
    path = project.root / "results/evaluate/transformer.json"
    expected = path.read_bytes()
    path.unlink()
    project.run(sys.executable, "-c", SIDE_BY_SIDE)
    assert path.read_bytes() == expected


def test_the_mode_is_told_in_one_line_and_kept_apart(project: Project) -> None:
    output = project.run(sys.executable, "-m", "stages.check")
    ok = project.root / "results/params.ok"
    assert "note" not in output
    portable_bytes = ok.read_bytes()
    output = project.run(sys.executable, "-m", "stages.check", **{VARIABLE: "0"})
    assert output == f"note: last digits may differ from those of the committed results: {VARIABLE} is 0\n"
    assert ok.read_bytes() != portable_bytes, "every stage that computes depends on it"
    project.run(sys.executable, "-m", "stages.check")
    assert ok.read_bytes() == portable_bytes
