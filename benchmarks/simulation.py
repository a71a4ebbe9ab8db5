"""Workers that are given blocks by a scheduler which hands out one after the other."""

import heapq
from collections.abc import Sequence

SLOTS = 2
"""blocks that a worker holds: one that it computes, and one that waits there, as Dask does by default"""


def busy_share(workers: int, seconds: Sequence[float], service: float) -> float:
    """The share of their time until the last block is done that workers compute.

    Args:
        seconds: how long each block takes
        service: seconds that the scheduler needs for each block
    """
    free = [(0.0, slot, worker) for slot in range(SLOTS) for worker in range(workers)]  # since when; a heap
    done = [0.0] * workers
    handed_out = 0.0
    for length in seconds:
        since, slot, worker = heapq.heappop(free)
        handed_out = max(handed_out, since) + service
        done[worker] = max(done[worker], handed_out) + length
        heapq.heappush(free, (done[worker], slot, worker))
    return sum(seconds) / (workers * max(done))
