"""Networks as MLflow's models."""

from importlib.metadata import version

import mlflow
import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec
from torch import Tensor, nn

from permset.data.bags import Bags
from permset.data.tasks import Collected, Task
from permset.networks.build import is_exportable
from permset.tracking.store import PACKAGE


class Masked(nn.Module):
    """A network that insists on a mask beside the bags: without one, padding would silently count as objects."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.network(x, mask.bool())  # in an exported graph this refuses other masks, or makes them one


def example_of(task: Task) -> Bags:
    """Two bags of a task, padded to the size of its largest."""
    match task:
        case Collected(split=split):
            return split.collection.bags(split.collection.sizes.argsort(stable=True)[-2:], task.set_size)
        case drawn:
            return drawn.test_set()[:2]


def log_network(network: nn.Module, example: Bags, any_set_size: bool, name: str) -> None:
    """Log a network so that `mlflow.pytorch.load_model` gives back one for any batch and, if so, any set size.

    It takes x, or x and mask where the example has a mask; at least two bags are needed, and two objects in each for
    any set size. MLflow exports the network's graph, in which the axes that the signature calls −1 stay free; the model
    then needs nothing but torch to run. A network whose work depends on the values in a bag has no such graph: it is
    pickled, together with this package's code.
    """
    _, set_size, channels = example.x.shape
    shape = -1, -1 if any_set_size else set_size
    float32 = np.dtype(np.float32)
    taken: nn.Module
    inputs: np.ndarray | list[np.ndarray]
    if example.mask is None:
        taken, inputs, specs = network, example.x.numpy(), [TensorSpec(float32, (*shape, channels))]
    else:
        taken, inputs = Masked(network), [example.x.numpy(), example.mask.numpy()]
        specs = [TensorSpec(float32, (*shape, channels), "x"), TensorSpec(np.dtype(bool), shape, "mask")]
    outputs = TensorSpec(float32, (-1, network(**example.inputs).shape[-1]))
    exportable = is_exportable(network)
    mlflow.pytorch.log_model(
        taken,
        name=name,
        input_example=inputs,
        signature=ModelSignature(inputs=Schema(specs), outputs=Schema([outputs])),
        # Given, since inferring the requirements takes ten seconds.
        pip_requirements=[f"torch=={version('torch').partition('+')[0]}"],
        code_paths=None if exportable else [str(PACKAGE)],
        serialization_format="pt2" if exportable else "pickle",
    )
