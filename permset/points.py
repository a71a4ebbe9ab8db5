"""A point of a study, measured: its networks trained, the learning rate chosen, every seed's numbers."""

import hashlib
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from permset import PermsetError
from permset.batches import batches
from permset.curves import CURVES
from permset.evaluation import invariance_error, seed_metrics
from permset.groups import PermutationGroup
from permset.models import DeepSet, Model, count_params
from permset.params import Params
from permset.randomness import generator
from permset.runs import Run, open_run
from permset.sources import DrawnParams
from permset.stacked import State, predict, unstack
from permset.studies import Point
from permset.tasks import build_task
from permset.training import Diverged, Trained, initialise

POINT_COLUMNS = (
    *("study", "run", "axis", "value", "learning_rate", "num_params", "training_gflop", "bag_kflop", "bayes_accuracy"),
    *("seed", "accuracy", "mae", "loss", "regret", "invariance", *CURVES),
    *("initial_spread", "initial_saturated", "initial_gradient", "pooled_spread"),
)
CURVE_COLUMNS = "run", "value", "step", *CURVES
# Of a sigmoid: where its derivative, and with it what passes back through it, is less than this.
SATURATED = 1e-3

Table = list[list[str | int | float | None]]


def measure_points(points: Sequence[Point]) -> list[dict[str, Table]]:
    """For each point `seeds`, a row of POINT_COLUMNS a seed, and `curves`, CURVE_COLUMNS a step: means of seeds.

    The points share their training. Its learning rate is the one of the lowest validation loss, the mean over seeds
    at the last step. PermsetError if the networks diverge with all learning rates.
    """
    trained, chosen = _choose(points[0].candidates, points[0].run)
    start, last = _initial(chosen), dict(zip(CURVES, trained.curves[-1], strict=True))
    costs = chosen.costs()
    results = []
    for point in points:
        tested = open_run(point.tested, point.run)
        about = {
            "study": point.study,
            "run": point.run,
            "axis": point.axis,
            "value": point.value,
            "learning_rate": chosen.settings.learning_rate,
            "num_params": count_params(tested.build()),
            "bayes_accuracy": tested.task.bayes_accuracy,
            "training_gflop": costs["training_gflop"],
            "bag_kflop": costs["bag_kflop"] if point.tested == chosen.params else tested.costs()["bag_kflop"],
        }
        lists = {key: value.tolist() for key, value in {**_tested(tested, trained.state), **last, **start}.items()}
        seeds = [
            about | {"seed": seed} | {key: value[seed] for key, value in lists.items()} for seed in range(chosen.seeds)
        ]
        curves = [
            [point.run, point.value, step, *scores]
            for step, scores in zip(trained.measured.tolist(), trained.curves.mean(-1).tolist(), strict=True)
        ]
        results.append({"seeds": [[row.get(column) for column in POINT_COLUMNS] for row in seeds], "curves": curves})
    return results


def key_of(point: Point) -> str:
    """Of all that its results depend on, except for the code: its content and the bags of its collection, if any."""
    name = point.tested.run(point.run).task
    drawn = isinstance(point.tested.task(name), DrawnParams)
    bags = b"" if drawn else Path(f"data/{name}.npz").read_bytes()
    return hashlib.sha256(point.digest.encode() + bags).hexdigest()


def _choose(candidates: Sequence[Params], name: str) -> tuple[Trained, Run]:
    best: tuple[float, Trained, Run] | None = None
    failure: Diverged | None = None
    for params in candidates:
        run = open_run(params, name)
        try:
            trained = run.train(show=False)
        except Diverged as error:
            failure = error
            continue
        loss = float(trained.curves[-1, CURVES.index("validation_loss")].mean())
        if best is None or loss < best[0]:
            best = loss, trained, run
    if best is None:
        raise PermsetError(f"{name}: {failure}") from failure
    return best[1:]


def _tested(run: Run, state: State) -> dict[str, Float[np.ndarray, " seeds"]]:
    """On the test set; invariance is the largest relative change under the generators and some random permutations."""
    task, limits, source = run.task, run.params.certificate, run.params.task(run.params.run(run.name).task)
    network = run.network()
    drawn = None
    if isinstance(source, DrawnParams):
        drawn = build_task(source).sample(source.test_sets, generator(source.test_seed, "test"))
    of_seeds = [seed_metrics(*result, task.target) for result in run.tested(network, state, drawn)]
    values = {name: np.array([one[name] for one in of_seeds]) for name in of_seeds[0]}
    if task.bayes_accuracy is not None:
        values["regret"] = task.bayes_accuracy - values["accuracy"]
    bags = run.some_bags(limits.objects, drawn)
    group = network.claimed_group(task.set_size) or PermutationGroup.symmetric(task.set_size)
    some = group.sample(limits.shown, generator(limits.seed, "study")).numpy()
    some = np.concatenate([group.generators(), some])
    outputs = partial(predict, network, state)
    return {
        **values,
        "invariance": invariance_error(outputs, bags.x.double(), some, bags.mask),
        "pooled_spread": _pooled_spread(network, state, bags.x.double()),
    }


def _initial(run: Run) -> dict[str, Float[np.ndarray, " seeds"]]:
    """Before training, on a first batch: spread of outputs over bags, share of saturated ones, size of gradients."""
    spread, saturated, gradient = [], [], []
    for seed in range(run.seeds):
        network = initialise(run.build, seed)
        run.data.prepare(network, seed)
        part, *_ = next(batches(network, run.data, 1, run.settings.batch_size, seed, torch.device("cpu")))
        inputs = {key: value[0] for key, value in part.items()}
        y = inputs.pop("y")
        logits = network(**inputs)
        gradients = torch.autograd.grad(run.task.target.loss(logits, y), list(network.parameters()))
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
