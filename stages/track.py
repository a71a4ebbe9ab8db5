"""track: mirror the runs into MLflow, one MLflow run for each distinct result."""

from permset.config.experiment import load_params
from permset.tracking.results import run_results
from permset.tracking.store import mirror_new
from stages import run


def track() -> None:
    mirror_new(list(run_results(load_params())))


if __name__ == "__main__":
    run(track)
