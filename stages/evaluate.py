"""evaluate@<run>: metrics, certificate and one bag in several orders → results/{evaluate,permutations}/<run>.*"""

from functools import partial
from pathlib import Path

import torch

from permset import PermsetError
from permset.config.experiment import load_params
from permset.data.bags import Bags
from permset.data.randomness import generator
from permset.data.targets import Real
from permset.evaluation.baseline import doubts, majority
from permset.evaluation.bayes import bayes_loss, posterior
from permset.evaluation.calibration import calibration
from permset.evaluation.certificate import certified, example, show_permutations
from permset.evaluation.metrics import measure, scores
from permset.evaluation.monotonicity import monotonicity
from permset.networks.networks import count_params
from permset.store.arrays import read_bags, read_model, write_arrays
from permset.store.tables import read_curves, write_csv, write_json
from permset.symmetry.groups import PermutationGroup
from permset.training.flops import flops
from permset.training.learning_curves import kept_scores
from permset.training.run import open_run
from permset.training.stack import predict, unstack
from stages import run


def evaluate(name: str) -> None:
    params = load_params()
    chosen, opened, limits = params.run(name), open_run(params, name), params.certificate
    saved = read_model(Path(f"models/{name}.pt"))
    if saved["run"] != chosen.model_dump():
        raise PermsetError(
            f"models/{name}.pt: trained with other parameters; make it anew with: dvc repro train@{name}"
        )
    drawn = params.task(chosen.task).drawn
    test = Bags(*map(torch.from_numpy, read_bags(Path(f"data/{chosen.task}.npz")))) if drawn else None
    task, network, best = opened.task, opened.network(), saved["best_seed"]
    outputs = partial(predict, network, saved["state"])
    portions = opened.excerpt(limits.objects, test)
    certificate = certified(name, network.claimed_group, outputs, portions, limits)

    bag = example(outputs, portions, best, task.target)
    orders = PermutationGroup.symmetric(bag.shape[1]).sample(limits.shown, generator(limits.seed, "shown"))
    shown = show_permutations(outputs, bag, orders.numpy(), best, task.target)
    print(f"{name}, seed {best}, one bag in {len(shown)} orders:")
    print(
        "\n".join(
            f"  {order}  output {first: .9f}  {meaning} {reading:.9f}" for order, first, reading, meaning in shown
        )
    )
    digits = [(order, f"{first:.9g}", f"{reading:.9g}", meaning) for order, first, reading, meaning in shown]
    write_csv(Path(f"results/permutations/{name}.csv"), ["order", "output", "reading", "meaning"], digits)
    curves = read_curves(Path(f"results/curves/{name}.csv"))
    trained = unstack(network, saved["state"], best)
    metrics = {"num_params": count_params(trained), **saved["costs"], "best_seed": best, **kept_scores(curves)}
    metrics["bayes_loss"] = bayes_loss(task)
    if chosen.model.kind == "svm":  # How many weights it has, and what they cost, is known only now.
        metrics["bag_kflop"] = flops(lambda: trained(bag)) / 1e3
    tested = opened.tested(network, saved["state"], test, show=True)
    metrics |= measure(tested, task.target, task.bayes_accuracy, task.overlap)
    arrays = scores(tested, task.target, task.overlap)._asdict()
    if not isinstance(task.target, Real):
        validated, truth = opened.validated(network, saved["state"]), posterior(task, test)
        found, bins = calibration(tested, validated, task.target, task.overlap, truth)
        metrics, arrays = metrics | found, arrays | bins
    write_arrays(Path(f"results/scores/{name}.npz"), arrays)
    metrics["majority"] = majority(task, [labels for _, labels in tested])
    metrics["warning"] = doubts(metrics)
    if metrics["warning"]:
        print(f"{name}: warning: {metrics['warning']}")
    metrics |= {"score": task.target.score_name, "loss_name": task.target.loss_name}
    if task.target.outputs == 1:  # Which of several outputs were not to fall?
        certificate |= monotonicity(name, network.claims_monotone, outputs, portions, limits)
    write_json(Path(f"results/evaluate/{name}.json"), {name: {**metrics, **certificate}})


if __name__ == "__main__":
    run(evaluate, ["results/evaluate/{}.json", "results/permutations/{}.csv", "results/scores/{}.npz"])
