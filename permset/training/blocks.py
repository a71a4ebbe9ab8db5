"""Train a block of consecutive seeds of a network at once.

What a seed learns is the same to the last bit whatever runs beside it. Vectorised operations may round
the last few elements of a tensor differently from the rest, so seeds are always computed in the same
company: in whole blocks of consecutive seeds. Blocks, never parts of them, are divided among workers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from tqdm import tqdm

from permset import PermsetError
from permset.data.batches import Draw, Part, TrainingData, batches
from permset.data.randomness import drawing, generator
from permset.data.targets import Target
from permset.networks.standardization import unit_of_targets
from permset.symmetry.symmetrizers import SetNetwork
from permset.training.compiled import Step, compile_step
from permset.training.learning_curves import Points, best_points, last_seen
from permset.training.settings import Settings
from permset.training.stack import State, stack

Build = Callable[[], nn.Module]


class Diverged(PermsetError):
    """A loss is no longer finite."""


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
    kept: Int[np.ndarray, " seeds"]
    """the point of the curves from which each seed's weights are; -1 if there is none"""

    @property
    def scores(self) -> Float[np.ndarray, "scores seeds"]:
        """The point of the curves from which each seed's weights are."""
        return np.take_along_axis(self.curves, self.kept[None, None], 0)[0]

    @property
    def is_kept(self) -> Bool[np.ndarray, "points seeds"]:
        return np.arange(len(self.measured))[:, None] == self.kept


def prepare(network: nn.Module, data: TrainingData, seed: int) -> None:
    """Let a network take its units from the bags of training of this seed, if it does."""
    training = data.training(seed)
    if training is not None and isinstance(network, SetNetwork):
        network.fit_scales(training.objects, training.targets)


def draws_of(network: nn.Module) -> Draw:
    """What the network draws for training beside the bags."""
    return network.draw if isinstance(network, SetNetwork) else SetNetwork().draw


def initialise(build: Build, seed: int) -> nn.Module:
    """A network with the weights of this seed; torch's own generator is left as it was."""
    with drawing(generator(seed, "weights")):
        return build()


@dataclass(frozen=True)
class Block:
    """What a worker needs to train some consecutive seeds, of which `wanted` are asked for."""

    build: Build
    data: TrainingData
    settings: Settings
    target: Target
    device: torch.device
    name: str | None
    seeds: range
    wanted: frozenset[int]
    row: int
    """line of the progress bar"""


def train_blocks(blocks: Sequence[Block]) -> list[Trained]:
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


def _train_stack(block: Block, step: Step | None) -> tuple[Trained, Step | None]:
    settings, device, data = block.settings, block.device, block.data
    networks = [initialise(block.build, seed) for seed in block.seeds]
    for network, seed in zip(networks, block.seeds, strict=True):
        prepare(network, data, seed)
        network.to(device)
    state, buffers = stack(networks)
    weights, fitted = list(state.values()), list(buffers.values())
    draw = draws_of(networks[0])
    streams = [batches(data, settings.steps, settings.batch_size, seed, device, draw) for seed in block.seeds]
    unseen = [data.validation(seed, settings.measure_sets, device) for seed in block.seeds]
    layers = generator(block.seeds[0], "layers", device)  # for what the layers of the whole block draw, as Dropout does
    optimizer = settings.optimizer(weights)
    history: list[np.ndarray] = []
    points = Points(networks[0], block.target, unseen)
    title = f"{block.name} seeds {block.seeds[0]}–{block.seeds[-1]}"
    hidden = None if block.name else True  # None shows it on a terminal
    with tqdm(total=settings.steps, desc=title, position=block.row, leave=None, disable=hidden) as progress:
        for draws in zip(*streams, strict=True):
            parts = [_side_by_side(part) for part in zip(*draws, strict=True)]
            if step is None:
                first = [{key: value[0] for key, value in part.items()} for part in parts]
                unit = unit_of_targets(networks[0], block.target)
                step = compile_step(networks[0], state, buffers, block.target.loss, data.shares, first, unit)
            before = sum(map(len, history))  # not what the bar has counted, which is nothing where it is not shown
            for start, stop in settings.spans(before, len(parts[0]["y"])):
                taken = [{key: value[: stop - before] for key, value in part.items()} for part in parts]
                batch = [{key: value[start - before :] for key, value in part.items()} for part in taken]
                rates = [settings.rate(i) for i in range(start, stop)]
                with drawing(layers):
                    losses = _take_steps(partial(step, weights, fitted), weights, optimizer, batch, rates)
                _check_finite(losses, start, block)
                history.append(losses)
                progress.update(len(losses))
                if settings.is_measured(stop):
                    seen = [last_seen(taken, data.shares, settings.measure_sets, lane) for lane in range(len(networks))]
                    points.add(stop, state, buffers, seen)
            progress.set_postfix(loss=f"{losses[-1].mean():.2g}")
    kept = np.full(len(networks), len(points.scores) - 1)
    if settings.keep == "best":
        state, kept = points.best, best_points(points.curves)
    trained = {key: value.cpu() for key, value in {**state, **buffers}.items()}
    return Trained(trained, np.concatenate(history), np.array(points.measured, dtype=int), points.curves, kept), step


def _side_by_side(parts: Sequence[Part]) -> Part:
    """A part of each seed's batches as one: (steps, seeds, sets, …)."""
    return {key: torch.stack([part[key] for part in parts], 1) for key in parts[0]}


def _take_steps(
    step: Step,
    weights: Sequence[Tensor],
    optimizer: torch.optim.Optimizer,
    parts: Sequence[Part],
    rates: list[float],
) -> Float[np.ndarray, "steps seeds"]:
    """The losses before each step; the parts are (steps, seeds, sets, …)."""
    losses = []
    with torch.inference_mode():
        for rate, *batch in zip(rates, *(tensor for part in parts for tensor in part.values()), strict=True):
            *gradients, loss = step(*batch)
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient
            optimizer.param_groups[0]["lr"] = rate
            optimizer.step()
            losses.append(loss)
    return torch.stack(losses).cpu().numpy()


def _check_finite(losses: Float[np.ndarray, "steps seeds"], first_step: int, block: Block) -> None:
    for step, lane in np.argwhere(~np.isfinite(losses)):
        if block.seeds[lane] in block.wanted:
            raise Diverged(
                f"{block.name or 'training'}: the loss of seed {block.seeds[lane]} became {losses[step, lane]} at step "
                f"{first_step + step}; lower train.learning_rate or the run's own"
            )
