"""Many networks of one shape as one: parameters stacked along a leading seed axis, one compiled step for all.

The networks are independent, so one pass over the stack does the work of many small passes, and the cost
of launching an operation is paid once for all of them. A step is traced into a flat graph of tensor
operations (forward, loss and gradients), which runs without autograd or module code.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, fx, nn
from torch.func import functional_call, grad_and_value, stack_module_state, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

aten: Any = torch.ops.aten

State = dict[str, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]
Step = Callable[..., list[Tensor]]

# Of predictions: keeps the activations of all seeds in a processor's cache, and is enough to keep it busy.
SETS_A_TIME = 200


def stack(networks: Sequence[nn.Module]) -> State:
    """The networks' parameters, each stacked to (seeds, ...). Buffers are taken to be the same in all networks."""
    parameters, _ = stack_module_state(list(networks))
    return {name: value.detach() for name, value in parameters.items()}


def unstack(network: nn.Module, state: State, index: int) -> nn.Module:
    """A copy of the network with the weights of one seed of the stack."""
    single = copy.deepcopy(network)
    single.load_state_dict({name: value[index] for name, value in state.items()})
    return single


def predict(network: nn.Module, state: State, x: Float[Tensor, "sets n c"]) -> Float[Tensor, "seeds sets outputs"]:
    """Outputs of every network of the stack on the same bags, in the precision of x; some sets at a time."""
    network = copy.deepcopy(network).to(x)
    state = {name: value.to(x) for name, value in state.items()}
    every = vmap(lambda weights, x: functional_call(network, weights, (x,)), in_dims=(0, None))
    with torch.no_grad():
        return torch.cat([every(state, some) for some in x.split(SETS_A_TIME)], 1)


def compile_step(network: nn.Module, state: State, loss: Loss, *batch: Tensor) -> Step:
    """Trace loss and gradients of all networks for batches like this one.

    A batch is what the network takes, x (seeds, sets, n, c) first, and then y (seeds, sets, outputs). The step
    takes the values of `state` and a batch, and gives the gradients in the same order and, last, the losses (seeds,).
    """
    names = list(state)

    def one(weights: State, *batch: Tensor) -> Tensor:
        *inputs, y = batch
        return loss(functional_call(network, weights, tuple(inputs)), y)

    def step(values: list[Tensor], *batch: Tensor) -> list[Tensor]:
        gradients, losses = vmap(grad_and_value(one))(dict(zip(names, values, strict=True)), *batch)
        return [*gradients.values(), losses]

    with _ChannelsFirst():
        graph = make_fx(step)(list(state.values()), *batch)
    _simplify(graph, on_cpu=batch[0].device.type == "cpu")
    return graph


class _ChannelsFirst(TorchFunctionMode):
    """Lay the outputs of linear layers out channels first in memory: y = (W xᵀ + b)ᵀ.

    The same numbers; but set networks multiply thousands of objects by small matrices, where matrix
    products and sums over long contiguous rows take a fraction of the time they take over short ones.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is not F.linear:
            return func(*args, **(kwargs or {}))
        x, weight, *bias = (*args, *(kwargs or {}).values())
        y = torch.mm(weight, x.reshape(-1, x.shape[-1]).T)
        if bias and bias[0] is not None:
            y = y + bias[0][:, None]
        return y.T.reshape(*x.shape[:-1], weight.shape[0])


def _fast_tanh(x: Tensor) -> Tensor:
    """tanh(x) = 2σ(2x) − 1 to 2e-7: on a CPU the sigmoid is vectorised and several times as fast as torch.tanh."""
    return torch.sigmoid(x * 2).mul_(2).sub_(1)


def _in_layout_of(saved: Tensor, gradient: Tensor) -> Tensor:
    """The gradient that pooling spreads over the objects is laid out by objects, what it meets by channels: slow."""
    return gradient if gradient.stride() == saved.stride() else torch.empty_like(saved).copy_(gradient)


def _column_bmm(a: Tensor, b: Tensor) -> Tensor:
    """Matrices times single columns; as rows times matrices they take a third of the time."""
    return torch.bmm(b.mT, a.mT).mT


# Calling these directly takes half the time of calling them through torch.ops.
_DIRECT: dict[Any, Callable[..., Any]] = {
    aten.add.Tensor: torch.add,
    aten.bmm.default: torch.bmm,
    aten.expand.default: torch.Tensor.expand,
    aten.mean.dim: torch.mean,
    aten.mul.Tensor: torch.mul,
    aten.neg.default: torch.neg,
    aten.permute.default: torch.permute,
    aten.squeeze.dims: torch.squeeze,
    aten.sub.Tensor: torch.sub,
    aten.sum.dim_IntList: torch.sum,
    aten.transpose.int: torch.transpose,
    aten.unsqueeze.default: torch.unsqueeze,
    # A view holds for the memory layouts at tracing, which what was put in place of other calls may change.
    aten.view.default: torch.reshape,
    aten._unsafe_view.default: torch.reshape,
}
# Gradients of activations: of the output's gradient and what the activation saved.
_ACTIVATIONS_BACKWARD = {
    aten.gelu_backward.default,
    aten.silu_backward.default,
    aten.tanh_backward.default,
    aten.threshold_backward.default,
}
_RESHAPES = {aten.expand.default, aten.view.default, aten._unsafe_view.default}
_TRANSPOSES = {aten.permute.default, aten.transpose.int}


def _simplify(graph_module: fx.GraphModule, on_cpu: bool) -> None:
    """Take out the reshapes that do nothing, which tracing leaves, and put faster calls in place."""
    graph = graph_module.graph
    for node in list(graph.nodes):
        if node.target in _RESHAPES | _TRANSPOSES:
            source = _same_tensor(node)
            if source is not None:
                node.replace_all_uses_with(source)
                graph.erase_node(node)
    graph.eliminate_dead_code()
    for node in list(graph.nodes):
        if node.target in _ACTIVATIONS_BACKWARD:
            gradient, saved, *rest = node.args
            with graph.inserting_before(node):
                node.args = graph.call_function(_in_layout_of, (saved, gradient)), saved, *rest
        if on_cpu and node.target is aten.tanh.default:
            node.target = _fast_tanh
        elif on_cpu and node.target is aten.bmm.default:
            node.target = _fastest_bmm(*(arg.meta["val"].shape for arg in node.args))
        node.target = _DIRECT.get(node.target, node.target)
    graph_module.recompile()


def _fastest_bmm(a: torch.Size, b: torch.Size) -> Callable[..., Tensor]:
    """The matrix library is slow at outer products and at columns, which sets of few channels are full of."""
    if a[2] == 1:
        return torch.mul
    return _column_bmm if b[2] == 1 else torch.bmm


def _same_tensor(node: fx.Node) -> fx.Node | None:
    """The earlier node that holds the same tensor as this reshape or transpose, if there is one."""
    source = node.args[0]
    assert isinstance(source, fx.Node)
    if node.target in _RESHAPES:
        return source if source.meta["val"].shape == node.meta["val"].shape else None
    if source.target in _TRANSPOSES:
        inner, outer = _order(source), _order(node)
        if [inner[axis] for axis in outer] == list(range(len(outer))):
            assert isinstance(source.args[0], fx.Node)
            return source.args[0]
    return None


def _order(node: fx.Node) -> list[int]:
    """The axes of a permute or transpose, in their new order."""
    if node.target is aten.permute.default:
        return list(node.args[1])  # type: ignore[arg-type]
    order = list(range(node.meta["val"].dim()))
    i, j = node.args[1:]
    order[i], order[j] = order[j], order[i]  # type: ignore[index]
    return order
