"""Measures a point of a study: trains its networks, chooses the learning rate, collects the numbers of each seed."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from permset import PermsetError
from permset.config.experiment import Params
from permset.data.batches import OF_LOSS, batches
from permset.data.randomness import generator
from permset.evaluation.certificate import under_claim
from permset.evaluation.invariance import changes_by, yardstick
from permset.evaluation.metrics import seed_metrics
from permset.networks.networks import DeepSet, count_params
from permset.studies.plan import Point
from permset.symmetry.symmetrizers import SetNetwork
from permset.training.blocks import Diverged, Trained, draws_of, initialise, prepare
from permset.training.learning_curves import CURVES
from permset.training.run import Run, open_run
from permset.training.stack import State, predict, unstack

POINT_COLUMNS = [
    *["study", "run", "axis", "value", "learning_rate", "num_params", "training_gflop", "bag_kflop", "bayes_accuracy"],
    *["seed", "accuracy", "mae", "loss", "regret", "invariance"],
    *CURVES,
    *["initial_spread", "initial_saturated", "initial_gradient", "pooled_spread"],
]
CURVE_COLUMNS = ["run", "value", "step", *CURVES]
# A sigmoid is saturated where its derivative, which scales the gradient, is less than this.
SATURATED = 1e-3

Table = list[list[str | int | float | None]]


def measure_points(points: Sequence[Point]) -> list[dict[str, Table]]:
    """For each point: `seeds`, one row of POINT_COLUMNS per seed, and `curves`, one row of CURVE_COLUMNS per step.

    The points share their training. Its learning rate is the one of the lowest validation loss, the mean over seeds
    of the weights that they keep. PermsetError if the networks diverge with all learning rates.
    """
    trained, chosen = _choose(points[0].candidates, points[0].run)
    start, last = _initial(chosen), dict(zip(CURVES, trained.scores, strict=True))
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


@dataclass(frozen=True)
class Measurement:
    """Points that share their training, as a task that can be sent to a worker."""

    points: Sequence[Point]

    def __str__(self) -> str:
        first = self.points[0]
        return f"{first.run} at {first.axis.rpartition('.')[2]} = {first.value}"

    def __call__(self) -> list[dict[str, Table]]:
        return measure_points(self.points)


def key_of(point: Point) -> str:
    """The hash of all that a point's results depend on but the code: its content, and the bags of a collection."""
    name = point.tested.run(point.run).task
    bags = b"" if point.tested.task(name).drawn else Path(f"data/{name}.npz").read_bytes()
    return hashlib.sha256(point.digest.encode() + bags).hexdigest()


def _choose(candidates: Sequence[Params], name: str) -> tuple[Trained, Run]:
    best: tuple[float, Trained, Run] | None = None
    failure: Diverged | None = None
    for params in candidates:
        run = open_run(params, name)
        try:
            trained = run.train()
        except Diverged as error:
            failure = error
            continue
        loss = float(trained.scores[CURVES.index("validation_loss")].mean())
        if best is None or loss < best[0]:
            best = loss, trained, run
    if best is None:
        raise PermsetError(f"{name}: {failure}") from failure
    return best[1:]


def _tested(run: Run, state: State) -> dict[str, Float[np.ndarray, " seeds"]]:
    """Numbers on the test set; invariance is the largest relative change under generators and random permutations."""
    task, limits = run.task, run.params.certificate
    network = run.network()
    of_seeds = [seed_metrics(*result, task.target) for result in run.tested(network, state)]
    values = {name: np.array([one[name].value for one in of_seeds]) for name in of_seeds[0]}
    if task.bayes_accuracy is not None:
        values["regret"] = task.bayes_accuracy - values["accuracy"]
    excerpt, draws = run.excerpt(limits.objects), generator(limits.seed, "study")
    portions, groups = under_claim(network.claimed_group, excerpt)
    permutations = [np.concatenate([g.generators(), g.sample(limits.shown, draws).numpy()]) for g in groups]
    outputs = partial(predict, network, state)
    changes = changes_by(outputs, portions, permutations, torch.float64)
    return {
        **values,
        "invariance": yardstick(outputs, portions).relative(changes).amax((1, 2)).numpy(),
        "pooled_spread": _pooled_spread(network, state, excerpt[-1].x.double()),
    }


def _initial(run: Run) -> dict[str, Float[np.ndarray, " seeds"]]:
    """Before training, on a first batch: spread of outputs over bags, share of saturated ones, size of gradients."""
    spread, saturated, gradient = [], [], []
    for seed in range(run.seeds):
        network = initialise(run.build, seed)
        prepare(network, run.data, seed)
        draw = draws_of(network)
        part, *_ = next(batches(run.data, 1, run.settings.batch_size, seed, torch.device("cpu"), draw))
        logits = network(**{key: value[0] for key, value in part.items() if key not in OF_LOSS})
        gradients = torch.autograd.grad(run.task.target.loss(logits, part["y"][0]), list(network.parameters()))
        slope = torch.sigmoid(logits) * (1 - torch.sigmoid(logits))
        spread.append(logits.std().item())
        saturated.append((slope < SATURATED).double().mean().item())
        gradient.append(math.sqrt(sum(g.double().square().sum().item() for g in gradients)))
    return {
        "initial_spread": np.array(spread),
        "initial_saturated": np.array(saturated),
        "initial_gradient": np.array(gradient),
    }


def _pooled_spread(network: SetNetwork, state: State, x: Float[Tensor, "sets n c"]) -> Float[np.ndarray, " seeds"]:
    """Largest difference between pooled values of bags, relative to the largest of them; NaN unless a DeepSet."""
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
