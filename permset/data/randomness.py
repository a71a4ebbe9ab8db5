"""Independent random streams: randomness is an argument, and torch's own generators are left as they were."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

# All threads share torch's own generators. A module that is being built may build others in the same way.
_ONE_THREAD = threading.RLock()


def generator(seed: int, stream: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Generator of one named stream of a seed.

    Streams of different names or seeds are independent (numpy's SeedSequence hashes both), so that
    weights, batches and test sets may share a seed without sharing a single draw.
    """
    words = np.random.SeedSequence([seed, *stream.encode()]).generate_state(2, np.uint32)
    state = int(words[0]) << 32 | int(words[1])
    return torch.Generator(device).manual_seed(state)


@contextmanager
def drawing(draws: torch.Generator) -> Iterator[None]:
    """Have torch's own generator, from which modules draw, draw from this one instead; in one thread at a time."""
    is_cuda = draws.device.type == "cuda"
    default = torch.cuda.default_generators[draws.device.index or 0] if is_cuda else torch.default_generator
    with _ONE_THREAD:
        before = default.get_state()
        default.set_state(draws.get_state())
        try:
            yield
        finally:
            draws.set_state(default.get_state())
            default.set_state(before)
