"""evaluate@<run>: metrics, certificate and one bag in several orders → results/{evaluate,permutations}/<run>.*"""

from functools import partial
from pathlib import Path

import torch

from permset import PermsetError
from permset.evaluation import certify, invariance_error, measure, show_permutations
from permset.files import read_bags, read_model, write_csv, write_json
from permset.groups import PermutationGroup
from permset.models import build_model, count_params
from permset.params import load_params
from permset.randomness import generator
from permset.stacked import predict
from permset.tasks import build_task
from stages import run


def evaluate(name: str) -> None:
    params = load_params()
    chosen, limits = params.run(name), params.certificate
    task = build_task(params.task(chosen.task))
    x, y = map(torch.from_numpy, read_bags(Path(f"data/{chosen.task}.npz"), (task.set_size, task.channels)))
    saved = read_model(Path(f"models/{name}.pt"))
    if saved["run"] != chosen.model_dump():
        raise PermsetError(
            f"models/{name}.pt: trained with other parameters; make it anew with: dvc repro train@{name}"
        )
    network = build_model(chosen.model, chosen.symmetrizer, task.set_size, task.channels)
    outputs = partial(predict, network, saved["state"])

    group = network.claimed_group(task.set_size)
    every = PermutationGroup.symmetric(task.set_size)
    draws = generator(limits.seed, "certificate")
    certificate = certify(outputs, x[: limits.sets], group or every, limits.permutations, draws)
    verdict = certificate.verdict(limits.invariant, limits.approximate)
    if group is not None and verdict != "invariant":
        raise PermsetError(
            f"{name}: claims to be invariant under {group}, but its relative error is {certificate.error:.3g}"
        )

    best = saved["best_seed"]
    shown = show_permutations(outputs, x[:1], every.sample(limits.shown, draws).numpy(), best)
    print(f"{name}, seed {best}, one bag in {len(shown)} orders:")
    print("\n".join(f"  {order}  logit {logit: .9f}  probability {p:.9f}" for order, logit, p in shown))
    digits = [(order, f"{logit:.9g}", f"{p:.9g}") for order, logit, p in shown]
    write_csv(Path(f"results/permutations/{name}.csv"), ["order", "logit", "probability"], digits)
    metrics = {"num_params": count_params(network), "best_seed": best, **measure(outputs(x), y, task.bayes_accuracy)}
    errors = certificate.as_dict() | {"invariance_symmetric": certificate.error}
    if group is not None and group != every:
        some = every.sample(limits.permutations, draws).numpy()
        errors["invariance_symmetric"] = float(invariance_error(outputs, x[: limits.sets].double(), some).max())
    certified = {"group": str(group or every), "verdict": verdict}
    write_json(Path(f"results/evaluate/{name}.json"), {name: {**metrics, **errors, **certified}})


if __name__ == "__main__":
    run(evaluate)
