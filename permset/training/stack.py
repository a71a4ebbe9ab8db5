"""Many networks of one shape as one: their parameters are stacked along a leading seed axis.

The networks are independent, so one pass over the stack does the work of many small passes, and the cost of launching
an operation is paid once for all of them.
"""

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

State = dict[str, Tensor]

# Of predictions: keeps the activations of all seeds in a processor's cache, and is enough to keep it busy.
SETS_A_TIME = 200


def stack(networks: Sequence[nn.Module]) -> tuple[State, State]:
    """The networks' parameters, and their saved buffers, each stacked to (seeds, ...).

    Buffers that are not saved are taken to be the same in all networks.
    """
    parameters, buffers = stack_module_state(list(networks))
    saved = networks[0].state_dict().keys()
    fitted = {name: value for name, value in buffers.items() if name in saved}
    return {name: value.detach() for name, value in parameters.items()}, fitted


def unstack(network: nn.Module, state: State, index: int) -> nn.Module:
    """A copy of the network with the weights of one seed of the stack."""
    single = copy.deepcopy(network)
    for name, values in state.items():
        path, _, last = name.rpartition(".")
        is_parameter = isinstance(single.get_submodule(path)._parameters.get(last), nn.Parameter)
        value = values[index].clone()
        setattr(single.get_submodule(path), last, nn.Parameter(value) if is_parameter else value)
    return single


def of_seed(state: State, index: int) -> State:
    """The stack of one seed alone."""
    return {name: value[index : index + 1] for name, value in state.items()}


def predict(
    network: nn.Module, state: State, x: Float[Tensor, "sets n c"], mask: Bool[Tensor, "sets n"] | None = None
) -> Float[Tensor, "seeds sets outputs"]:
    """Outputs of every network of the stack on the same bags, in the precision of x; some sets at a time."""
    network = copy.deepcopy(network).to(x)
    state = {name: value.to(x) for name, value in state.items()}
    outputs = vmap(lambda weights, inputs: functional_call(network, weights, inputs), in_dims=(0, None))
    parts = zip(*(tensor.split(SETS_A_TIME) for tensor in ([x] if mask is None else [x, mask])), strict=True)
    with torch.no_grad():
        return torch.cat([outputs(state, inputs) for inputs in parts], 1)
