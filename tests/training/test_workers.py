"""Worker processes."""

import subprocess
import sys
from pathlib import Path


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
