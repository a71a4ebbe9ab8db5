"""Statistics of populations: what is the entropy, or the mutual information, of the distribution that made a bag?

The four tasks of DeepSets (Zaheer et al. 2017, arXiv:1703.06114, section 4.1.1): a bag is a sample of a normal
distribution of mean zero, and what is to be found is a number that its covariance tells in closed form, in nats.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from permset.config.kinds import PopulationStatistic
from permset.data.bags import Bags
from permset.data.drawn import Drawn, masks
from permset.data.elementary import logarithm, square_root
from permset.data.masks import count, products_of_deviations
from permset.data.randomness import generator as stream
from permset.data.targets import Real

PARTS: dict[PopulationStatistic, list[int]] = {
    "rotation": [2],
    "correlation": [16, 16],
    "rank_one": [1] * 32,
    "random": [1] * 32,
}
"""channels of each group of channels, whose mutual information is asked for where there are several"""
SETS_A_DRAW = 256
"""bags whose objects are drawn at once, which bounds the memory"""

Values = Float[Tensor, " sets"]


@dataclass(frozen=True)
class Population(Drawn):
    """Bags of normal objects, of covariances from one family, and a number that the covariance has.

    `rotation`: the entropy of the first of two channels, whose covariance Σ is rotated by an angle that is uniform in
    [0, π]. `correlation`: the mutual information of the first and the last 16 channels, [[Σ, αΣ], [αΣ, Σ]] with α
    uniform in (−1, 1). `rank_one`: that of 32 channels, I + λvvᵀ with λ uniform in (0, 1). `random`: that of 32
    channels, with a covariance of its own for every bag.

    Σ, v and random covariances are drawn as in the code of the paper: v is uniform in [0, 1]³² and then of length one,
    Σ is (BBᵀ + I)/(d/3 + 1), of d channels whose variance is one on average, with B uniform in [0, 1]^{d×d}. What all
    bags have in common, Σ or v, has a seed of its own.
    """

    statistic: PopulationStatistic = "rotation"
    set_sizes: tuple[int, int] = (300, 500)
    """of the smallest and the largest bag; all between are equally likely"""
    family_seed: int = 0
    standardize: ClassVar[bool] = True

    @property
    def target(self) -> Real:
        return Real(1, "squared", ("entropy" if self.statistic == "rotation" else "mutual information",))

    @property
    def channels(self) -> int:
        return sum(PARTS[self.statistic])

    @property
    def set_size(self) -> int:
        """Objects of the largest bag."""
        return self.set_sizes[1]

    def sample(self, num_sets: int, generator: torch.Generator) -> Bags:
        device = generator.device
        mask = masks(num_sets, self.set_sizes, generator)
        u = torch.rand(num_sets, generator=generator, device=device).double()
        match self.statistic:
            case "rotation":
                factor, y = _rotated(self._covariance_factor(2, device), math.pi * u)
            case "correlation":
                factor, y = _correlated(self._covariance_factor(16, device), 2 * u - 1)
            case "rank_one":
                factor, y = _rank_one(self._direction(32, device), u)
            case "random":
                square = torch.rand(num_sets, 32, 32, generator=generator, device=device)
                factor, y = _factor(square), _total_correlation(square.double())
        x = torch.empty(num_sets, self.set_size, self.channels, device=device)
        for rows in torch.arange(num_sets, device=device).split(SETS_A_DRAW):
            noise = torch.randn(len(rows), self.set_size, factor.shape[-1], generator=generator, device=device)
            x[rows] = noise @ factor[rows].mT * mask[rows].unsqueeze(-1)
        return Bags(x, y.float().unsqueeze(-1), mask)

    def _covariance_factor(self, d: int, device: torch.device) -> Float[Tensor, "d 2*d"]:
        return _factor(torch.rand(d, d, generator=stream(self.family_seed, "family"))).to(device)

    def _direction(self, d: int, device: torch.device) -> Float[Tensor, " d"]:
        v = torch.rand(d, generator=stream(self.family_seed, "family"), dtype=torch.float64)
        return (v / math.sqrt(v.square().sum())).to(device)

    def estimate(self, bags: Bags) -> Values:
        """The best unbiased estimate for each bag where nothing is known of its covariance S, from sums of squares.

        Of n objects, the matrix W of the products of deviations from the mean has E[log det W] = log det S + p·log 2 +
        Σ_{i<p} ψ((n − 1 − i)/2), with p channels (Anderson 2003, An Introduction to Multivariate Statistical Analysis,
        section 7.5). W and the mean are complete and sufficient, so that no other unbiased estimate has a smaller
        variance, whatever S is (Lehmann & Scheffé).
        """
        x = bags.x.double()
        sizes = torch.as_tensor(count(x, bags.mask)).double().view(-1)
        products = products_of_deviations(x, bags.mask)
        if self.statistic == "rotation":
            return (math.log(2 * math.pi * math.e) + _log_det(products[:, :1, :1], sizes)) / 2
        ends = np.cumsum([0, *PARTS[self.statistic]])
        parts = [products[:, i:j, i:j] for i, j in pairwise(ends)]
        return (sum(_log_det(part, sizes) for part in parts) - _log_det(products, sizes)) / 2


def _log_det(products: Float[Tensor, "sets p p"], sizes: Float[Tensor, " #sets"]) -> Values:
    """An unbiased estimate of the logarithm of the determinant of the covariance."""
    p = products.shape[-1]
    bias = sum(torch.digamma((sizes - 1 - i) / 2) for i in range(p)) + p * math.log(2)
    return torch.linalg.slogdet(products).logabsdet - bias


def _factor(square: Float[Tensor, "*sets d d"]) -> Float[Tensor, "*sets d 2*d"]:
    """A of Σ = AAᵀ = (BBᵀ + I)/(d/3 + 1): no decomposition, whose rounding might differ between processors."""
    d = square.shape[-1]
    return torch.cat([square, torch.eye(d, device=square.device).expand_as(square)], -1) / math.sqrt(d / 3 + 1)


def _rotated(factor: Float[Tensor, "2 4"], angles: Values) -> tuple[Float[Tensor, "sets 2 4"], Values]:
    turns = [(math.cos(angle), math.sin(angle)) for angle in angles.tolist()]  # not torch.cos: see data/elementary.py
    cosines, sines = torch.tensor(turns, dtype=torch.float64, device=angles.device).T
    rotations = torch.stack([torch.stack([cosines, -sines], 1), torch.stack([sines, cosines], 1)], 1)
    rotated = rotations @ factor.double()
    return rotated.float(), (math.log(2 * math.pi * math.e) + logarithm(rotated[:, 0].square().sum(-1))) / 2


def _correlated(factor: Float[Tensor, "d k"], alpha: Values) -> tuple[Float[Tensor, "sets 2*d 2*k"], Values]:
    """The last d channels are α times the first ones and √(1 − α²) times others."""
    share, other = (
        alpha.float()[:, None, None] * factor,
        square_root(1 - alpha.square()).float()[:, None, None] * factor,
    )
    first = torch.cat([factor, torch.zeros_like(factor)], 1).expand(len(alpha), -1, -1)
    return torch.cat([first, torch.cat([share, other], -1)], 1), -len(factor) / 2 * logarithm(1 - alpha.square())


def _rank_one(v: Float[Tensor, " d"], scale: Values) -> tuple[Float[Tensor, "sets d d"], Values]:
    """I + (√(1 + λ) − 1)vvᵀ, whose square is I + λvvᵀ."""
    factor = torch.eye(len(v), device=v.device) + (square_root(1 + scale) - 1)[:, None, None] * v.outer(v)
    variances = 1 + scale.unsqueeze(-1) * v.square()
    return factor.float(), (logarithm(variances).sum(-1) - logarithm(1 + scale)) / 2


def _total_correlation(square: Float[Tensor, "sets d d"]) -> Values:
    """The mutual information of all channels; what all variances are multiplied by does not matter."""
    covariance = square @ square.mT + torch.eye(square.shape[-1], device=square.device)
    variances = covariance.diagonal(dim1=-2, dim2=-1)
    return (logarithm(variances).sum(-1) - torch.linalg.slogdet(covariance).logabsdet) / 2
