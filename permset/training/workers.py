"""Worker processes, which end with their parent."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from permset import PermsetError
from permset.config.workers import chosen_workers, is_address


class Remote(Executor):
    """Of workers on other machines: tasks hold no data, which is too much to be sent with each of them."""


@contextmanager
def seed_workers(workers: int | str, device: torch.device, files: Sequence[Path] = ()) -> Iterator[Executor | None]:
    """Processes for `train_seeds`, `auto` for as many as cores; none for one, or on a GPU, which one process fills.

    At an address the workers of a Dask scheduler, which are sent these files. The environment may choose otherwise.
    """
    workers = chosen_workers(workers)
    if is_address(workers):
        try:
            from permset.training.cluster import cluster
        except ModuleNotFoundError as error:
            raise no_dask() from error
        with cluster(str(workers), files) as executor:
            yield executor
        return
    count = cores() if workers == "auto" else int(workers)
    if count == 1 or device.type != "cpu":
        yield None
        return
    # Forking spares each worker the seconds of importing torch; elsewhere than on Linux it is not safe.
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    pool = ProcessPoolExecutor(count, context, initializer=_start_worker, initargs=(context.RLock(),))
    try:
        yield pool
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def no_dask() -> PermsetError:
    """In place of a ModuleNotFoundError."""
    return PermsetError("workers: dask is not installed; install it with: pip install -r requirements-dask.lock")


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start_worker(lock: Any) -> None:
    tqdm.set_lock(lock)
    # A forked process that calls on the threads of its parent, also only to copy a result, waits for ever.
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends its workers.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A pool's worker waits for work for ever if its parent is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
