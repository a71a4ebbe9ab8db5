"""One training step of a stack of networks, compiled: forward, loss and gradients as a flat graph of tensor operations.

The graph runs without autograd or module code. It is simplified, and on a CPU it uses faster forms of a few operations.
"""

import copy
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.func import functional_call, grad_and_value, vmap
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from permset import PermsetError
from permset.data.randomness import drawing, generator
from permset.data.targets import weighted
from permset.training.stack import State

aten: Any = torch.ops.aten
Loss = Callable[[Tensor, Tensor], Tensor]
Step = Callable[..., list[Tensor]]
# Inputs and outputs of a linear layer, from which on the layout of what it multiplies matters no more.
WIDE = 64


def compile_step(
    network: nn.Module,
    state: State,
    buffers: State,
    loss: Loss,
    shares: Sequence[float],
    parts: Sequence[dict[str, Tensor]],
    unit: str | None = None,
) -> Step:
    """Trace loss and gradients of all networks for batches like this one, of parts like these.

    A part is what the network takes, by name, x (seeds, sets, n, c) first of all, y (seeds, sets, targets), and weights
    (seeds, sets) of the bags where they do not count the same. The loss is the parts' mean, weighted by their shares.
    The step takes the values of `state`, of `buffers`, which are not learnt, and of the parts, and gives the gradients
    in the order of `state` and, last, the losses (seeds,).

    `unit` names the buffer (outputs,) in whose units errors are minimised. The losses are in the units of the labels,
    and in them all bags count the same, so that those of all networks can be compared.
    What layers draw at random is drawn for each network and each step from torch's own generator. PermsetError for a
    layer that cannot be traced, or that keeps statistics of its batches, which only its own code updates.
    """
    names = [list(part) for part in parts]
    gradients_of_one = grad_and_value(_losses_of_one(network, loss, shares, names, unit), has_aux=True)

    def step(values: list[Tensor], buffer_values: list[Tensor], *flat: Tensor) -> list[Tensor]:
        weights = dict(zip(state, values, strict=True))
        fitted = dict(zip(buffers, buffer_values, strict=True))
        rest = iter(flat)
        batch = [[next(rest) for _ in keys] for keys in names]
        gradients, (_, losses) = vmap(gradients_of_one, randomness="different")(weights, fitted, batch)
        return [*gradients.values(), losses]

    flat = [tensor for part in parts for tensor in part.values()]
    with drawing(generator(0, "tracing", flat[0].device)):
        _try_alone(network, loss, parts)
        try:
            with _ChannelsFirst():
                graph = make_fx(step)(list(state.values()), list(buffers.values()), *flat)
        except Exception as error:
            raise _refusal(network, _layer_at_fault(network, error), str(error).partition("\n")[0]) from error
    _simplify(graph, on_cpu=flat[0].device.type == "cpu")
    return graph


def _losses_of_one(
    network: nn.Module, loss: Loss, shares: Sequence[float], names: Sequence[Sequence[str]], unit: str | None
) -> Callable[[State, State, list[list[Tensor]]], tuple[Tensor, Tensor]]:
    """Gives, of one network, the loss that is minimised and the loss in the units of the labels; see `compile_step`.

    `names` are those of the tensors of each part.
    """

    def losses(weights: State, buffers: State, parts: list[list[Tensor]]) -> tuple[Tensor, Tensor]:
        outputs, labels, weights_of_bags = [], [], []
        for keys, values in zip(names, parts, strict=True):
            inputs = dict(zip(keys, values, strict=True))
            labels.append(inputs.pop("y"))
            weights_of_bags.append(inputs.pop("weights", None))
            outputs.append(functional_call(network, {**weights, **buffers}, (inputs.pop("x"),), inputs))
        plain = _mean([loss(*pair) for pair in zip(outputs, labels, strict=True)], shares)
        if unit is None and weights_of_bags[0] is None:
            return plain, plain
        scale = 1 if unit is None else buffers[unit]
        trios = zip(outputs, labels, weights_of_bags, strict=True)
        return _mean([weighted(loss, z / scale, y / scale, w) for z, y, w in trios], shares), plain

    return losses


