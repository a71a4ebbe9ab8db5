"""Many networks of one shape as one: their parameters are stacked along a leading seed axis.

The networks are independent, so one pass over the stack does the work of many small passes, and the cost of launching
an operation is paid once for all of them.
"""

import copy
from collections.abc import Callable, Sequence
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from tqdm import tqdm

from permset.networks.build import is_exportable
from permset.networks.standardization import Standardized

State = dict[str, Tensor]

# Of predictions: keeps the activations of all seeds in a processor's cache, and is enough to keep it busy.
SETS_A_TIME = 200


def stack(networks: Sequence[nn.Module]) -> tuple[State, State]:
    """The networks' weights that are learnt, and those that are not with their saved buffers, stacked to (seeds, ...).

    Buffers that are not saved are taken to be the same in all networks.
    """
    parameters, buffers = stack_module_state(list(networks))
    saved = networks[0].state_dict().keys()
    fitted = {name: value for name, value in buffers.items() if name in saved}
    learnt = {name: value.detach() for name, value in parameters.items() if value.requires_grad}
    frozen = {name: value.detach() for name, value in parameters.items() if not value.requires_grad}
    return learnt, frozen | fitted


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
    network: nn.Module,
    state: State,
    x: Float[Tensor, "sets n c"],
    mask: Bool[Tensor, "sets n"] | None = None,
    name: str | None = None,
) -> Float[Tensor, "seeds sets outputs"]:
    """Outputs of every network of the stack on the same bags, in the precision of x; some sets at a time.

    In evaluation mode, in which an output does not depend on the other bags of a batch; the network keeps its own mode.
    Progress is shown under the name, if one is given, on a terminal.
    """
    network = copy.deepcopy(network).eval().to(x)
    state = {name: value.to(x) for name, value in state.items()}
    outputs: Callable[[State, tuple[Tensor, ...]], Tensor]
    if isinstance(network, Standardized) and not is_exportable(network):
        # What it does depends on values that differ from seed to seed, which vmap would hide.
        outputs = partial(_one_by_one, network)
    else:
        outputs = vmap(partial(functional_call, network), in_dims=(0, None))
    parts = list(zip(*(tensor.split(SETS_A_TIME) for tensor in ([x] if mask is None else [x, mask])), strict=True))
    hidden = None if name else True  # None shows it on a terminal
    with torch.no_grad(), tqdm(parts, desc=name, leave=None, disable=hidden) as progress:
        return torch.cat([outputs(state, inputs) for inputs in progress], 1)


def _one_by_one(network: nn.Module, state: State, inputs: tuple[Tensor, ...]) -> Float[Tensor, "seeds sets outputs"]:
    seeds = len(next(iter(state.values())))
    weights = ({name: value[seed] for name, value in state.items()} for seed in range(seeds))
    return torch.stack([functional_call(network, of_one, inputs) for of_one in weights])
