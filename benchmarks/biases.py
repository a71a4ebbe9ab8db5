"""How many of 128 DeepSets never learn `unit_sum`, with biases that start as torch's own do and that start at zero.

python -m benchmarks.biases
"""

from functools import partial

import torch
from torch import nn

from permset.data.drawn import Fresh
from permset.data.tasks import UnitSum
from permset.networks.networks import DeepSet
from permset.training.settings import Settings
from permset.training.train import train_seeds
from permset.training.workers import seed_workers

SEEDS = 128
CHANCE = 0.6  # nats; the loss of a network that has learned nothing is ln 2 = 0.693


def deepset(torchs_biases: bool) -> DeepSet:
    network = DeepSet(1, [5, 5, 1], [5])
    if torchs_biases:
        for layer in network.modules():
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
    return network


def main() -> None:
    settings = Settings(steps=4000, batch_size=100, learning_rate=0.01)
    with seed_workers("auto", torch.device("cpu")) as executor:
        for torchs_biases in (True, False):
            build = partial(deepset, torchs_biases)
            history = train_seeds(build, Fresh(UnitSum().sample), settings, range(SEEDS), executor=executor).history
            stuck = (history[-100:].mean(0) > CHANCE).sum()
            print(f"biases {'of torch' if torchs_biases else 'of zero '}: {stuck} of {SEEDS} seeds never learn")


if __name__ == "__main__":
    main()
