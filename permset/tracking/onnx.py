"""Networks as ONNX files, which are kept only where onnxruntime gives the outputs that PyTorch gives."""

import json
import logging
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from math import inf
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from permset import PermsetError
from permset.data.bags import Bags
from permset.networks.build import is_exportable
from permset.store.files import write
from permset.tracking.graphs import graph_of
from permset.tracking.served import Interface

PACKAGES = "onnx", "onnxruntime", "onnxscript"
TOLERANCE = 1e-4
"""relative to the largest output, or to one"""


def write_onnx(path: Path, network: nn.Module, interface: Interface, example: Bags) -> float:
    """Write an ONNX file, and give how far its outputs are from PyTorch's; PermsetError if that is beyond TOLERANCE.

    It takes what the network takes, `x` and, where bags have more than one size, `mask`, and gives `outputs`. Its
    metadata has the interface.
    """
    missing = " ".join(package for package in PACKAGES if find_spec(package) is None)
    if missing:
        raise PermsetError(f"{path}: packages are missing to write it; install them with: pip install {missing}")
    if not is_exportable(network):
        raise PermsetError(
            f"{path}: not written, for its work depends on the values of a bag, as that of an exact average does; load "
            "its model from MLflow"
        )
    content = _converted(network.eval(), interface)
    difference = _difference(network, interface, example, content)
    if not difference <= TOLERANCE:
        raise PermsetError(f"{path}: not written, for outputs would differ from those of PyTorch by {difference:.1e}")
    write(path, lambda p: p.write_bytes(content))
    return difference


def _converted(network: nn.Module, interface: Interface) -> bytes:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # It tells of packages that nothing here needs.
    with warnings.catch_warnings(action="ignore"):
        program = torch.onnx.export(
            graph_of(network, interface),
            input_names=["x", "mask"] if interface.masked else ["x"],
            output_names=["outputs"],
            custom_translation_table=_translations(),
            verbose=False,
        )
    assert program is not None
    program.model.metadata_props.update({name: json.dumps(value) for name, value in vars(interface).items()})
    return program.model_proto.SerializeToString()


def _difference(network: nn.Module, interface: Interface, example: Bags, content: bytes) -> float:
    """The largest, over batches of other shapes than that of the export; NaN where there is one."""
    from onnxruntime import InferenceSession

    session, found = InferenceSession(content, providers=["CPUExecutionProvider"]), []
    for inputs in _batches(interface, example):
        with torch.no_grad():
            expected = network(*inputs.values())
        [outputs] = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
        found.append((torch.from_numpy(outputs) - expected).abs().max() / expected.abs().max().clamp(min=1))
    return float(torch.stack(found).max())


def _batches(interface: Interface, example: Bags) -> Iterator[dict[str, Tensor]]:
    """Bags of objects of the example, an empty one among them where there may be one."""
    objects = example.x.flatten(0, -2) if example.mask is None else example.x[example.mask]
    for sets in (1, 7):
        for size in (1, 5, 40) if interface.most is None else (interface.most,):
            draws = torch.Generator().manual_seed(sets * size)
            x = objects[torch.randint(len(objects), (sets, size), generator=draws)]
            mask = torch.rand(sets, size, generator=draws) < torch.linspace(1, 0, sets)[:, None]
            yield {"x": x, "mask": mask} if interface.masked else {"x": x}


def _translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Of operations that PyTorch's own exporter knows not at all, or not in every form that they have here."""
    from onnxscript import FLOAT
    from onnxscript import opset18 as op

    def sort(x: Any, dim: int = -1, descending: bool = False) -> tuple[Any, Any]:
        """TopK keeps the order of what is equal, and takes numbers alone."""
        size = op.Gather(op.Shape(x), op.Constant(value_ints=[dim]))
        values, places = op.TopK(op.Cast(x, to=FLOAT.dtype), size, axis=dim, largest=int(descending), sorted=1)
        return op.CastLike(values, x), places

    def stable_sort(x: Any, stable: bool | None = None, dim: int = -1, descending: bool = False) -> tuple[Any, Any]:
        return sort(x, dim, descending)

    def attention(query: Any, key: Any, value: Any, mask: Any = None) -> Any:
        """Also for queries that all bags share; attention over nothing is zero."""
        *leading, n, c = range(len(key.shape))
        scores = op.MatMul(query, op.Transpose(key, perm=[*leading, c, n]))
        scores = op.Mul(scores, op.Constant(value_float=query.shape[-1] ** -0.5))
        if mask is None:
            return op.MatMul(op.Softmax(scores, axis=-1), value)
        weights = op.Softmax(op.Where(mask, scores, op.Constant(value_float=-inf)), axis=-1)
        return op.MatMul(op.Where(mask, weights, op.Constant(value_float=0.0)), value)

    aten = torch.ops.aten
    return {
        aten.sort.default: sort,
        aten.sort.stable: stable_sort,
        aten.scaled_dot_product_attention.default: attention,
    }
