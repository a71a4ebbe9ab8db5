"""Train all seeds of a network at once.

What a seed learns is the same to the last bit whatever runs beside it. Vectorised operations may round
the last few elements of a tensor differently from the rest, so seeds are always computed in the same
company: in whole blocks of consecutive seeds. Blocks, never parts of them, are divided among workers.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Executor, wait
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from tqdm import tqdm

from permset import PermsetError
from permset.data.batches import Draw, Part, TrainingData, batches
from permset.data.randomness import drawing, generator
from permset.data.targets import BINARY, Target
from permset.networks.standardization import unit_of_targets
from permset.symmetry.symmetrizers import SetNetwork
from permset.training.compiled import Step, compile_step
from permset.training.flops import flops
from permset.training.learning_curves import CURVES, last_seen, measure_curves
from permset.training.settings import Settings
from permset.training.stack import State, stack

Build = Callable[[], nn.Module]

# Seeds of a block. On a CPU as few as still drown the cost of launching operations, so that few seeds
# spread over many cores, and those of large networks into its cache; on a GPU, which one process fills, many.
BLOCK = {"small": 8, "large": 4, "cuda": 64}
LARGE = 10_000  # weights


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


def choose_device(device: str) -> torch.device:
    """`auto` takes the GPU where there is one."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise PermsetError("params.yaml: device: no CUDA device was found; set device to auto or cpu")
    return torch.device(device)


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


def train(
    model: nn.Module, data: TrainingData, settings: Settings, seed: int = 0, target: Target = BINARY
) -> tuple[nn.Module, list[float]]:
    """The exercise's own form: train one model by Adam on batch after batch; gives it back with its loss history.

    The same data and, to rounding, the same result as `train_seeds` for this seed, but for other random numbers in
    layers such as Dropout. It comes back in evaluation mode, in which an output does not depend on the rest of a batch.
    """
    model.train()
    device = next(model.parameters()).device
    prepare(model, data, seed)
    optimizer = settings.optimizer(list(model.parameters()))
    history: list[float] = []
    layers = generator(seed, "layers", device)
    for drawn in batches(data, settings.steps, settings.batch_size, seed, device, draws_of(model)):
        with drawing(layers):
            for i in range(len(drawn[0]["y"])):
                optimizer.param_groups[0]["lr"] = settings.rate(len(history))
                optimizer.zero_grad()
                parts = [{key: value[i] for key, value in part.items()} for part in drawn]
                minimised, loss = _losses(model, parts, data, target)
                minimised.backward()
                optimizer.step()
                history.append(loss.item())
    return model.eval(), history


def _losses(model: nn.Module, parts: Sequence[Part], data: TrainingData, target: Target) -> tuple[Tensor, Tensor]:
    """The loss of one network on the parts of a batch: the one that is minimised, and in the units of the labels."""
    pairs = [(model(part["x"], **{k: v for k, v in part.items() if k not in ("x", "y")}), part["y"]) for part in parts]
    name = unit_of_targets(model, target)
    one = torch.ones(())
    minimised, plain = (
        torch.stack([s * target.loss(z / scale, y / scale) for s, (z, y) in zip(data.shares, pairs, strict=True)]).sum()
        for scale in (one if name is None else model.get_buffer(name), one)
    )
    return minimised, plain


