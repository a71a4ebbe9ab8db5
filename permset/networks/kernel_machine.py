"""Support-vector machines on statistics of bags, as networks: scikit-learn fits them, torch evaluates them."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from permset.config.kinds import Statistic
from permset.data.masks import Mask, count, products_of_deviations, without_padding
from permset.data.targets import Mixture, Real, Target
from permset.networks.pooling import Pooling
from permset.networks.standardization import moments
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import SetNetwork


class KernelMachine(SetNetwork):
    """f(x) = Σᵢ wᵢ·exp(−γ‖sᵢ − φ(x)‖²) + b (Cortes & Vapnik 1995).

    φ(x) are statistics of each channel, or of each pair of channels, over the objects, in units of their spread over
    the bags of training, which are the sᵢ.
    """

    support: Tensor
    mean: Tensor
    deviation: Tensor
    gamma: Tensor

    def __init__(self, channels: int, statistics: Sequence[Statistic], outputs: int = 1):
        super().__init__()
        self.with_covariance = "covariance" in statistics
        self.pool = Pooling(channels, [kind for kind in statistics if kind != "covariance"])
        features = self.pool.features + self.with_covariance * channels * (channels + 1) // 2
        self.weight = nn.Parameter(torch.zeros(outputs, 1))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("support", torch.zeros(1, features))
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.register_buffer("gamma", torch.ones(()))

    def forward(self, x: Float[Tensor, "*batch n c"], mask: Mask | None = None) -> Float[Tensor, "*batch outputs"]:
        features = (self.statistics(x, mask) - self.mean) / self.deviation
        norms, support_norms = (values.square().sum(-1) for values in (features, self.support))
        distances = (norms.unsqueeze(-1) + support_norms - 2 * features @ self.support.T).clamp(min=0)
        return torch.exp(-self.gamma * distances) @ self.weight.T + self.bias

    def statistics(self, x: Float[Tensor, "*batch n c"], mask: Mask | None) -> Float[Tensor, "*batch features"]:
        pooled = self.pool(without_padding(x, mask), mask)
        return torch.cat([pooled, covariances(x, mask)], -1) if self.with_covariance else pooled

    def fit(
        self,
        statistics: Float[Tensor, "sets features"],
        labels: Float[Tensor, "sets targets"],
        target: Target,
        penalty: float,
        size: int,
        balanced: bool = False,
    ) -> None:
        """Fit to the bags of training: one machine for two classes, else one for each class or for each real number.

        If `balanced`, a mistake costs the more the fewer bags its class has. Supports are filled up to `size`, so that
        machines of different seeds can be stacked.
        """
        from sklearn.svm import SVC, SVR  # Loading it takes a second.

        assert not isinstance(target, Mixture)  # which params.yaml does not allow
        self.mean, self.deviation = moments(statistics)
        features = (statistics - self.mean) / self.deviation
        variance = features.var(correction=0)
        self.gamma = 1 / (features.shape[1] * torch.where(variance > 0, variance, 1.0))  # scikit-learn's "scale"
        columns = [column.numpy() for column in target.columns(labels)]
        real = isinstance(target, Real)
        weights = torch.zeros(len(columns), size)
        biases = torch.zeros(len(columns))
        for i, column in enumerate(columns):
            if not real and len(set(column.tolist())) < 2:
                biases[i] = 1.0 if column[0] else -1.0  # There is only one class.
                continue
            kernel = {"C": penalty, "gamma": float(self.gamma)}
            machine = SVR(**kernel) if real else SVC(**kernel, class_weight="balanced" if balanced else None)
            machine.fit(features.numpy(), column)
            weights[i, machine.support_] = torch.as_tensor(machine.dual_coef_[0]).float()
            biases[i] = float(machine.intercept_[0])
        self.support = torch.cat([features, features.new_zeros(size - len(features), features.shape[1])])
        self.weight, self.bias = nn.Parameter(weights), nn.Parameter(biases)

    def claimed_group(self, set_size: int) -> PermutationGroup:
        return PermutationGroup.symmetric(set_size)


def covariances(x: Float[Tensor, "*batch n c"], mask: Mask | None) -> Float[Tensor, "*batch pairs"]:
    """Of each pair of channels, and variances, over the objects of each bag; zero where there is no more than one."""
    products = products_of_deviations(x, mask).flatten(-2) / count(x, mask)
    first, second = torch.triu_indices(x.shape[-1], x.shape[-1], device=x.device)
    return products[..., first * x.shape[-1] + second]
