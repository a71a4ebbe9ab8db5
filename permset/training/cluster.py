"""The workers of a Dask scheduler as an executor: what they must have in common, what they are sent, and their faults.

Tasks hold no data, but parameters and the names of files. Their bytes go to each worker once, also to one that joins
later, and lie in a folder of its own, in which tasks are run.
"""

import ctypes
import hashlib
import logging
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import distributed
import torch
from distributed.diagnostics.plugin import WorkerPlugin

from permset import PermsetError
from permset.portable import SWITCHES, has_gpu, mode
from permset.store.files import write
from permset.training.finished import code
from permset.training.workers import Remote

CONNECT = 10.0
"""seconds in which a scheduler has to answer"""
Facts = dict[str, str]


class Stopped(Exception):
    """Nobody waits any more for what a worker computes."""


@cache
def facts() -> Facts:
    """What the bytes of results depend on besides parameters and bags; to be the same on all workers."""
    switches = [name for name, value in SWITCHES.items() if os.environ.get(name) == value]
    arithmetic = f"{mode()}, {torch.backends.cpu.get_cpu_capability()}, {len(switches)} of {len(SWITCHES)} switches"
    return {
        "permset": code()[:12],
        "torch": torch.__version__,
        "arithmetic": arithmetic,
        "GPU": "yes" if has_gpu() else "no",
    }


def check_worker(worker: str, threads: int, found: Mapping[str, str], expected: Facts) -> None:
    """PermsetError in one line for a worker that might give other bytes."""
    if threads != 1:
        raise PermsetError(
            f"worker {worker} has {threads} threads, which would disturb each other; start it with --nthreads 1"
        )
    for name, value in expected.items():
        if found.get(name) != value:
            raise PermsetError(
                f"worker {worker} has another {name}: {found.get(name, 'none')} there, {value} here; "
                "start it from the same commit with: python -m stages.worker"
            )


class Inputs(WorkerPlugin):  # type: ignore[misc]
    """Puts files into a folder of each worker, where tasks find them under the names that they have here."""

    def __init__(self, files: Mapping[str, bytes], expected: Facts):
        self.files, self.expected = files, expected
        self.thread: int | None = None

    def setup(self, worker: Any) -> None:
        self.address, self.threads = worker.address, worker.state.nthreads
        digest = hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in self.files.values()))
        self.folder = Path(worker.local_directory, "inputs", digest.hexdigest()[:16])
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            path = self.folder / name
            if not path.is_file() or path.read_bytes() != content:
                write(path, partial(_write_bytes, content=content))

    def run(self, call: Callable[..., Any], args: Sequence[Any]) -> Any:
        """Call it in the folder, with the same code and arithmetic as the client's, or not at all."""
        check_worker(self.address, self.threads, facts(), self.expected)
        before, self.thread = Path.cwd(), threading.get_ident()
        os.chdir(self.folder)
        try:
            return call(*args)
        finally:
            self.thread = None
            os.chdir(before)

    def teardown(self, worker: Any) -> None:
        """End what still runs: a client that leaves does not wait for it."""
        if self.thread is not None:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self.thread), ctypes.py_object(Stopped))


def _write_bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _run(plugin: str, call: Callable[..., Any], args: Sequence[Any]) -> Any:
    inputs: Inputs = distributed.get_worker().plugins[plugin]
    return inputs.run(call, args)


class Cluster(Remote):
    """Tasks are named after what is called, so that one that ends its workers can be told."""

    def __init__(self, client: "distributed.Client", files: Sequence[Path]):
        self.client, self.plugin = client, f"permset-{uuid.uuid4().hex}"
        self.address = client.scheduler.address
        self.waiting: set[Any] = set()
        scheduler = client.scheduler_info(n_workers=-1)
        workers = scheduler["workers"]
        if not workers:
            start = f"python -m stages.worker {self.address}"
            raise PermsetError(f"the scheduler at {self.address} has no workers; start some with: {start}")
        for worker, found in client.run(facts, on_error="return").items():
            if isinstance(found, BaseException):
                raise PermsetError(f"worker {worker} has no permset ({found}); start it in a checkout of this commit")
            check_worker(worker, workers.get(worker, {"nthreads": 1})["nthreads"], found, facts())
        dashboard = f"; dashboard: {client.dashboard_link}" if scheduler["services"] else ""
        print(f"{len(workers)} workers at {self.address}{dashboard}", flush=True)
        contents = {str(path): path.read_bytes() for path in files}
        client.register_plugin(Inputs(contents, facts()), name=self.plugin)

    def submit(self, call: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        """Any worker may run it; should that one die, another does."""
        key = f"{call} {uuid.uuid4().hex}"
        remote = self.client.submit(_run, self.plugin, partial(call, **named), args, key=key, pure=False)
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        self.waiting.add(remote)
        remote.add_done_callback(partial(self._settle, future, str(call)))
        return future

    def _settle(self, future: Future[Any], name: str, remote: Any) -> None:
        self.waiting.discard(remote)
        try:
            result = remote.result()
        except BaseException as error:
            future.set_exception(self._in_words(name, error))
        else:
            future.set_result(result)

    def _in_words(self, name: str, error: BaseException) -> BaseException:
        if isinstance(error, distributed.scheduler.KilledWorker):
            tries, last = error.allowed_failures + 1, error.last_worker.address
            return PermsetError(f"{name}: {tries} workers died while they ran it, the last at {last}; see its log")
        if isinstance(error, distributed.CancelledError):
            gone = f"the scheduler at {self.address} is gone"
            return PermsetError(f"{gone}; what was finished is kept, and the next start goes on")
        return error

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """What still runs is ended on the workers too."""
        if self.client.status == "running":
            with suppress(OSError, TimeoutError, distributed.CancelledError):
                self.client.cancel(list(self.waiting), force=True)
                self.client.unregister_worker_plugin(self.plugin)
        self.client.close(timeout=CONNECT)


@contextmanager
def cluster(address: str, files: Sequence[Path]) -> Iterator[Cluster]:
    """The workers of the scheduler at this address, with these files; PermsetError in one line for what is amiss."""
    for name in logging.root.manager.loggerDict:  # What they say is raised here, in one line.
        if name.startswith("distributed"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        client = distributed.Client(address, timeout=CONNECT, set_as_default=False)
    except (OSError, TimeoutError) as error:
        raise PermsetError(f"no Dask scheduler answers at {address}; start one with: dask scheduler") from error
    try:
        executor = Cluster(client, files)
    except BaseException:
        client.close(timeout=CONNECT)
        raise
    with executor:
        yield executor
