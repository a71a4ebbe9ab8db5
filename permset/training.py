"""Train all seeds of a network at once.

What a seed learns is the same to the last bit whatever runs beside it. Vectorised operations may round
the last few elements of a tensor differently from the rest, so seeds are always computed in the same
company: in whole blocks of consecutive seeds. Blocks, never parts of them, are divided among workers.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Executor, wait
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from permset import PermsetError
from permset.batches import Sample, batches
from permset.costs import flops
from permset.randomness import generator
from permset.scores import accuracy, binary_cross_entropy
from permset.stacked import State, Step, compile_step, predict, stack

Build = Callable[[], nn.Module]

# Seeds of a block. On a CPU as few as still drown the cost of launching operations, so that few seeds
# spread over many cores; on a GPU, which one process fills, many.
BLOCK = {"cpu": 8, "cuda": 64}
# What is measured along the way.
CURVES = "train_loss", "train_accuracy", "validation_loss", "validation_accuracy"


class Diverged(PermsetError):
    """A loss is no longer finite."""


@dataclass(frozen=True)
class Settings:
    steps: int
    batch_size: int
    learning_rate: float
    schedule: Literal["constant", "cosine"] = "constant"
    bags: int | None = None
    """of the fixed sample that a seed is trained on; bags are drawn afresh for every step where it is not given"""
    measure_every: int | None = None
    """steps between two points of the curves of training and validation; none are measured where it is not given"""
    measure_sets: int = 1000
    """bags on which a point is measured"""

    def rate(self, step: int) -> float:
        """The learning rate of a step: constant, or from its full value towards zero along half a cosine."""
        if self.schedule == "constant":
            return self.learning_rate
        return self.learning_rate * (1 + math.cos(math.pi * step / self.steps)) / 2

    def batches(self, network: nn.Module, sample: Sample, seed: int, device: torch.device) -> Iterator[list[Tensor]]:
        return batches(network, sample, self.steps, self.batch_size, seed, device, self.bags)

    def is_measured(self, before: int, after: int) -> bool:
        """Whether a point of the curves is due once `after` steps are done, of which `before` were when last asked."""
        return self.measure_every is not None and (
            after == self.steps or before // self.measure_every < after // self.measure_every
        )


@dataclass(frozen=True)
class Trained:
    state: State
    """stacked parameters, each (seeds, ...), on the CPU"""
    history: Float[np.ndarray, "steps seeds"]
    """training loss of each batch before its step"""
    measured: Int[np.ndarray, " points"]
    """how many steps were done at each point of the curves"""
    curves: Float[np.ndarray, "points scores seeds"]
    """of CURVES: on bags of the steps just done, and on bags drawn apart from training and from the test set"""


def choose_device(device: str) -> torch.device:
    """`auto` takes the GPU where there is one."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise PermsetError("params.yaml: device: no CUDA device was found; set device to auto or cpu")
    return torch.device(device)


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
    for drawn in settings.batches(model, sample, seed, device):
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
    name: str | None = None,
) -> Trained:
    """Train one network for each seed, every seed on its own data, all seeds at once.

    `build`, `sample` and the executor follow `concurrent.futures`: with a pool of processes, or a
    cluster's executor, both must be picklable. Without an executor the blocks run here, one by one.
    Progress is shown under the name, if one is given. Raises Diverged when a loss is no longer finite.
    """
    device = torch.device(device)
    size = BLOCK[device.type]
    needed = sorted({seed // size for seed in seeds})
    jobs = [
        _Block(build, sample, settings, device, name, range(b * size, (b + 1) * size), frozenset(seeds), row)
        for row, b in enumerate(needed)
    ]
    if executor is None:
        done = _train_blocks(jobs)
    else:
        futures = [executor.submit(_train_blocks, [job]) for job in jobs]
        for future in wait(futures, return_when=FIRST_EXCEPTION).done:
            future.result()  # A failure is raised here, while other blocks are still at work.
        done = [trained for future in futures for trained in future.result()]
    pick = [needed.index(seed // size) * size + seed % size for seed in seeds]
    state = {key: torch.cat([trained.state[key] for trained in done])[pick] for key in done[0].state}
    history = np.concatenate([trained.history for trained in done], axis=1)[:, pick]
    return Trained(state, history, done[0].measured, np.concatenate([t.curves for t in done], axis=2)[:, :, pick])


def costs(build: Build, sample: Sample, settings: Settings) -> dict[str, float]:
    """Floating-point operations of the matrix products in training one network, and in using it on one bag."""
    network = build()
    *inputs, y = (tensor[0] for tensor in next(settings.batches(network, sample, 0, torch.device("cpu"))))
    step = flops(lambda: binary_cross_entropy(network(*inputs), y).backward())
    bag = flops(lambda: network(inputs[0][:1]))
    return {"training_gflop": settings.steps * step / 1e9, "bag_kflop": bag / 1e3}


def best_seed(history: Float[np.ndarray, "steps seeds"], last: int) -> int:
    """Index of the seed with the lowest mean training loss over the last steps."""
    return int(history[-last:].mean(0).argmin())


@dataclass(frozen=True)
class _Block:
    """What a worker needs to train some consecutive seeds, of which `wanted` are asked for."""

    build: Build
    sample: Sample
    settings: Settings
    device: torch.device
    name: str | None
    seeds: range
    wanted: frozenset[int]
    row: int
    """line of the progress bar"""


def _train_blocks(blocks: Sequence[_Block]) -> list[Trained]:
    """One after another, of one network, so that its step is compiled once."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # Blocks are what runs in parallel; and rounding must not depend on the cores.
    step, done = None, []
    try:
        for block in blocks:
            trained, step = _train_stack(block, step)
            done.append(trained)
        return done
    finally:
        torch.set_num_threads(threads)


def _train_stack(block: _Block, step: Step | None) -> tuple[Trained, Step | None]:
    settings, device = block.settings, block.device
    networks = [initialise(block.build, seed).to(device) for seed in block.seeds]
    state = stack(networks)
    weights = list(state.values())
    streams = [settings.batches(networks[0], block.sample, seed, device) for seed in block.seeds]
    unseen = [generator(seed, "validation", device) for seed in block.seeds]
    validation = [
        torch.stack(some)
        for some in zip(*(block.sample(settings.measure_sets, stream) for stream in unseen), strict=True)
    ]
    optimizer = torch.optim.Adam(weights, settings.learning_rate, fused=True)
    history: list[np.ndarray] = []
    measured: list[int] = []
    curves: list[np.ndarray] = []
    title = f"{block.name} seeds {block.seeds[0]}–{block.seeds[-1]}"
    hidden = None if block.name else True  # None shows it on a terminal
    with tqdm(total=settings.steps, desc=title, position=block.row, leave=None, disable=hidden) as progress:
        for draws in zip(*streams, strict=True):
            inputs = [torch.stack(tensors, 1) for tensors in zip(*draws, strict=True)]
            if step is None:
                step = compile_step(networks[0], state, binary_cross_entropy, *(tensor[0] for tensor in inputs))
            done = sum(map(len, history))  # not what the bar has counted, which is nothing where it is not shown
            losses = _take_steps(
                step, weights, optimizer, inputs, [settings.rate(done + i) for i in range(len(inputs[0]))]
            )
            _check_finite(losses, done, block)
            history.append(losses)
            progress.update(len(losses))
            if settings.is_measured(done, done + len(losses)):
                measured.append(done + len(losses))
                curves.append(_measure(networks[0], state, inputs, validation))
            progress.set_postfix(loss=f"{losses[-1].mean():.2g}")
    state = {key: value.cpu() for key, value in state.items()}
    points = np.array(curves).reshape(len(measured), len(CURVES), len(networks))
    return Trained(state, np.concatenate(history), np.array(measured, dtype=int), points), step


def _take_steps(
    step: Step,
    weights: Sequence[Tensor],
    optimizer: torch.optim.Optimizer,
    inputs: Sequence[Tensor],
    rates: list[float],
) -> Float[np.ndarray, "steps seeds"]:
    """The losses before each step; inputs are (steps, seeds, batch, …)."""
    losses = []
    with torch.inference_mode():
        for rate, *batch in zip(rates, *inputs, strict=True):
            *gradients, loss = step(weights, *batch)
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient
            optimizer.param_groups[0]["lr"] = rate
            optimizer.step()
            losses.append(loss)
    return torch.stack(losses).cpu().numpy()


def _measure(
    network: nn.Module, state: State, inputs: Sequence[Tensor], validation: Sequence[Tensor]
) -> Float[np.ndarray, "scores seeds"]:
    """A point of each of the curves; inputs are (steps, seeds, batch, …), as the networks were just trained on."""
    sets = validation[0].shape[1]
    x, *_, y = (tensor.transpose(0, 1).flatten(1, 2)[:, -sets:] for tensor in inputs)
    alone = [{name: value[lane : lane + 1] for name, value in state.items()} for lane in range(len(x))]
    scores = []
    for bags, labels in ((x, y), validation):
        logits = torch.cat([predict(network, weights, some) for weights, some in zip(alone, bags, strict=True)])
        scores += [binary_cross_entropy(logits, labels).double(), accuracy(logits, labels)]
    return torch.stack(scores).cpu().numpy()


def _check_finite(losses: Float[np.ndarray, "steps seeds"], first_step: int, block: _Block) -> None:
    for step, lane in np.argwhere(~np.isfinite(losses)):
        if block.seeds[lane] in block.wanted:
            raise Diverged(
                f"{block.name or 'training'}: the loss of seed {block.seeds[lane]} became {losses[step, lane]} at step "
                f"{first_step + step}; lower train.learning_rate or the run's own"
            )
