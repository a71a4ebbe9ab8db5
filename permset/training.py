"""Train all seeds of a network at once.

What a seed learns is the same to the last bit whatever runs beside it. Vectorised operations may round
the last few elements of a tensor differently from the rest, so seeds are always computed in the same
company: in whole blocks of consecutive seeds. Blocks, never parts of them, are divided among workers.
"""

import math
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Executor, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from permset import PermsetError
from permset.randomness import generator
from permset.stacked import State, compile_step, stack

Build = Callable[[], nn.Module]
Sample = Callable[[int, torch.Generator], tuple[Tensor, Tensor]]

# Seeds of a block. On a CPU as few as still drown the cost of launching operations, so that few seeds
# spread over many cores; on a GPU, which one process fills, many.
BLOCK = {"cpu": 8, "cuda": 64}
# Steps whose batches are drawn in one go, which spares most of the cost of drawing small batches.
STEPS_A_DRAW = 50


@dataclass(frozen=True)
class Settings:
    steps: int
    batch_size: int
    learning_rate: float
    schedule: Literal["constant", "cosine"] = "constant"

    def rate(self, step: int) -> float:
        """The learning rate of a step: constant, or from its full value towards zero along half a cosine."""
        if self.schedule == "constant":
            return self.learning_rate
        return self.learning_rate * (1 + math.cos(math.pi * step / self.steps)) / 2


@dataclass(frozen=True)
class Trained:
    state: State
    """stacked parameters, each (seeds, ...), on the CPU"""
    history: Float[np.ndarray, "steps seeds"]
    """training loss of each fresh batch before its step"""


def binary_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean of log(1 + eᶻ) − y·z, the cross-entropy of σ(z), which neither overflows nor takes the log of 0."""
    return (F.softplus(logits) - labels * logits).mean()


def choose_device(device: str) -> torch.device:
    """`auto` takes the GPU where there is one."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise PermsetError("params.yaml: device: no CUDA device was found; set device to auto or cpu")
    return torch.device(device)


def batches(
    network: nn.Module, sample: Sample, settings: Settings, seed: int, device: torch.device
) -> Iterator[list[Tensor]]:
    """A fresh batch for each step, some steps at a time: x (steps, batch, n, c), permutations (steps, batch, k, n)
    where the network asks for random ones, and y (steps, batch, outputs)."""
    draws = generator(seed, "batches", device)
    permutations = generator(seed, "permutations", device)
    for start in range(0, settings.steps, STEPS_A_DRAW):
        steps = min(STEPS_A_DRAW, settings.steps - start)
        x, y = sample(steps * settings.batch_size, draws)
        draw: Callable[..., Tensor] | None = getattr(network, "draw", None)
        drawn = [draw(len(x), permutations)] if draw else []
        yield [tensor.unflatten(0, (steps, -1)) for tensor in (x, *drawn, y)]


