"""Results to be mirrored, and the runs that MLflow then holds."""

from dataclasses import asdict

import mlflow
import torch
from torch import nn

from permset.data.bags import Bags
from permset.reading.encoding import Column
from permset.tracking.models import log_network
from permset.tracking.served import Interface
from permset.tracking.store import EXPERIMENT, STUDIES, Result, digest


def result(name: str, **changes: object) -> Result:
    settings = {"params": {"a": 1}, "metrics": {"accuracy": 0.5}, "tags": {"run": name}, "files": []} | changes
    return Result(name=name, digest=digest({"name": name}, []), **settings)  # type: ignore[arg-type]


def interface(most: int | None = None, **changes: object) -> Interface:
    """Of a network on three channels that tells two classes apart, in bags of any size or of one."""
    columns = [asdict(Column(name)) for name in "uvw"]
    known = {
        "bag": "bag",
        "table": columns,
        "fills": False,
        "channels": ["u", "v", "w"],
        "fewest": most or 0,
        "most": most,
    }
    return Interface(**known | {"answers": ["no", "yes"], "classes": True} | changes)  # type: ignore[arg-type]


def log(network: nn.Module, interface: Interface, name: str = "one") -> None:
    """With an example of two bags."""
    example = torch.randn(2, interface.most or 5, len(interface.channels)).round()
    log_network(network, interface, Bags(example, torch.zeros(2, 1)), name)


def runs() -> list[mlflow.entities.Run]:
    return mlflow.search_runs(experiment_names=[EXPERIMENT, STUDIES], output_format="list")  # type: ignore[return-value]
