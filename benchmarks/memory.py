"""Peak memory of a piece of work, apart from what the process held before."""

import multiprocessing
import resource
from collections.abc import Callable


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
