"""Workers of a Dask scheduler, in real processes on this machine: the same bytes, and one line for what goes wrong."""

import copy
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import cluster_tasks
import pytest
import torch

from permset import PermsetError
from permset.portable import SWITCHES
from permset.training.workers import seed_workers

pytest.importorskip("distributed", reason="dask is not installed")
from permset.training.cluster import Cluster, Inputs, check_worker, cluster, facts
from verification.cluster import PARAMS, prepare, stage, taken, with_a_kill
from verification.machines import HERE, Machines, kill, machines, until


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with machines(tmp_path_factory.mktemp("machines"), 2) as found:
        yield found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    small = copy.deepcopy(PARAMS)
    small["studies"]["widths"]["runs"]["mlp"]["values"] = [[2], [3], [4]]
    small["train"]["steps"] = 200
    prepare(tmp_path, small)
    return tmp_path


def test_a_worker_that_dies_and_one_that_joins_change_no_byte(project: Path) -> None:
    commands = [("train", "digits"), ("study", "widths")]
    for command in commands:
        assert stage(project, *command) == ""
    expected = taken(project)
    assert len(expected) == 5
    with machines(project / "machines", 2) as found:
        assert with_a_kill(project, found, commands, 4.0) == expected
        # While they are there: workers that lose their scheduler end, and take their folders with them.
        assert list((project / "machines").rglob("digits.npz")), "bags come to workers that lack them"


def test_a_scheduler_that_dies_ends_a_study_in_one_line_and_the_next_start_goes_on(project: Path) -> None:
    stage(project, "study", "widths")
    expected, points = results_of_study(project), project / ".cache/points"
    shutil.rmtree(points)
    with machines(project / "machines", 1) as found, ThreadPoolExecutor() as threads:
        failed = threads.submit(stage, project, "study", "widths", address=found.address)
        until(lambda: points.is_dir() and len(list(points.glob("*.json"))) >= 1)
        kill(found.scheduler)
        error = failed.exception()
    assert isinstance(error, subprocess.CalledProcessError)
    message = (
        f"error: the scheduler at {found.address} is gone; what was finished is kept, and the next start goes on\n"
    )
    assert (error.returncode, error.stderr) == (1, message)
    kept = {path: path.stat().st_mtime_ns for path in points.glob("*.json")}
    assert 1 <= len(kept) < 3
    stage(project, "study", "widths")
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "what was finished is not computed again"
    assert len(list(points.iterdir())) == 3
    assert results_of_study(project) == expected


def results_of_study(project: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (project / "results/studies").iterdir()}


@contextmanager
def executor(address: str, files: tuple[Path, ...] = ()) -> Iterator[Cluster]:
    with cluster(address, files) as found:
        yield found


def test_tasks_run_beside_their_files_and_say_what_is_wrong_with_them(
    pair: Machines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    for text in ("first", "second"):
        Path("data/bags.npz").write_text(text)
        with executor(pair.address, (Path("data/bags.npz"),)) as found:
            assert found.submit(cluster_tasks.double, 4).result() == 8
            content, folder = found.submit(cluster_tasks.read, "data/bags.npz").result()
            assert content == text
            assert Path(folder) != tmp_path
            with pytest.raises(ValueError, match="refused on purpose"):
                found.submit(cluster_tasks.refuse).result()
            assert found.submit(cluster_tasks.read, "data/bags.npz").result()[0] == text


def test_what_kills_every_worker_is_named(tmp_path: Path) -> None:
    with (
        machines(tmp_path, 1) as found,
        executor(found.address) as workers,
        pytest.raises(PermsetError, match=r"die.*: 4 workers died while they ran it, the last at tcp://"),
    ):
        workers.submit(cluster_tasks.die).result()


def test_a_client_that_leaves_ends_its_tasks(pair: Machines, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    with executor(pair.address) as workers:
        waiting = workers.submit(cluster_tasks.compute_for_ever, str(seen))
        until(seen.is_file)
    time.sleep(1)
    last = seen.read_text()
    time.sleep(0.5)
    assert seen.read_text() == last
    assert isinstance(waiting.exception(), PermsetError)
    with executor(pair.address) as workers:
        assert workers.submit(cluster_tasks.double, 1).result() == 2, "the worker is free again"


def check(address: str) -> None:
    with executor(address):
        pass


def test_workers_that_would_give_other_bytes_are_refused_by_name(tmp_path: Path) -> None:
    with machines(tmp_path, 1) as found:
        threaded = found.bare_worker(2, HERE)
        found.wait_for(2)
        with pytest.raises(
            PermsetError,
            match=r"^worker tcp://\S+ has 2 threads, which would disturb each other; start it with --nthreads 1$",
        ):
            check(found.address)
        kill(threaded)
        found.wait_for(1)
        check(found.address)
        found.bare_worker(1, {name: value for name, value in HERE.items() if name not in SWITCHES})
        found.wait_for(2)
        with pytest.raises(PermsetError, match=r"^worker tcp://\S+ has another arithmetic: .* there, .* here;"):
            check(found.address)


def test_every_fact_counts() -> None:
    check_worker("tcp://w:1", 1, dict(facts()), facts())
    for name in facts():
        with pytest.raises(PermsetError, match=f"^worker tcp://w:1 has another {name}: other there, "):
            check_worker("tcp://w:1", 1, facts() | {name: "other"}, facts())
        with pytest.raises(PermsetError, match=f"another {name}: none there, "):
            check_worker("tcp://w:1", 1, {key: value for key, value in facts().items() if key != name}, facts())


@pytest.mark.parametrize(("threads", "other"), [(2, {}), (1, {"torch": "1.0"}), (1, {})])
def test_nothing_runs_on_a_worker_that_comes_late_and_differs(
    threads: int, other: dict[str, str], tmp_path: Path
) -> None:
    late = Inputs({"data/bags.npz": b"bags"}, facts() | other)
    state = SimpleNamespace(nthreads=threads)
    late.setup(SimpleNamespace(address="tcp://late:1", state=state, local_directory=tmp_path))
    here = Path.cwd()
    if (threads, other) == (1, {}):
        assert late.run(cluster_tasks.read, ["data/bags.npz"])[0] == "bags"
    else:
        with pytest.raises(PermsetError, match=r"^worker tcp://late:1 has"):
            late.run(cluster_tasks.read, ["data/bags.npz"])
    assert Path.cwd() == here


def test_where_there_is_no_scheduler_or_no_worker_one_line_says_so(tmp_path: Path) -> None:
    with pytest.raises(PermsetError, match=r"^no Dask scheduler answers at tcp://127\.0\.0\.1:9; start one"):
        check("tcp://127.0.0.1:9")
    with machines(tmp_path, 0) as found, pytest.raises(PermsetError, match=r"has no workers; start some with: python"):
        check(found.address)


def test_the_environment_says_where_the_work_is_done(pair: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERMSET_WORKERS", pair.address)
    with seed_workers(1, torch.device("cpu")) as found:
        assert isinstance(found, Cluster)
        assert found.address == pair.address
