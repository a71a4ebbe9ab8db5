"""The true probabilities of the classes and the least loss that is possible, where these are known."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from permset.data.bags import Bags
from permset.data.subgroups import Blocks, Rotations
from permset.data.tasks import GaussianVariance, Task, UnitSum


def bayes_loss(task: Task) -> float | None:
    """The expected cross-entropy of the probabilities of the classes, given the bag; not known for other tasks."""
    match task:
        case UnitSum():
            return 0.0  # Counting the non-zero objects tells the classes apart without error.
        case GaussianVariance():
            return _of_gaussian(task)
        case Rotations(negatives="swapped"):
            return 0.0  # No negative bag is a rotation of an increasing sequence.
        case _:
            return None


def posterior(task: Task, bags: Bags | None) -> Float[Tensor, " sets"] | None:
    """The probability of class 1, given the numbers of each bag; not known for other tasks.

    Of k numbers with the sum of squares S it is that of the log odds k/2·ln(v₀/v₁) − S/2·(1/v₁ − 1/v₀). In two halves
    whose variances are swapped S is that of the first half less that of the second, and the logarithms cancel out.
    """
    if not isinstance(task, GaussianVariance | Blocks) or bags is None:
        return None
    first, second = task.variances
    squares = bags.x.double().square()
    precision = (1 / second - 1 / first) / 2
    if isinstance(task, Blocks):
        one, other = (half.sum((1, 2)) for half in squares.chunk(2, 1))
        return torch.sigmoid(precision * (other - one))
    numbers = bags.x[0].numel()
    return torch.sigmoid(numbers / 2 * math.log(first / second) - precision * squares.sum((1, 2)))


def _of_gaussian(task: GaussianVariance) -> float:
    """E[log(1 + exp(−m))], with m the log of how much likelier the bag is in its own class than in the other.

    A bag of k numbers with the length r has m = ±(k/2·ln(V/v) − r²/2·(1/v − 1/V)), the upper sign in the class of the
    smaller variance v; r/√variance has the chi distribution with k degrees of freedom.
    """
    from scipy.integrate import quad  # Loading it takes half a second.

    small, large = sorted(task.variances)
    k = task.set_size * task.channels

    def loss(x: float, variance: float, sign: int) -> float:
        margin = sign * (k / 2 * math.log(large / small) - variance * x * x / 2 * (1 / small - 1 / large))
        chi = math.exp((k - 1) * math.log(x) - x * x / 2 - (k / 2 - 1) * math.log(2) - math.lgamma(k / 2))
        return chi * (max(-margin, 0.0) + math.log1p(math.exp(-abs(margin))))

    ends = max(0.0, math.sqrt(k) - 12), math.sqrt(k) + 12  # beyond which there is less than exp(−72)
    classes = (small, 1), (large, -1)
    return round(sum(quad(loss, *ends, args=of_class, epsabs=1e-12)[0] for of_class in classes) / 2, 9)
