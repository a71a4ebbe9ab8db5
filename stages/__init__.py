"""The pipeline's stages: read params, call permset, save. Run from the project's root as `python -m stages.<name>`."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from permset import Absent, PermsetError
from permset.portable import set_switches

set_switches()  # here, where every stage passes before it loads numpy and torch


def run(stage: Callable[..., None], outputs: Sequence[str] = ()) -> None:
    """Call a stage with the command line's arguments; a user's mistake ends it in one line and exit status 1.

    Where what it needs is absent, its outputs, in whose paths {} stands for the argument, say so in its place.
    """
    from permset.store.files import write_absent

    try:
        stage(*sys.argv[1:])
    except Absent as note:
        if not outputs:
            sys.exit(f"error: {note}")
        for path in outputs:
            write_absent(Path(path.format(*sys.argv[1:])), note)
        print(note)
    except PermsetError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
