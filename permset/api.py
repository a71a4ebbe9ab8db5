"""What you need to use permset in your own code, importable from one place."""

from permset.data.drawn import Fixed, Fresh
from permset.data.mil_tests import MILTest
from permset.data.mixtures import GaussianMixtures
from permset.data.population import Population
from permset.data.randomness import generator
from permset.data.subgroups import Blocks, Rotations
from permset.data.tasks import GaussianVariance, Maximum, UnitSum, make_data
from permset.evaluation.certificate import certify
from permset.evaluation.limits import best_accuracy
from permset.evaluation.metrics import measure
from permset.networks.monotone import MonotoneSet
from permset.networks.networks import (
    MLP,
    DeepSet,
    EquivariantNetwork,
    MultiChannelNetwork,
    SetTransformer,
    count_params,
)
from permset.symmetry.frames import WeightedFrame
from permset.symmetry.groups import Permutation, PermutationGroup, act
from permset.symmetry.layers import EquivariantLinear, GroupEquivariantLinear, InvariantLinear, MultiChannelLinear
from permset.symmetry.symmetrizers import (
    Canonicalization,
    GroupAverage,
    PermutationAugmentation,
    SampledGroupAverage,
    SetNetwork,
)
from permset.training.blocks import Trained
from permset.training.settings import Settings
from permset.training.stack import predict
from permset.training.train import train, train_seeds

__all__ = [
    "MLP",
    "Blocks",
    "Canonicalization",
    "DeepSet",
    "EquivariantLinear",
    "EquivariantNetwork",
    "Fixed",
    "Fresh",
    "GaussianMixtures",
    "GaussianVariance",
    "GroupAverage",
    "GroupEquivariantLinear",
    "InvariantLinear",
    "MILTest",
    "Maximum",
    "MonotoneSet",
    "MultiChannelLinear",
    "MultiChannelNetwork",
    "Permutation",
    "PermutationAugmentation",
    "PermutationGroup",
    "Population",
    "Rotations",
    "SampledGroupAverage",
    "SetNetwork",
    "SetTransformer",
    "Settings",
    "Trained",
    "UnitSum",
    "WeightedFrame",
    "act",
    "best_accuracy",
    "certify",
    "count_params",
    "generator",
    "make_data",
    "measure",
    "predict",
    "train",
    "train_seeds",
]
