"""`python -m stages.worker tcp://…`: workers of a Dask scheduler, one for each core, in the mode of the pipeline."""

import sys
from pathlib import Path

from permset import PermsetError
from permset.config.workers import is_address
from permset.training.workers import cores, no_dask
from stages import run


def worker(address: str = "", count: str = "") -> None:
    """So many processes of one thread each. What they are sent they keep in .cache/workers."""
    if not is_address(address):
        raise PermsetError(f"expected the address of a Dask scheduler such as tcp://10.0.0.1:8786, got {address!r}")
    try:
        from distributed.cli.dask_worker import main
    except ImportError as error:
        raise no_dask() from error
    folder = Path(".cache/workers")
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--nthreads", "1", "--no-dashboard", "--local-directory", str(folder)]
    sys.exit(main([address, "--nworkers", count or str(cores()), *options], prog_name="python -m stages.worker"))


if __name__ == "__main__":
    run(worker)
