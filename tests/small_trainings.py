"""Networks, settings and bags of a few short trainings."""

from dataclasses import replace
from functools import partial

import torch
from torch import nn

from permset.config.kinds import Averaged
from permset.data.bags import Bags
from permset.data.drawn import Fixed, Fresh
from permset.data.randomness import generator
from permset.data.tasks import GaussianVariance, UnitSum
from permset.networks.networks import MLP, DeepSet, SetTransformer
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import GroupAverage, PermutationAugmentation, SampledGroupAverage
from permset.training.settings import Settings


def averaged_mlp(kind: type, averaged: Averaged) -> nn.Module:
    network, group = MLP(10, 1, [9]), PermutationGroup.cyclic(10)
    if kind is GroupAverage:
        return GroupAverage(network, group, averaged, train_samples=3)
    return SampledGroupAverage(network, group, 4, 3, generator(0, "average"), averaged)


NETWORKS = {
    "deepset": partial(DeepSet, 1, [5, 5, 1], [5]),
    "deepset_mean": partial(DeepSet, 1, [7, 3], [5, 4], element_activation="relu", pooling="mean"),
    "deepset_mean_of_one_feature": partial(DeepSet, 1, [5, 5, 1], [5], pooling="mean"),
    "deepset_max": partial(DeepSet, 1, [7, 3], [], element_activation="gelu", pooling="max"),
    "deepset_linear": partial(DeepSet, 1, [5, 1], [5], element_activation="none"),
    "deepset_lse": partial(DeepSet, 1, [7, 3], [], element_activation="silu", pooling="lse"),
    "deepset_attention": partial(DeepSet, 1, [7, 3], [4], pooling=["attention", "min"]),
    "deepset_set_norm": partial(DeepSet, 1, [7, 3], [4], norm="set"),
    "set_transformer": partial(SetTransformer, 1, 8, 2, 1),
    "set_transformer_inducing": partial(SetTransformer, 1, 8, 2, 1, inducing=3, seeds=2, norm="layer"),
    "mlp": partial(MLP, 10, 1, [9, 6], activation="silu"),
    "logistic": partial(MLP, 10, 1, []),
    "augmented": lambda: PermutationAugmentation(MLP(10, 1, [9]), PermutationGroup.symmetric(10)),
}
AVERAGES = {
    f"{kind.__name__} of {averaged}": partial(averaged_mlp, kind, averaged)
    for kind in (GroupAverage, SampledGroupAverage)
    for averaged in ("logits", "probabilities")
}
SETTINGS = Settings(steps=120, batch_size=34, learning_rate=0.01, measure_every=30, measure_sets=20)
ODD = replace(SETTINGS, batch_size=33)
TASK = UnitSum()
FRESH, FIXED = Fresh(TASK.sample), Fixed(TASK.sample, 50)


def gaussian_sample(num_sets: int, draws: torch.Generator) -> Bags:
    return GaussianVariance().sample(num_sets, draws)
