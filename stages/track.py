"""track: mirror what DVC holds into MLflow, an MLflow run for each distinct result."""

from permset.params import load_params
from permset.records import records
from permset.tracking import mirror
from stages import run


def track() -> None:
    mirror(list(records(load_params())))


if __name__ == "__main__":
    run(track)
