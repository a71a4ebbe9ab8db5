"""Results to be mirrored, and the runs that MLflow then holds."""

import mlflow

from permset.tracking.store import EXPERIMENT, STUDIES, Result, digest


def result(name: str, **changes: object) -> Result:
    settings = {"params": {"a": 1}, "metrics": {"accuracy": 0.5}, "tags": {"run": name}, "files": []} | changes
    return Result(name=name, digest=digest({"name": name}, []), **settings)  # type: ignore[arg-type]


def runs() -> list[mlflow.entities.Run]:
    return mlflow.search_runs(experiment_names=[EXPERIMENT, STUDIES], output_format="list")  # type: ignore[return-value]
