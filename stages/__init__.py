"""The pipeline's stages: read params, call permset, save. Run from the project's root as `python -m stages.<name>`."""

import sys
from collections.abc import Callable

from permset import PermsetError


def run(stage: Callable[..., None]) -> None:
    """Call a stage with the command line's arguments; a user's mistake ends it in one line and exit status 1."""
    try:
        stage(*sys.argv[1:])
    except PermsetError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
