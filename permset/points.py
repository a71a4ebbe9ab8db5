"""A point of a study, measured: its networks trained, the learning rate chosen, every seed's numbers."""

import math
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from permset import PermsetError
from permset.evaluation import invariance_error
from permset.groups import PermutationGroup
from permset.models import DeepSet, Model, count_params
from permset.params import Params
from permset.randomness import generator
from permset.runs import costs_of, network_of, settings_of, task_of, train_run
from permset.scores import accuracy, binary_cross_entropy
from permset.stacked import State, predict, unstack
from permset.studies import Point
from permset.training import CURVES, Diverged, Trained, initialise

POINT_COLUMNS = (
    *("study", "run", "axis", "value", "learning_rate", "num_params", "training_gflop", "bag_kflop", "bayes_accuracy"),
    *("seed", "accuracy", "loss", "regret", "invariance", *CURVES),
    *("initial_spread", "initial_saturated", "initial_gradient", "pooled_spread"),
)
CURVE_COLUMNS = "run", "value", "step", *CURVES
# Of a sigmoid: where its derivative, and with it what passes back through it, is less than this.
SATURATED = 1e-3

Table = list[list[str | int | float]]


def measure_points(points: Sequence[Point]) -> list[dict[str, Table]]:
    """For each point `seeds`, a row of POINT_COLUMNS a seed, and `curves`, CURVE_COLUMNS a step: means of seeds.

    The points share their training. Its learning rate is the one of the lowest validation loss, the mean over seeds
    at the last step. PermsetError if the networks diverge with all learning rates.
    """
    run = points[0].run
    trained, chosen = _choose(points[0].candidates, run)
    start = _initial(chosen, run)
    last = dict(zip(CURVES, trained.curves[-1], strict=True))
    results = []
    for point in points:
        network = network_of(point.tested, run)
        about = {
            "study": point.study,
            "run": run,
            "axis": point.axis,
            "value": point.value,
            "learning_rate": chosen.train_of(run).learning_rate,
            "num_params": count_params(network),
            "bayes_accuracy": task_of(point.tested, run).bayes_accuracy,
            "training_gflop": costs_of(chosen, run)["training_gflop"],
            "bag_kflop": costs_of(point.tested, run)["bag_kflop"],
        }
        numbers = {**_tested(point.tested, run, network, trained.state), **last, **start}
        lists = {key: value.tolist() for key, value in numbers.items()}
        seeds = [
            about | {"seed": seed} | {key: value[seed] for key, value in lists.items()} for seed in range(chosen.seeds)
        ]
        curves = [
            [run, point.value, step, *scores]
            for step, scores in zip(trained.measured.tolist(), trained.curves.mean(-1).tolist(), strict=True)
        ]
        results.append({"seeds": [[row[column] for column in POINT_COLUMNS] for row in seeds], "curves": curves})
    return results


def _choose(candidates: Sequence[Params], run: str) -> tuple[Trained, Params]:
    best: tuple[float, Trained, Params] | None = None
    failure: Diverged | None = None
    for params in candidates:
        try:
            trained = train_run(params, run, show=False)
        except Diverged as error:
            failure = error
            continue
        loss = float(trained.curves[-1, CURVES.index("validation_loss")].mean())
        if best is None or loss < best[0]:
            best = loss, trained, params
    if best is None:
        raise PermsetError(f"{run}: {failure}") from failure
    return best[1:]


def _tested(params: Params, run: str, network: Model, state: State) -> dict[str, Float[np.ndarray, " seeds"]]:
    """On the test set; invariance is the largest relative change under the generators and some random permutations."""
    task, limits, settings = task_of(params, run), params.certificate, params.task(params.run(run).task)
    x, y = task.sample(settings.test_sets, generator(settings.test_seed, "test"))
    outputs = partial(predict, network, state)
    logits = outputs(x)
    right = accuracy(logits, y).numpy()
    group = network.claimed_group(task.set_size) or PermutationGroup.symmetric(task.set_size)
    some = group.sample(limits.shown, generator(limits.seed, "study")).numpy()
    some = np.concatenate([group.generators(), some])
    return {
        "accuracy": right,
        "loss": binary_cross_entropy(logits.double(), y.double()).numpy(),
        "regret": task.bayes_accuracy - right,
        "invariance": invariance_error(outputs, x[: limits.sets].double(), some),
        "pooled_spread": _pooled_spread(network, state, x[: limits.sets].double()),
    }


def _initial(params: Params, run: str) -> dict[str, Float[np.ndarray, " seeds"]]:
    """Before training, on a first batch: spread of the logits over bags, share of saturated ones, size of gradients."""
    settings, cpu = settings_of(params, run), torch.device("cpu")
    spread, saturated, gradient = [], [], []
    for seed in range(params.seeds):
        network = initialise(partial(network_of, params, run), seed)
        *inputs, y = (tensor[0] for tensor in next(settings.batches(network, task_of(params, run).sample, seed, cpu)))
        logits = network(*inputs)
        gradients = torch.autograd.grad(binary_cross_entropy(logits, y), list(network.parameters()))
        slope = torch.sigmoid(logits) * (1 - torch.sigmoid(logits))
        spread.append(logits.std().item())
        saturated.append((slope < SATURATED).double().mean().item())
        gradient.append(math.sqrt(sum(g.double().square().sum().item() for g in gradients)))
    return {
        "initial_spread": np.array(spread),
        "initial_saturated": np.array(saturated),
        "initial_gradient": np.array(gradient),
    }


def _pooled_spread(network: Model, state: State, x: Float[Tensor, "sets n c"]) -> Float[np.ndarray, " seeds"]:
    """Of a DeepSet: largest difference between pooled values of bags, relative to the largest of them; else NaN."""
    seeds = len(next(iter(state.values())))
    if not isinstance(network, DeepSet):
        return np.full(seeds, math.nan)
    spreads = []
    for seed in range(seeds):
        single = unstack(network, state, seed).double()
        with torch.no_grad():
            pooled = DeepSet.pooled(single, x)  # type: ignore[arg-type]
        spreads.append(((pooled.amax(0) - pooled.amin(0)).max() / pooled.abs().max()).item())
    return np.array(spreads)
