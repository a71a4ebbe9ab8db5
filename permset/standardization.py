"""Networks that see channels in units of their own spread."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from permset.groups import PermutationGroup


class Standardized(nn.Module):
    """s·f((x − m) / d) + t: the mean m and deviation d of each channel, and t and s of real targets, as bags are given.

    They are no weights: `fit` sets them from the bags of training, and they are saved with the weights.
    """

    mean: Tensor
    deviation: Tensor
    target_mean: Tensor
    target_deviation: Tensor

    def __init__(self, network: nn.Module, channels: int, outputs: int):
        super().__init__()
        self.network = network
        for name, size in (("", channels), ("target_", outputs)):
            self.register_buffer(f"{name}mean", torch.zeros(size))
            self.register_buffer(f"{name}deviation", torch.ones(size))

    def fit(self, objects: Float[Tensor, "objects c"], targets: Float[Tensor, "sets outputs"] | None) -> None:
        """To all objects of the bags of training; targets only where they are real. What is constant keeps its unit."""
        self.mean, self.deviation = moments(objects)
        if targets is not None:
            self.target_mean, self.target_deviation = moments(targets)

    def forward(
        self, x: Float[Tensor, "*batch n c"], mask: Bool[Tensor, "*batch n"] | None = None, **drawn: Tensor
    ) -> Float[Tensor, "*batch outputs"]:
        outputs = self.network((x - self.mean) / self.deviation, mask, **drawn)
        return outputs * self.target_deviation + self.target_mean

    @property
    def draw(self) -> Callable[..., Tensor]:
        """What the network draws for training, where it draws anything."""
        return self.network.draw  # type: ignore[return-value]

    def claimed_group(self, set_size: int) -> PermutationGroup | None:
        """The group under which outputs are invariant by construction."""
        return self.network.claimed_group(set_size)  # type: ignore[operator]


def moments(values: Float[Tensor, "rows c"]) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"]]:
    """Mean and deviation, in float64, where a long sum of large numbers keeps its digits; deviation 1 of a constant."""
    mean, deviation = values.double().mean(0), values.double().std(0, correction=0)
    constant = deviation <= torch.finfo(torch.float32).eps * mean.abs()
    return mean.float(), torch.where(constant, 1.0, deviation).float()
