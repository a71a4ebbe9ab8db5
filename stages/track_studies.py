"""track_studies (studies/dvc.yaml): mirror the studies and the report into MLflow."""

from permset.config.experiment import load_params
from permset.tracking.results import study_results
from permset.tracking.store import mirror_new
from stages import run


def track_studies() -> None:
    mirror_new(list(study_results(load_params())))


if __name__ == "__main__":
    run(track_studies)
