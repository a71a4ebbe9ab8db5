"""Networks whose outputs never fall when an object is added to a bag."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from permset.config.kinds import Activation, Increasing, Presence
from permset.data.masks import Mask, without_padding
from permset.networks.networks import ACTIVATIONS, Objects, Outputs, dense
from permset.networks.pooling import Pooling
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import SetNetwork


class MonotoneSet(SetNetwork):
    """ρ(pool_i σ(φ(x_i))), φ element-wise, the pooling a max or a sum, and ρ with weights that are not negative.

    σ(φ_k(x_i)) ∈ [0, 1] says how much object i is of concept k. The max asks whether there is one, and the sum how many
    there are. Both are zero for an empty bag and never fall when an object is added; ρ never falls when they rise, for
    its weights are |W| and its activations increase (Archer & Wang 1993, Decision Sciences 24, p. 60).

    With one concept and no hidden set-wise layer it is the instance-wise model of multiple-instance learning: with max
    an increasing function of the largest logit φ(x_i), with sum a threshold on a soft count.
    """

    def __init__(
        self,
        channels: int,
        element_widths: list[int],
        concepts: int,
        set_widths: list[int],
        element_activation: Activation = "relu",
        set_activation: Increasing = "tanh",
        pooling: Presence = "max",
        outputs: int = 1,
    ):
        super().__init__()
        self.element = dense([channels, *element_widths, concepts], element_activation)
        self.pool = Pooling(concepts, pooling)
        layers: list[nn.Module] = []
        for c_in, c_out in pairwise([concepts, *set_widths, outputs]):
            layers += [NonNegativeLinear(c_in, c_out), ACTIVATIONS[set_activation]()]
        self.set = nn.Sequential(*layers[:-1])

    def forward(self, x: Objects, mask: Mask | None = None) -> Outputs:
        return self.set(self.pool(torch.sigmoid(self.element(without_padding(x, mask))), mask))

    def claimed_group(self, set_size: int) -> PermutationGroup:
        return PermutationGroup.symmetric(set_size)

    @property
    def claims_monotone(self) -> bool:
        return True


class NonNegativeLinear(nn.Linear):
    """x ↦ |W| x + b; b starts at zero."""

    def __init__(self, c_in: int, c_out: int):
        super().__init__(c_in, c_out)
        nn.init.zeros_(self.bias)

    def forward(self, x: Float[Tensor, "*batch c_in"]) -> Float[Tensor, "*batch c_out"]:
        return F.linear(x, self.weight.abs(), self.bias)
