"""The words that params.yaml chooses from, for the schema and for what is built of them; plain types, no pydantic."""

from typing import Literal

Activation = Literal["tanh", "relu", "gelu", "silu", "none"]
PoolingKind = Literal["sum", "mean", "max", "min", "lse", "attention"]
Statistic = Literal["mean", "min", "max", "covariance"]
Presence = Literal["max", "sum"]
"""whether there is an object of a concept, or how many there are"""
Increasing = Literal["tanh", "relu", "none"]
"""activations that never fall"""
SetNormKind = Literal["none", "set"]
LayerNormKind = Literal["none", "layer"]
Channels = Literal["scaled", "mean", "sum"]
"""how a layer brings its input channels together; see permset/symmetry/layers.py"""
Order = Literal["lexicographic", "norm", "channels"]
"""in which objects are sorted; see permset/symmetry/symmetrizers.py"""
Averaged = Literal["logits", "probabilities"]
LabelKind = Literal["binary", "classes", "real"]
"""of the labels of bags in files"""
TargetKind = LabelKind | Literal["mixture"]
Missing = Literal["refuse", "mean"]
"""what becomes of a number, or a text, that an object lacks; see permset/reading/encoding.py"""
MILTestKind = Literal["one_concept", "two_concepts", "false_frequency"]
"""see permset/data/mil_tests.py"""
Negatives = Literal["swapped", "shuffled"]
"""bags that are no rotation of an increasing sequence; see permset/data/subgroups.py"""
PopulationStatistic = Literal["rotation", "correlation", "rank_one", "random"]
"""see permset/data/population.py"""
RealLoss = Literal["squared", "absolute"]
Schedule = Literal["constant", "cosine"]
Keep = Literal["last", "best"]
"""which weights a training ends with: those of its last step, or of the lowest validation loss"""
ClassWeights = Literal["balanced", "none"]
"""how much a bag counts in the loss: the bags of every class together the same, or each bag the same"""
