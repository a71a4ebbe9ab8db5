"""Worker processes."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import torch
from tqdm import tqdm

from permset import PermsetError
from permset.training.workers import cores, seed_workers
from stages.worker import worker


def test_workers_do_not_hang_after_their_parent_computed_with_many_threads() -> None:
    """A forked process has no threads of its parent's, but a library that believes so waits for them for ever."""
    program = """
from functools import partial
import torch
from permset.api import MLP, Fresh, UnitSum
from permset.training.train import Settings, train_seeds
from permset.training.workers import seed_workers

torch.set_num_threads(2)
torch.rand(4_000_000).exp().sum()
with seed_workers(2, torch.device("cpu")) as executor:
    data, settings = Fresh(UnitSum().sample), Settings(3, 10, 0.01)
    train_seeds(partial(MLP, 10, 1, [200, 200]), data, settings, range(16), executor=executor)
"""
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], cwd=root, check=True, timeout=60)


@pytest.mark.parametrize(("workers", "count"), [(2, 2), ("3", 3), ("auto", 4)])
def test_there_are_as_many_workers_as_asked_for_or_as_cores(
    workers: int | str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(4)))
    with seed_workers(workers, torch.device("cpu")) as executor:
        assert isinstance(executor, ProcessPoolExecutor)
        assert executor._max_workers == count
        assert executor._mp_context.get_start_method() == "fork"
    with seed_workers(1, torch.device("cpu")) as executor, seed_workers(workers, torch.device("cuda")) as other:
        assert executor is other is None


def test_cores_are_those_that_the_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 7})
    assert cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    for count, expected in ((9, 9), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda count=count: count)
        assert cores() == expected


def state_of_a_worker() -> tuple[int, object, bool, bool]:
    watching = [thread for thread in threading.enumerate() if thread.name.endswith("(_end_with_parent)")]
    is_shared = type(tqdm.get_lock()).__module__ == "multiprocessing.synchronize"
    return torch.get_num_threads(), signal.getsignal(signal.SIGINT), is_shared, [t.daemon for t in watching] == [True]


def test_a_worker_has_one_thread_shares_the_lock_of_progress_bars_and_leaves_interrupts_to_its_parent() -> None:
    with seed_workers(2, torch.device("cpu")) as executor:
        assert executor is not None
        assert executor.submit(state_of_a_worker).result() == (1, signal.SIG_IGN, True, True)


def test_without_dask_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "permset.training.cluster", raising=False)
    expected = r"^workers: dask is not installed; install it with: pip install -r requirements-dask\.lock$"
    with pytest.raises(PermsetError, match=expected), seed_workers("tcp://127.0.0.1:9", torch.device("cpu")):
        pass
    monkeypatch.setitem(sys.modules, "distributed.cli.dask_worker", None)
    with pytest.raises(PermsetError, match=expected):
        worker("tcp://127.0.0.1:9")


@pytest.mark.parametrize("address", ["", "here", "10.0.0.1:8786"])
def test_a_worker_asks_for_an_address(address: str) -> None:
    with pytest.raises(PermsetError, match=r"^expected the address of a Dask scheduler such as \S+, got '"):
        worker(address)
