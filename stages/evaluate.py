"""evaluate@<run>: metrics, certificate and one bag in several orders → results/{evaluate,permutations}/<run>.*"""

from functools import partial
from pathlib import Path

import torch

from permset import PermsetError
from permset.evaluation import certified, measure, show_permutations
from permset.files import read_bags, read_model, write_csv, write_json
from permset.groups import PermutationGroup
from permset.models import count_params
from permset.params import load_params
from permset.randomness import generator
from permset.runs import network_of, task_of
from permset.stacked import predict
from stages import run


def evaluate(name: str) -> None:
    params = load_params()
    chosen, task, network = params.run(name), task_of(params, name), network_of(params, name)
    x, y = map(torch.from_numpy, read_bags(Path(f"data/{chosen.task}.npz"), (task.set_size, task.channels)))
    saved = read_model(Path(f"models/{name}.pt"))
    if saved["run"] != chosen.model_dump():
        raise PermsetError(
            f"models/{name}.pt: trained with other parameters; make it anew with: dvc repro train@{name}"
        )
    outputs, best = partial(predict, network, saved["state"]), saved["best_seed"]
    certificate = certified(name, network.claimed_group(task.set_size), outputs, x, params.certificate)

    some = PermutationGroup.symmetric(task.set_size).sample(
        params.certificate.shown, generator(params.certificate.seed, "shown")
    )
    shown = show_permutations(outputs, x[:1], some.numpy(), best)
    print(f"{name}, seed {best}, one bag in {len(shown)} orders:")
    print("\n".join(f"  {order}  logit {logit: .9f}  probability {p:.9f}" for order, logit, p in shown))
    digits = [(order, f"{logit:.9g}", f"{p:.9g}") for order, logit, p in shown]
    write_csv(Path(f"results/permutations/{name}.csv"), ["order", "logit", "probability"], digits)
    metrics = {"num_params": count_params(network), **saved["costs"], "best_seed": best}
    metrics |= measure(outputs(x), y, task.bayes_accuracy)
    write_json(Path(f"results/evaluate/{name}.json"), {name: {**metrics, **certificate}})


if __name__ == "__main__":
    run(evaluate)