def train_seeds(
    build: Build,
    data: TrainingData,
    settings: Settings,
    seeds: Sequence[int],
    *,
    target: Target = BINARY,
    device: torch.device | str = "cpu",
    executor: Executor | None = None,
    name: str | None = "training",
) -> Trained:
    """Train one network for each seed, every seed on its own data, all seeds at once.

    `build`, `data` and the executor follow `concurrent.futures`: with a pool of processes, or a
    cluster's executor, both must be picklable. Without an executor the blocks run here, one by one.
    Progress is shown under the name, if one is given, on a terminal. Raises Diverged when a loss is no longer finite,
    and PermsetError for layers that keep statistics of batches, as BatchNorm does, or that torch cannot vectorise.
    """
    device = torch.device(device)
    size = _block_size(build, device)
    needed = sorted({seed // size for seed in seeds})
    jobs = [
        _Block(
            build=build,
            data=data,
            settings=settings,
            target=target,
            device=device,
            name=name,
            seeds=range(block * size, (block + 1) * size),
            wanted=frozenset(seeds),
            row=row,
        )
        for row, block in enumerate(needed)
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


def costs(build: Build, data: TrainingData, settings: Settings, target: Target = BINARY) -> dict[str, float]:
    """Floating-point operations of the matrix products in training one network, and in using it on one bag.

    In a collection that is a bag of median size.
    """
    network = build()
    drawn = next(batches(data, 1, settings.batch_size, 0, torch.device("cpu"), draws_of(network)))
    parts = [{key: value[0] for key, value in part.items()} for part in drawn]
    step = flops(lambda: _losses(network, parts, data, target)[0].backward())
    typical = data.typical(settings.batch_size)
    bag = flops(lambda: network(typical))
    return {"training_gflop": settings.steps * step / 1e9, "bag_kflop": bag / 1e3}


def _block_size(build: Build, device: torch.device) -> int:
    if device.type != "cpu":
        return BLOCK[device.type]
    weights = sum(weight.numel() for weight in initialise(build, 0).parameters())
    return BLOCK["large" if weights >= LARGE else "small"]


def best_seed(history: Float[np.ndarray, "steps seeds"], last: int) -> int:
    """Index of the seed with the lowest mean training loss over the last steps; the first where there were none."""
    return int(history[-last:].mean(0).argmin()) if len(history) else 0


@dataclass(frozen=True)
class _Block:
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
    measured: list[int] = []
    curves: list[np.ndarray] = []
    title = f"{block.name} seeds {block.seeds[0]}–{block.seeds[-1]}"
    hidden = None if block.name else True  # None shows it on a terminal
    with tqdm(total=settings.steps, desc=title, position=block.row, leave=None, disable=hidden) as progress:
        for draws in zip(*streams, strict=True):
            parts = [_side_by_side(part) for part in zip(*draws, strict=True)]
            if step is None:
                first = [{key: value[0] for key, value in part.items()} for part in parts]
                unit = unit_of_targets(networks[0], block.target)
                step = compile_step(networks[0], state, buffers, block.target.loss, data.shares, first, unit)
            done = sum(map(len, history))  # not what the bar has counted, which is nothing where it is not shown
            rates = [settings.rate(done + i) for i in range(len(parts[0]["y"]))]
            with drawing(layers):
                losses = _take_steps(partial(step, weights, fitted), weights, optimizer, parts, rates)
            _check_finite(losses, done, block)
            history.append(losses)
            progress.update(len(losses))
            if settings.is_measured(done, done + len(losses)):
                measured.append(done + len(losses))
                seen = [last_seen(parts, data.shares, settings.measure_sets, lane) for lane in range(len(networks))]
                curves.append(measure_curves(networks[0], {**state, **buffers}, block.target, seen, unseen))
            progress.set_postfix(loss=f"{losses[-1].mean():.2g}")
    points = np.array(curves).reshape(len(measured), len(CURVES), len(networks))
    trained = {key: value.cpu() for key, value in {**state, **buffers}.items()}
    return Trained(trained, np.concatenate(history), np.array(measured, dtype=int), points), step


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


def _check_finite(losses: Float[np.ndarray, "steps seeds"], first_step: int, block: _Block) -> None:
    for step, lane in np.argwhere(~np.isfinite(losses)):
        if block.seeds[lane] in block.wanted:
            raise Diverged(
                f"{block.name or 'training'}: the loss of seed {block.seeds[lane]} became {losses[step, lane]} at step "
                f"{first_step + step}; lower train.learning_rate or the run's own"
            )
