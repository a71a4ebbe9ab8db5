"""fetch: public data sets that are not ours to copy → fetched/<name>.csv"""

from pathlib import Path

from permset.config.experiment import load_params
from permset.reading.fetch import fetch as fetch_tables
from stages import run


def fetch() -> None:
    params = load_params()
    Path("fetched").mkdir(exist_ok=True)
    if params.fetched is not None:
        fetch_tables(params.fetched.package, params.fetched.folder, params.to_fetch)


if __name__ == "__main__":
    run(fetch)