def _mean(losses: Sequence[Tensor], shares: Sequence[float]) -> Tensor:
    """Mean over parts, weighted by their shares. A single part has all of the share: nothing is to be multiplied."""
    if len(losses) == 1:
        return losses[0]
    return torch.stack([share * loss for share, loss in zip(shares, losses, strict=True)]).sum()


def _try_alone(network: nn.Module, loss: Loss, parts: Sequence[dict[str, Tensor]]) -> None:
    """One step of one network: a mistake that shows here is its own, and a buffer that changes cannot be traced."""
    trial = copy.deepcopy(network)
    with torch.no_grad():
        for part in parts:
            inputs = {name: value[0] for name, value in part.items()}
            y, _ = inputs.pop("y"), inputs.pop("weights", None)
            loss(trial(inputs.pop("x"), **inputs), y)
    for name, before in network.named_buffers():
        if not torch.equal(trial.get_buffer(name), before):
            layer, _, last = name.rpartition(".")
            raise _refusal(network, network.get_submodule(layer), f"its buffer {last} changes from batch to batch")


def _layer_at_fault(network: nn.Module, error: Exception) -> nn.Module:
    """The innermost layer in whose code an error came up."""
    layers = {id(layer): layer for layer in network.modules()}
    running = [id(frame.f_locals.get("self")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    return next((layers[this] for this in reversed(running) if this in layers), network)


def _refusal(network: nn.Module, layer: nn.Module, reason: str) -> PermsetError:
    path = next(name for name, module in network.named_modules() if module is layer)
    where = f" ({path})" if path else ""
    return PermsetError(
        f"{type(layer).__name__}{where} cannot be trained for many seeds at once: {reason}; "
        "leave it out, or train one seed at a time with train(network, data, settings, seed)"
    )


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
        if min(weight.shape) >= WIDE:
            return func(*args, **(kwargs or {}))
        y = torch.mm(weight, x.reshape(-1, x.shape[-1]).T)
        if bias and bias[0] is not None:
            y = y + bias[0][:, None]
        return y.T.reshape(*x.shape[:-1], weight.shape[0])


def _fast_tanh(x: Tensor) -> Tensor:
    """tanh(x) of finite x: 2σ(2x) − 1, or x itself where |x| is so small that the difference would cancel.

    Right to 2e-5 of its value in float32. On a CPU the sigmoid is vectorised and takes half the time of torch.tanh.
    """
    small = torch.finfo(x.dtype).eps ** (1 / 3)  # the errors of the two, x²/3 and ε/x, are alike there
    large = F.hardshrink(x, small)  # 0 where |x| is small, x elsewhere
    return torch.sigmoid(large * 2).mul_(2).sub_(1).add_(x - large)


def _fast_softmax(x: Tensor, dim: int, *_: Any) -> Tensor:
    """Over the few objects of a bag torch's own takes several times as long. Of nothing but −∞ it gives zeros."""
    e = (x - x.amax(dim, keepdim=True).clamp_(min=torch.finfo(x.dtype).min)).exp_()
    return e.div_(e.sum(dim, keepdim=True).clamp_(min=1))


def _fast_softmax_backward(gradient: Tensor, y: Tensor, dim: int, *_: Any) -> Tensor:
    gy = gradient * y
    return gy.addcmul_(y, gy.sum(dim, keepdim=True), value=-1)


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
_FAST_ON_CPU: dict[Any, Callable[..., Tensor]] = {
    aten.tanh.default: _fast_tanh,
    aten._safe_softmax.default: _fast_softmax,
    aten._softmax.default: _fast_softmax,
    aten._softmax_backward_data.default: _fast_softmax_backward,
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
        if on_cpu and node.target is aten.bmm.default:
            node.target = _fastest_bmm(*(arg.meta["val"].shape for arg in node.args))
        elif on_cpu:
            node.target = _FAST_ON_CPU.get(node.target, node.target)
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
