"""track_studies (studies/dvc.yaml): mirror the studies and the report into MLflow."""

from permset.config.experiment import load_params
from permset.tracking.results import study_results
from permset.tracking.store import holds_all
from stages import run


def track_studies() -> None:
    results = list(study_results(load_params()))
    if not holds_all(results):
        from permset.tracking.mirror import mirror  # MLflow takes seconds to load.

        mirror(results)


if __name__ == "__main__":
    run(track_studies)
