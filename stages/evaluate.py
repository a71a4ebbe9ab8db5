"""evaluate@<run>: metrics, certificate and one bag in several orders → results/{evaluate,permutations}/<run>.*"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from permset.config.experiment import load_params
from permset.data.bags import Bags
from permset.data.randomness import generator
from permset.data.targets import Binary, Classes
from permset.evaluation.baseline import doubts, majority
from permset.evaluation.bayes import bayes_loss, posterior
from permset.evaluation.calibration import calibration
from permset.evaluation.certificate import certified, example, show_permutations
from permset.evaluation.continuity import continuity, is_in_doubt
from permset.evaluation.invariance import Predict, double, yardstick
from permset.evaluation.metrics import measure, scores
from permset.evaluation.monotonicity import monotonicity
from permset.networks.networks import count_params
from permset.store.arrays import read_bags, write_arrays
from permset.store.tables import read_curves, write_csv, write_json
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import SetNetwork
from permset.training.flops import flops
from permset.training.learning_curves import kept_scores
from permset.training.run import Run, open_run
from permset.training.stack import predict, unstack
from stages import run


def evaluate(name: str) -> None:
    params = load_params()
    opened, limits = open_run(params, name), params.certificate
    saved, task, network = opened.saved(), opened.task, opened.network()
    source = params.run(name).task
    test = Bags(*map(torch.from_numpy, read_bags(Path(f"data/{source}.npz")))) if params.task(source).drawn else None
    outputs = partial(predict, network, saved["state"])
    portions = opened.excerpt(limits.objects, test)
    certificate = certified(name, network.claimed_group, outputs, portions, limits)
    inputs = [double(bags) for bags in portions]
    by = yardstick(outputs, inputs)
    if task.target.outputs == 1:  # Which of several outputs were not to fall?
        certificate |= monotonicity(name, network.claims_monotone, outputs, inputs, by, limits)
    if is_in_doubt(network):
        certificate |= continuity(outputs, inputs, by, limits.invariant, generator(limits.seed, "paths"))
    bag = example(outputs, portions, saved["best_seed"], task.target)
    write_orders(opened, outputs, bag, saved["best_seed"])
    metrics, arrays = measured(opened, network, saved, bag, test)
    write_arrays(Path(f"results/scores/{name}.npz"), arrays)
    if metrics["warning"]:
        print(f"{name}: warning: {metrics['warning']}")
    write_json(Path(f"results/evaluate/{name}.json"), {name: {**metrics, **certificate}})


def write_orders(opened: Run, outputs: Predict, bag: Float[Tensor, "1 n c"], best: int) -> None:
    """What the best network says of one bag in several orders, which is printed too."""
    name, limits, target = opened.name, opened.params.certificate, opened.task.target
    orders = PermutationGroup.symmetric(bag.shape[1]).sample(limits.shown, generator(limits.seed, "shown"))
    shown = show_permutations(outputs, bag, orders.numpy(), best, target)
    print(f"{name}, seed {best}, one bag in {len(shown)} orders:")
    for order, first, reading, meaning in shown:
        print(f"  {order}  output {first: .9f}  {meaning} {reading:.9f}")
    digits = [(order, f"{first:.9g}", f"{reading:.9g}", meaning) for order, first, reading, meaning in shown]
    write_csv(Path(f"results/permutations/{name}.csv"), ["order", "output", "reading", "meaning"], digits)


def measured(
    opened: Run, network: SetNetwork, saved: dict[str, Any], bag: Float[Tensor, "1 n c"], test: Bags | None
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """All numbers on the test bags, and the arrays that comparisons and figures take."""
    task, state, best = opened.task, saved["state"], saved["best_seed"]
    curves = read_curves(Path(f"results/curves/{opened.name}.csv"))
    trained = unstack(network, state, best)
    metrics = {"num_params": count_params(trained), **saved["costs"], "best_seed": best, **kept_scores(curves)}
    metrics["bayes_loss"] = bayes_loss(task)
    # How many weights a support-vector machine has, and what they cost, is known only now.
    if opened.params.run(opened.name).model.kind == "svm":
        metrics["bag_kflop"] = flops(lambda: trained(bag)) / 1e3
    tested = opened.tested(network, state, test, show=True)
    metrics |= measure(tested, task.target, task.bayes_accuracy, task.overlap)
    arrays = scores(tested, task.target, task.overlap)._asdict()
    if isinstance(task.target, Binary | Classes):
        validated, truth = opened.validated(network, state), posterior(task, test)
        found, bins = calibration(tested, validated, task.target, task.overlap, truth)
        metrics, arrays = metrics | found, arrays | bins
    metrics["majority"] = majority(task, [labels for _, labels in tested])
    metrics["warning"] = doubts(metrics)
    return metrics | {"score": task.target.score_name, "loss_name": task.target.loss_name}, arrays


if __name__ == "__main__":
    run(evaluate, ["results/evaluate/{}.json", "results/permutations/{}.csv", "results/scores/{}.npz"])
