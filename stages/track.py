"""track: mirror the runs into MLflow, one MLflow run for each distinct result."""

from permset.config.experiment import load_params
from permset.tracking.results import run_results
from permset.tracking.store import holds_all
from stages import run


def track() -> None:
    results = list(run_results(load_params()))
    if not holds_all(results):
        from permset.tracking.mirror import mirror  # MLflow takes seconds to load.

        mirror(results)


if __name__ == "__main__":
    run(track)
