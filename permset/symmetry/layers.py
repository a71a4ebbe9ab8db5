"""Linear layers on bags: equivariant, invariant, and without symmetry.

`channels` says how input channels are brought together (B12 of the course's notebook). "scaled", the
default, draws weights whose variance falls with the number of input channels and takes means over
objects, so that outputs are of order one whatever the width, the depth and the set size. "mean" and
"sum" are the notebook's: weights of variance one, sums over objects, and the mean or the sum over input
channels, of which the sum saturates whatever comes after it.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from permset.config.kinds import Channels
from permset.data.masks import Mask, count, without_padding
from permset.symmetry.groups import PermutationGroup


class EquivariantLinear(nn.Module):
    """y = λx + γ·mean(x) + b, all linear maps that commute with S_n (Zaheer et al. 2017, arXiv:1703.06114, Lemma 3).

    In the notebook's forms y = λx + γ·sum(x) + b. Padding takes no part and gives zeros.
    """

    def __init__(self, c_in: int, c_out: int, channels: Channels = "scaled"):
        super().__init__()
        self.channels = channels
        # λ and γ, side by side.
        self.weight = _weights(c_out, 2 * c_in, fan_in=c_in, channels=channels)
        self.bias = nn.Parameter(torch.zeros(c_out))

    def forward(self, x: Float[Tensor, "*batch n c_in"], mask: Mask | None = None) -> Float[Tensor, "*batch n c_out"]:
        x = without_padding(x, mask)
        each, pooled = _averaging(self.weight, x, self.channels).chunk(2, -1)
        y = F.linear(x, each) + F.linear(_pool(x, mask, self.channels), pooled, self.bias)
        return without_padding(y, mask)


class GroupEquivariantLinear(nn.Module):
    """All linear maps that commute with a group: y_i = Σ_j W[orbit of (i, j)]·x_j + b[orbit of i].

    One weight for each orbit of pairs of positions, one bias for each orbit of positions (Maron et al. 2019,
    arXiv:1812.09902, section 3). For S_n these are the maps of EquivariantLinear. Padding gives zeros, and counts as
    objects of zero in the fixed positions of the group.
    """

    average: Tensor
    position: Tensor

    def __init__(self, c_in: int, c_out: int, group: PermutationGroup, channels: Channels = "scaled"):
        super().__init__()
        self.channels = channels
        pairs, positions = torch.as_tensor(group.pair_orbits()), torch.as_tensor(group.orbits())
        members = F.one_hot(pairs).movedim(-1, 0).float()  # (orbits, n, n)
        # A mean over each orbit's objects keeps outputs of order one for orbits of any length.
        sizes = members.sum(-1, keepdim=True).clamp(min=1) if channels == "scaled" else torch.tensor(1.0)
        orbits_of_a_position = int((members.sum(-1) > 0).sum(0).max())
        fan_in = max(1, orbits_of_a_position // 2) * c_in
        self.weight = _weights(c_out, len(members) * c_in, fan_in=fan_in, channels=channels)
        self.bias = nn.Parameter(torch.zeros(int(positions.max()) + 1, c_out))
        # What the group determines is no weight: it is neither trained nor saved.
        self.register_buffer("average", members / sizes, persistent=False)
        self.register_buffer("position", positions, persistent=False)

    def forward(self, x: Float[Tensor, "*batch n c_in"], mask: Mask | None = None) -> Float[Tensor, "*batch n c_out"]:
        x = without_padding(x, mask)
        # (orbits, n, n) on (..., n, c) gives (..., n, orbits, c), of which the last two are one vector.
        gathered = torch.einsum("rij,...jc->...irc", self.average, x).flatten(-2)
        y = F.linear(gathered, _averaging(self.weight, x, self.channels)) + self.bias[self.position]
        return without_padding(y, mask)


class InvariantLinear(nn.Module):
    """y = γ·mean(x) + b, one object, all linear maps that S_n leaves alone; in the notebook's forms γ·sum(x) + b."""

    def __init__(self, c_in: int, c_out: int, channels: Channels = "scaled"):
        super().__init__()
        self.channels = channels
        self.weight = _weights(c_out, c_in, fan_in=c_in, channels=channels)
        self.bias = nn.Parameter(torch.zeros(c_out))

    def forward(self, x: Float[Tensor, "*batch n c_in"], mask: Mask | None = None) -> Float[Tensor, "*batch 1 c_out"]:
        pooled = _pool(without_padding(x, mask), mask, self.channels)
        return F.linear(pooled, _averaging(self.weight, x, self.channels), self.bias)


class MultiChannelLinear(nn.Module):
    """Any linear map (n, c_in) → (n_out, c_out), without symmetry: y_kj = Σ_oi W_kjoi·x_oi + b_kj."""

    def __init__(self, n: int, c_in: int, n_out: int, c_out: int, channels: Channels = "scaled"):
        super().__init__()
        self.channels, self.shape_out = channels, (n_out, c_out)
        self.weight = _weights(n_out * c_out, n * c_in, fan_in=n * c_in / 2, channels=channels)
        self.bias = nn.Parameter(torch.zeros(n_out * c_out))

    def forward(self, x: Float[Tensor, "*batch n c_in"]) -> Float[Tensor, "*batch n_out c_out"]:
        y = F.linear(x.flatten(-2), _averaging(self.weight, x, self.channels), self.bias)
        return y.unflatten(-1, self.shape_out)


def _weights(c_out: int, columns: int, fan_in: int | float, channels: Channels) -> nn.Parameter:
    """Normal weights; the scaled ones keep the size of what comes through them and a ReLU (He et al. 2015)."""
    return nn.Parameter(torch.randn(c_out, columns) * (fan_in**-0.5 if channels == "scaled" else 1.0))


def _averaging(weight: Tensor, x: Float[Tensor, "*batch n c_in"], channels: Channels) -> Tensor:
    """The notebook's mean over input channels, taken of the weights, which are fewer than the outputs."""
    return weight / x.shape[-1] if channels == "mean" else weight


def _pool(x: Float[Tensor, "*batch n c"], mask: Mask | None, channels: Channels) -> Float[Tensor, "*batch 1 c"]:
    """Sum over the objects, or mean over those that are there; of padding, which is zero, and of nothing it is zero."""
    total = x.sum(-2)
    return (total if channels != "scaled" else total / count(x, mask)).unsqueeze(-2)
