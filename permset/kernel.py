"""Support-vector machines on statistics of bags, as networks: scikit-learn fits them, torch evaluates them."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from permset.groups import PermutationGroup
from permset.masks import Mask, without_padding
from permset.pooling import Pooling
from permset.scores import Target
from permset.standardization import moments


class KernelMachine(nn.Module):
    """f(x) = Σᵢ wᵢ·exp(−γ‖sᵢ − φ(x)‖²) + b (Cortes & Vapnik 1995).

    φ(x) are statistics of each channel over the objects, in units of their spread over the bags of training, which are
    the sᵢ.
    """

    support: Tensor
    mean: Tensor
    deviation: Tensor
    gamma: Tensor

    def __init__(self, channels: int, statistics: Sequence[Literal["mean", "min", "max"]], outputs: int = 1):
        super().__init__()
        self.pool = Pooling(channels, list(statistics))
        self.weight = nn.Parameter(torch.zeros(outputs, 1))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("support", torch.zeros(1, self.pool.features))
        self.register_buffer("mean", torch.zeros(self.pool.features))
        self.register_buffer("deviation", torch.ones(self.pool.features))
        self.register_buffer("gamma", torch.ones(()))

    def forward(self, x: Float[Tensor, "*batch n c"], mask: Mask | None = None) -> Float[Tensor, "*batch outputs"]:
        features = (self.statistics(x, mask) - self.mean) / self.deviation
        own, other = (values.square().sum(-1) for values in (features, self.support))
        distances = (own.unsqueeze(-1) + other - 2 * features @ self.support.T).clamp(min=0)
        return torch.exp(-self.gamma * distances) @ self.weight.T + self.bias

    def statistics(self, x: Float[Tensor, "*batch n c"], mask: Mask | None) -> Float[Tensor, "*batch features"]:
        return self.pool(without_padding(x, mask), mask)

    def fit(
        self,
        statistics: Float[Tensor, "sets features"],
        labels: Float[Tensor, "sets targets"],
        target: Target,
        penalty: float,
        size: int,
    ) -> None:
        """To bags of training: one machine for two classes, one against the rest for each of several or each number.

        Supports are filled up to `size`, so that machines of different seeds can be stacked.
        """
        from sklearn.svm import SVC, SVR  # Takes a second, which only this should pay.

        self.mean, self.deviation = moments(statistics)
        features = (statistics - self.mean) / self.deviation
        variance = features.var(correction=0)
        self.gamma = 1 / (features.shape[1] * torch.where(variance > 0, variance, 1.0))  # scikit-learn's "scale"
        if target.kind == "classes":
            columns = [(labels[:, 0] == label).numpy() for label in range(target.outputs)]
        else:
            columns = list(labels.T.numpy())
        weights = torch.zeros(len(columns), size)
        biases = torch.zeros(len(columns))
        for i, column in enumerate(columns):
            if target.kind != "real" and len(set(column.tolist())) < 2:
                biases[i] = 1.0 if column[0] else -1.0  # There is nothing to tell apart.
                continue
            machine = (SVR if target.kind == "real" else SVC)(C=penalty, gamma=float(self.gamma))
            machine.fit(features.numpy(), column)
            weights[i, machine.support_] = torch.as_tensor(machine.dual_coef_[0]).float()
            biases[i] = float(machine.intercept_[0])
        self.support = torch.cat([features, features.new_zeros(size - len(features), features.shape[1])])
        self.weight, self.bias = nn.Parameter(weights), nn.Parameter(biases)

    @staticmethod
    def claimed_group(set_size: int) -> PermutationGroup:
        return PermutationGroup.symmetric(set_size)
