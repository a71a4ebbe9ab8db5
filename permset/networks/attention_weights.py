"""The weights of objects in a pooling by attention, as they are: how much of what is pooled comes from each object."""

from jaxtyping import Float
from torch import Tensor, nn

from permset.data.masks import Mask
from permset.networks.networks import DeepSet, SetTransformer
from permset.networks.standardization import Standardized
from permset.symmetry.symmetrizers import SetNetwork


class AttentionWeights(nn.Module):
    """Of a network that pools by attention, the weight of each object; the mean over heads and seeds where it has many.

    They are positive and sum to 1 in each bag that is not empty. In the place of padding they are zero.
    """

    def __init__(self, network: SetNetwork):
        super().__init__()
        self.network = network

    @staticmethod
    def takes(network: nn.Module) -> bool:
        """Whether the network pools by attention."""
        if isinstance(network, Standardized):
            return AttentionWeights.takes(network.network)
        return isinstance(network, SetTransformer) or (
            isinstance(network, DeepSet) and network.pool.attention is not None
        )

    def forward(self, x: Float[Tensor, "*batch n c"], mask: Mask | None = None) -> Float[Tensor, "*batch n"]:
        return _weights(self.network, x, mask)


def _weights(network: nn.Module, x: Float[Tensor, "*batch n c"], mask: Mask | None) -> Float[Tensor, "*batch n"]:
    if isinstance(network, Standardized):
        return _weights(network.network, network.standardized(x), mask)
    assert isinstance(network, DeepSet | SetTransformer)
    features = network.features(x, mask)
    if isinstance(network, SetTransformer):
        return network.pool.weights(features, mask).mean((-3, -2))
    assert network.pool.attention is not None
    return network.pool.attention.weights(features, mask).squeeze(-1)
