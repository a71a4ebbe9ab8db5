"""Networks as MLflow's models."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import mlflow
import pandas as pd
import torch
from mlflow.environment_variables import MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import AnyType
from torch import nn

from permset.config.data import CsvParams
from permset.config.experiment import Params
from permset.data.bags import Bags
from permset.data.targets import Binary, Classes, Mixture, Real, Target
from permset.data.tasks import Collected, Task
from permset.networks.build import is_exportable
from permset.reading.encoding import Column, Encoding, stored_encoding
from permset.store.arrays import read_model
from permset.tracking import served
from permset.tracking.costs import announced
from permset.tracking.graphs import graph_of
from permset.tracking.served import Interface
from permset.tracking.store import PACKAGE
from permset.training.run import open_run
from permset.training.stack import unstack

SERVED = "mlflow", "numpy", "pandas", "torch"
"""what permset.tracking.served needs"""
PICKLED = "jaxtyping", "pydantic", "sympy"
"""what permset's own code needs besides, where a network comes with it"""


def best_network(params: Params, name: str) -> tuple[nn.Module, Interface, Bags]:
    """The network of a run's best seed, what it takes and gives, and two bags as an example."""
    chosen, run = params.run(name), open_run(params, name)
    source = params.task(chosen.task)
    encoding = None if source.drawn else stored_encoding(Path(f"data/{chosen.task}.npz"))
    bag = source.bag if isinstance(source, CsvParams) else "bag"
    saved, example = read_model(Path(f"models/{name}.pt")), example_of(run.task)
    network = unstack(run.network(), saved["state"], saved["best_seed"])
    varying = example.mask is not None
    return network, interface_of(run.task, varying, chosen.takes_any_set_size, encoding, bag), example


def interface_of(
    task: Task, varying: bool, any_size: bool, encoding: Encoding | None = None, bag: str = "bag"
) -> Interface:
    """What a network takes and gives whose bags of training had varying sizes or one, and which may take any size.

    `encoding` and `bag` tell of the columns of the table that bags come from, if they do.
    """
    encoding = encoding or Encoding([Column(f"channel {i}") for i in range(task.channels)])
    return Interface(
        bag=bag,
        table=[asdict(column) for column in encoding.columns],
        fills=encoding.missing == "mean",
        channels=encoding.channels,
        fewest=0 if any_size or varying else task.set_size,
        most=None if any_size else task.set_size,
        answers=answers_of(task.target),
        classes=isinstance(task.target, Binary | Classes),
    )


def answers_of(target: Target) -> list[str]:
    """Names of the classes, or of the real numbers."""
    match target:
        case Binary(names):
            return list(names)
        case Classes(outputs, names):
            return list(names) or [f"class {i}" for i in range(outputs)]
        case Real(names=names):
            return list(names) or ["target"]
        case Mixture(components, channels):
            numbers = "logit", *(f"{kind} {i}" for kind in ("mean", "log deviation") for i in range(channels))
            return [f"{number} of component {k}" for k in range(components) for number in numbers]


def example_of(task: Task) -> Bags:
    """Two bags of a task; the smallest ones of a file that are not empty, which are the easiest to read."""
    match task:
        case Collected(split=split):
            sizes = split.collection.sizes
            order = sizes.argsort(stable=True)
            filled = order[sizes[order] > 0]
            return split.collection.bags(filled[:2] if len(filled) else order[:2])
        case drawn:
            return drawn.test_set()[:2]


def log_network(network: nn.Module, interface: Interface, example: Bags, name: str) -> None:
    """Log a network as a model of bags, for `mlflow.pyfunc.load_model` (see permset.tracking.served).

    It comes as a graph of tensor operations, which needs nothing but torch. A network whose work depends on the values
    in a bag has no such graph: it is pickled, together with this package's code.
    """
    with _quiet():
        # By itself MLflow would load each model once more, to try its example.
        parts = {"network": network.eval(), "interface": interface, "example": example, "validate_serving_input": False}
        Model.log(artifact_path=None, name=name, flavor=BagFlavor, **parts)


class BagFlavor:
    @staticmethod
    def save_model(
        path: str, mlflow_model: Model, network: nn.Module, interface: Interface, example: Bags, **_: Any
    ) -> None:
        """What MLflow calls to save a model."""
        exportable = is_exportable(network)
        needed = SERVED if exportable else (*SERVED, *PICKLED)
        with TemporaryDirectory() as folder:
            file = Path(folder, "network.pt2" if exportable else "network.pt")
            if exportable:
                torch.export.save(graph_of(network, interface), file)
            else:
                torch.save(announced(network), file)
            mlflow.pyfunc.save_model(
                path,
                mlflow_model=mlflow_model,
                python_model=served.__file__,
                artifacts={"network": str(file)},
                model_config=asdict(interface),
                input_example=frame_of(example, interface),
                signature=signature_of(interface),
                # Given, since inferring the requirements takes ten seconds.
                pip_requirements=[f"{package}=={version(package).partition('+')[0]}" for package in needed],
                code_paths=None if exportable else [str(PACKAGE)],
            )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without MLflow's lines for each model: that it checks an example, and how far it is in copying one file."""
    logger, shows = logging.getLogger("mlflow.pyfunc"), MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.get()
    level = logger.level
    logger.setLevel(logging.WARNING)
    MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.set(False)
    try:
        yield
    finally:
        logger.setLevel(level)
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR.set(shows)


def frame_of(bags: Bags, interface: Interface) -> pd.DataFrame:
    """One row for each object, and the number of its bag."""
    parts, encoding = [], Encoding([Column(**column) for column in interface.table])
    for i in range(len(bags)):
        part = pd.DataFrame(encoding.decode(bags.alone(i)[0].numpy()))
        part.insert(0, interface.bag, i)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def signature_of(interface: Interface) -> ModelSignature:
    """Of what it gives alone: MLflow has no word for what it takes, which is any of several forms."""
    columns = [ColSpec(AnyType(), "bag", required=False)]
    kinds = [DataType.string] * interface.classes + [DataType.double] * len(interface.answers)
    columns += [ColSpec(kind, name) for kind, name in zip(kinds, interface.columns, strict=True)]
    return ModelSignature(outputs=Schema(columns))