def initialise(build: Build, seed: int) -> nn.Module:
    """A network with the weights of this seed; torch's own generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.set_rng_state(generator(seed, "weights").get_state())
        return build()


def train(model: nn.Module, sample: Sample, settings: Settings, seed: int = 0) -> tuple[nn.Module, list[float]]:
    """The exercise's own form: train one model by Adam on fresh batches; gives it back with its loss history.

    The same data and, to rounding, the same result as `train_seeds` for this seed.
    """
    device = next(model.parameters()).device
    optimizer = torch.optim.Adam(model.parameters(), settings.learning_rate, fused=True)
    history: list[float] = []
    for drawn in batches(model, sample, settings, seed, device):
        for *inputs, y in zip(*drawn, strict=True):
            optimizer.param_groups[0]["lr"] = settings.rate(len(history))
            optimizer.zero_grad()
            loss = F.binary_cross_entropy_with_logits(model(*inputs), y)
            loss.backward()
            optimizer.step()
            history.append(loss.item())
    return model, history


def train_seeds(
    build: Build,
    sample: Sample,
    settings: Settings,
    seeds: Sequence[int],
    *,
    device: torch.device | str = "cpu",
    executor: Executor | None = None,
    name: str = "",
) -> Trained:
    """Train one network for each seed, every seed on its own data, all seeds at once.

    `build`, `sample` and the executor follow `concurrent.futures`: with a pool of processes, or a
    cluster's executor, both must be picklable. Without an executor the blocks run here, one by one.
    Raises PermsetError with name, seed and step when a loss is no longer finite.
    """
    device = torch.device(device)
    size = BLOCK[device.type]
    needed = sorted({seed // size for seed in seeds})
    jobs = [
        _Block(build, sample, settings, device, name, range(b * size, (b + 1) * size), frozenset(seeds), row)
        for row, b in enumerate(needed)
    ]
    if executor is None:
        done = [_train_block(job) for job in jobs]
    else:
        futures = [executor.submit(_train_block, job) for job in jobs]
        for future in wait(futures, return_when=FIRST_EXCEPTION).done:
            future.result()  # A failure is raised here, while other blocks are still at work.
        done = [future.result() for future in futures]
    pick = [needed.index(seed // size) * size + seed % size for seed in seeds]
    history = np.concatenate([trained.history for trained in done], axis=1)[:, pick]
    return Trained({key: torch.cat([t.state[key] for t in done])[pick] for key in done[0].state}, history)


@contextmanager
def seed_workers(workers: int | str, device: torch.device) -> Iterator[Executor | None]:
    """Processes for `train_seeds`, `auto` for as many as cores; none for one, or on a GPU, which one process fills."""
    count = _cores() if workers == "auto" else int(workers)
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


def best_seed(history: Float[np.ndarray, "steps seeds"], last: int) -> int:
    """Index of the seed with the lowest mean training loss over the last steps."""
    return int(history[-last:].mean(0).argmin())


def _cores() -> int:
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


@dataclass(frozen=True)
class _Block:
    """What a worker needs to train some consecutive seeds, of which `wanted` are asked for."""

    build: Build
    sample: Sample
    settings: Settings
    device: torch.device
    name: str
    seeds: range
    wanted: frozenset[int]
    row: int
    """line of the progress bar"""


def _train_block(block: _Block) -> Trained:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # Blocks are what runs in parallel; and rounding must not depend on the cores.
    try:
        return _train_stack(block)
    finally:
        torch.set_num_threads(threads)


def _train_stack(block: _Block) -> Trained:
    settings, device = block.settings, block.device
    networks = [initialise(block.build, seed).to(device) for seed in block.seeds]
    state = stack(networks)
    weights = list(state.values())
    streams = [batches(networks[0], block.sample, settings, seed, device) for seed in block.seeds]
    optimizer = torch.optim.Adam(weights, settings.learning_rate, fused=True)
    step = None
    history: list[np.ndarray] = []
    title = f"{block.name} seeds {block.seeds[0]}–{block.seeds[-1]}"
    with tqdm(total=settings.steps, desc=title, position=block.row, leave=None, disable=None) as progress:
        for draws in zip(*streams, strict=True):
            inputs = [torch.stack(tensors, 1) for tensors in zip(*draws, strict=True)]
            if step is None:
                step = compile_step(networks[0], state, binary_cross_entropy, *(tensor[0] for tensor in inputs))
            losses = []
            with torch.inference_mode():
                for i, batch in enumerate(zip(*inputs, strict=True)):
                    *gradients, loss = step(weights, *batch)
                    for weight, gradient in zip(weights, gradients, strict=True):
                        weight.grad = gradient
                    optimizer.param_groups[0]["lr"] = settings.rate(int(progress.n) + i)
                    optimizer.step()
                    losses.append(loss)
            history.append(torch.stack(losses).cpu().numpy())
            _check_finite(history[-1], int(progress.n), block)
            progress.update(len(losses))
            progress.set_postfix(loss=f"{history[-1][-1].mean():.2g}")
    return Trained({key: value.cpu() for key, value in state.items()}, np.concatenate(history))


def _check_finite(losses: Float[np.ndarray, "steps seeds"], first_step: int, block: _Block) -> None:
    for step, lane in np.argwhere(~np.isfinite(losses)):
        if block.seeds[lane] in block.wanted:
            raise PermsetError(
                f"{block.name}: the loss of seed {block.seeds[lane]} became {losses[step, lane]} at step "
                f"{first_step + step}; lower train.learning_rate or the run's own"
            )
