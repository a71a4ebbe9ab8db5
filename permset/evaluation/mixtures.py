"""One step of expectation maximisation from the mixture that a network gives (Lee et al. 2019, section 5.3)."""

import torch
from jaxtyping import Float
from torch import Tensor

from permset.data.elementary import logarithm
from permset.data.targets import Components, Mixture, log_joint, objects_of

LEAST = 1e-6
"""share of an object that a component has in all, and variance: an empty one keeps its mean, a point is none"""


def em_step(
    outputs: Float[Tensor, "sets outputs"], labels: Float[Tensor, "sets targets"], target: Mixture
) -> Float[Tensor, "sets outputs"]:
    """Outputs whose mixtures are one step further, in float64; the likelihood of a bag is not lower than before.

    Each object is shared out among the components by its posterior; a component's weight, means and variances are those
    of its shares (Dempster, Laird & Rubin 1977).
    """
    before, labels = target.read(outputs.double()), labels.double()
    objects, mask = objects_of(labels, target.channels)
    shares = log_joint(before, objects).softmax(-1) * mask.unsqueeze(-1)
    held = shares.sum(-2)
    weights = held / held.sum(-1, keepdim=True)
    by = shares.unsqueeze(-1) / held.clamp(min=LEAST)[..., None, :, None]
    means = (by * objects.unsqueeze(-2)).sum(-3)
    means = torch.where(held.unsqueeze(-1) > LEAST, means, before.means)
    variances = (by * (objects.unsqueeze(-2) - means.unsqueeze(-3)).square()).sum(-3)
    log_weights, log_variances = (logarithm(value.clamp(min=LEAST)) for value in (weights, variances))
    return target.write(Components(log_weights, means, log_variances / 2))
