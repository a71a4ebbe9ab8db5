"""The pipeline's stages: read params, call permset, save. Run from the project's root as `python -m stages.<name>`."""

import hashlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from permset import Absent, PermsetError
from permset.portable import set_switches

set_switches()  # here, where every stage passes before it loads numpy and torch


# How long outputs took, under hashes of their content: never in a result, since results are the same everywhere.
SECONDS = Path(os.environ.get("DVC_ROOT", ""), ".cache/seconds")


def run(stage: Callable[..., None], outputs: Sequence[str] = ()) -> None:
    """Call a stage with the command line's arguments; a user's mistake ends it in one line and exit status 1.

    Where what it needs is absent, its outputs, in whose paths {} stands for the argument, say so in its place.
    """
    from permset.store.files import write_absent

    started = time.monotonic()
    try:
        stage(*sys.argv[1:])
        if outputs:
            note_seconds(Path(outputs[0].format(*sys.argv[1:])), time.monotonic() - started)
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


def note_seconds(output: Path, seconds: float) -> None:
    """For MLflow, the first time that this output was made; another one may have taken parts of it from a cache."""
    from permset.store.files import write

    note = SECONDS / hashlib.sha256(output.read_bytes()).hexdigest()
    if not note.exists():
        write(note, lambda path: path.write_text(f"{seconds:.3f}"))
