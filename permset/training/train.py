"""Train one model, as the exercise does, or all seeds of a network at once, in blocks; and what that costs."""

from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Executor, wait
from itertools import groupby

import numpy as np
import torch
from torch import Tensor, nn

from permset import PermsetError
from permset.config.kinds import Keep
from permset.data.batches import OF_LOSS, Part, TrainingData, batches
from permset.data.randomness import drawing, generator
from permset.data.targets import BINARY, Target, weighted
from permset.networks.standardization import unit_of_targets
from permset.training.blocks import Block, Build, Trained, draws_of, initialise, prepare, train_blocks
from permset.training.flops import flops
from permset.training.learning_curves import CURVES
from permset.training.settings import Settings

# Seeds of a block. On a CPU as few as still drown the cost of launching operations, so that few seeds
# spread over many cores, and those of large networks into its cache; on a GPU, which one process fills, many.
BLOCK = {"small": 8, "large": 4, "cuda": 64}
LARGE = 10_000  # weights


def choose_device(device: str) -> torch.device:
    """`auto` takes the GPU where there is one."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise PermsetError("params.yaml: device: no CUDA device was found; set device to auto or cpu")
    return torch.device(device)


def train(
    model: nn.Module, data: TrainingData, settings: Settings, seed: int = 0, target: Target = BINARY
) -> tuple[nn.Module, list[float]]:
    """The exercise's own form: train one model by Adam on batch after batch; gives it back with its loss history.

    The same data and, to rounding, the same result as `train_seeds` for this seed, but for other random numbers in
    layers such as Dropout. It comes back in evaluation mode, in which an output does not depend on the rest of a batch.
    """
    if settings.keep == "best":
        raise PermsetError("train has no curves by which to keep the best weights; call train_seeds with [seed]")
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
    outputs = [model(part["x"], **{k: v for k, v in part.items() if k not in ("x", *OF_LOSS)}) for part in parts]
    name = unit_of_targets(model, target)
    scale = torch.ones(()) if name is None else model.get_buffer(name)
    minimised, plain = [], []
    for share, z, part in zip(data.shares, outputs, parts, strict=True):
        minimised.append(share * weighted(target.loss, z / scale, part["y"] / scale, part.get("weights")))
        plain.append(share * target.loss(z, part["y"]))
    return torch.stack(minimised).sum(), torch.stack(plain).sum()


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
    row: int = 0,
) -> Trained:
    """Train one network for each seed, every seed on its own data, all seeds at once.

    `build`, `data` and the executor follow `concurrent.futures`: with a pool of processes, or a
    cluster's executor, both must be picklable. Without an executor the blocks run here, one by one.
    Progress is shown under the name, if one is given, on a terminal, from this row on. Raises Diverged when a loss is
    no longer finite, and PermsetError for layers that keep statistics of batches, as BatchNorm does, or that torch
    cannot vectorise.
    """
    device = torch.device(device)
    size = _block_size(build, device)
    needed = sorted({seed // size for seed in seeds})
    jobs = [
        Block(
            build=build,
            data=data,
            settings=settings,
            target=target,
            device=device,
            name=name,
            seeds=range(block * size, (block + 1) * size),
            wanted=frozenset(seeds),
            row=row + i,
        )
        for i, block in enumerate(needed)
    ]
    if executor is None:
        done = train_blocks(jobs)
    else:
        futures = [executor.submit(train_blocks, [job]) for job in jobs]
        for future in wait(futures, return_when=FIRST_EXCEPTION).done:
            future.result()  # A failure is raised here, while other blocks are still at work.
        done = [trained for future in futures for trained in future.result()]
    return joined(done, [needed.index(seed // size) * size + seed % size for seed in seeds])


def joined(done: Sequence[Trained], pick: list[int]) -> Trained:
    """Those seeds of all blocks, by their place in them."""
    state = {key: torch.cat([trained.state[key] for trained in done])[pick] for key in done[0].state}
    history = np.concatenate([trained.history for trained in done], axis=1)[:, pick]
    curves = np.concatenate([trained.curves for trained in done], axis=2)[:, :, pick]
    kept = np.concatenate([trained.kept for trained in done])[pick]
    return Trained(state, history, done[0].measured, curves, kept)


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


def blocks_of(build: Build, seeds: Sequence[int], device: torch.device) -> list[list[int]]:
    """The seeds by the blocks in which they are computed."""
    size = _block_size(build, device)
    return [list(block) for _, block in groupby(seeds, key=lambda seed: seed // size)]


def _block_size(build: Build, device: torch.device) -> int:
    if device.type != "cpu":
        return BLOCK[device.type]
    weights = sum(weight.numel() for weight in initialise(build, 0).parameters())
    return BLOCK["large" if weights >= LARGE else "small"]


def best_seed(trained: Trained, keep: Keep, last: int) -> int:
    """Index of the seed with the lowest mean training loss over the last steps; the first where there were none.

    Where the best weights are kept, that of the lowest validation loss.
    """
    if keep == "best":
        return int(trained.scores[CURVES.index("validation_loss")].argmin())
    return int(trained.history[-last:].mean(0).argmin()) if len(trained.history) else 0
