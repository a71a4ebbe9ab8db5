"""Independent random streams: randomness is an argument, nothing here touches a global generator."""

import numpy as np
import torch


def generator(seed: int, stream: str, device: torch.device | str = "cpu") -> torch.Generator:
    """Generator of one named stream of a seed.

    Streams of different names or seeds are independent (numpy's SeedSequence hashes both), so that
    weights, batches and test sets may share a seed without sharing a single draw.
    """
    words = np.random.SeedSequence([seed, *stream.encode()]).generate_state(2, np.uint32)
    state = int(words[0]) << 32 | int(words[1])
    return torch.Generator(device).manual_seed(state)
