"""Networks that see channels, and give real targets, in units of their own spread."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from permset.data.targets import Real, Target
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import SetNetwork


class Standardized(SetNetwork):
    """s·f((x − m) / d) + t: the mean m and deviation d of each channel, and t and s of real targets, as bags are given.

    They are not trained: `fit_scales` sets them from the bags of training, and they are saved with the weights.
    """

    mean: Tensor
    deviation: Tensor
    target_mean: Tensor
    target_deviation: Tensor

    def __init__(self, network: SetNetwork, channels: int, outputs: int):
        super().__init__()
        self.network = network
        for name, size in (("", channels), ("target_", outputs)):
            self.register_buffer(f"{name}mean", torch.zeros(size))
            self.register_buffer(f"{name}deviation", torch.ones(size))

    def fit_scales(self, objects: Float[Tensor, "objects c"], targets: Float[Tensor, "sets outputs"] | None) -> None:
        """Set means and deviations from all objects of the bags of training. What is constant keeps its unit."""
        self.mean, self.deviation = moments(objects)
        if targets is not None:
            self.target_mean, self.target_deviation = moments(targets)

    def forward(
        self, x: Float[Tensor, "*batch n c"], mask: Bool[Tensor, "*batch n"] | None = None, **drawn: Tensor
    ) -> Float[Tensor, "*batch outputs"]:
        return self.in_units(self.network(self.standardized(x), mask, **drawn))

    def standardized(self, x: Float[Tensor, "*batch n c"]) -> Float[Tensor, "*batch n c"]:
        return (x - self.mean) / self.deviation

    def in_units(self, outputs: Float[Tensor, "*batch outputs"]) -> Float[Tensor, "*batch outputs"]:
        """Of the targets as they are given."""
        return outputs * self.target_deviation + self.target_mean

    def draw(self, num_sets: int, generator: torch.Generator) -> Int[Tensor, "sets k n"] | None:
        return self.network.draw(num_sets, generator)

    def claimed_group(self, set_size: int) -> PermutationGroup | None:
        return self.network.claimed_group(set_size)

    @property
    def claims_monotone(self) -> bool:
        return self.network.claims_monotone


def unit_of_targets(network: nn.Module, target: Target) -> str | None:
    """The buffer with the deviations of real targets, in whose units errors are minimised, if the network has them.

    In units of their own, gradients of targets of small deviation would vanish in Adam's ε, and one of several targets
    would count for the others.
    """
    return "target_deviation" if isinstance(network, Standardized) and isinstance(target, Real) else None


def moments(values: Float[Tensor, "rows c"]) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"]]:
    """Mean and deviation, in float64, where a long sum of large numbers keeps its digits; deviation 1 of a constant."""
    mean, deviation = values.double().mean(0), values.double().std(0, correction=0)
    constant = deviation <= torch.finfo(torch.float32).eps * mean.abs()
    return mean.float(), torch.where(constant, 1.0, deviation).float()
