"""Networks on bags, and the only registry of them: build_model.

Every network maps (*batch, n, channels) to one logit, (*batch, 1); a probability is `torch.sigmoid` of it.
"""

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from permset.groups import PermutationGroup
from permset.params import Activation, DeepSetParams, ModelParams

ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "none": nn.Identity,
}


def dense(widths: list[int], activation: Activation) -> nn.Sequential:
    """Linear layers between consecutive widths, the activation between layers and none after the last.

    Biases start at zero (Glorot & Bengio 2010). A non-zero start gives the element-wise network of a DeepSet
    an offset, which sum pooling multiplies by the set size and which then saturates the set-wise network: on
    `unit_sum` some seeds in a hundred never learn with torch's own start, and none was seen with this one.
    """
    layers: list[nn.Module] = []
    for c_in, c_out in pairwise(widths):
        linear = nn.Linear(c_in, c_out)
        nn.init.zeros_(linear.bias)
        layers += [linear, ACTIVATIONS[activation]()]
    return nn.Sequential(*layers[:-1])


class DeepSet(nn.Module):
    """f(x) = ρ(pool_i φ(x_i)), φ element-wise and ρ set-wise (Zaheer et al. 2017, arXiv:1703.06114, Theorem 2)."""

    def __init__(
        self,
        channels: int,
        element_widths: list[int],
        set_widths: list[int],
        element_activation: Activation = "tanh",
        set_activation: Activation = "tanh",
        pooling: str = "sum",
    ):
        super().__init__()
        self.element = dense([channels, *element_widths], element_activation)
        self.set = dense([element_widths[-1], *set_widths, 1], set_activation)
        self.pooling = pooling

    def forward(self, x: Float[Tensor, "*batch n c"]) -> Float[Tensor, "*batch 1"]:
        features = self.element(x)
        pooled = features.amax(-2) if self.pooling == "max" else getattr(features, self.pooling)(-2)
        return self.set(pooled)

    @staticmethod
    def claimed_group(set_size: int) -> PermutationGroup:
        """The group under which outputs are invariant by construction."""
        return PermutationGroup.symmetric(set_size)


class MLP(nn.Module):
    """A plain network on the objects in the order they come, for one set size; it claims no symmetry."""

    def __init__(self, set_size: int, channels: int, widths: list[int], activation: Activation = "tanh"):
        super().__init__()
        self.layers = dense([set_size * channels, *widths, 1], activation)

    def forward(self, x: Float[Tensor, "*batch n c"]) -> Float[Tensor, "*batch 1"]:
        return self.layers(x.flatten(-2))

    @staticmethod
    def claimed_group(set_size: int) -> None:
        return None


Model = DeepSet | MLP


def build_model(params: ModelParams, set_size: int, channels: int) -> Model:
    """A network with fresh weights from torch's generator."""
    if isinstance(params, DeepSetParams):
        return DeepSet(channels, **params.model_dump(exclude={"kind"}))
    return MLP(set_size, channels, **params.model_dump(exclude={"kind"}))


def count_params(model: nn.Module) -> int:
    """Number of trainable weights."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def takes_any_set_size(model: Model) -> bool:
    return isinstance(model, DeepSet)
