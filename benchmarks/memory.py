"""Peak memory of a piece of work, apart from what the process held before."""

import ctypes
import multiprocessing
import resource
from collections.abc import Callable


def keep_freed_memory() -> None:
    """Put glibc's allocator into the state in which it ends up by itself once a process has freed a tensor of 32 MB.

    It then keeps the pages of smaller tensors. Before, these may go back to the system and come again at every call,
    or not, by the history of the process: a benchmark of small tensors would measure that.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(-1, 64 * 2**20)  # M_TRIM_THRESHOLD of glibc's malloc.h
        library.mallopt(-3, 32 * 2**20)  # M_MMAP_THRESHOLD


def peak_memory(work: Callable[[], None]) -> float:
    """MB that a fresh copy of this process takes beyond what it starts with."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)

    def measure() -> None:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        work()
        sender.send((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)

    process = context.Process(target=measure)
    process.start()
    process.join()
    return float(receiver.recv())
