"""What tests of a cluster let its workers do, in a module that workers can import."""

import os
import time
from pathlib import Path


def double(number: int) -> int:
    return 2 * number


def die() -> None:
    os._exit(1)


def read(name: str) -> tuple[str, str]:
    return Path(name).read_text(), str(Path.cwd())


def refuse() -> None:
    raise ValueError("refused on purpose")


def compute_for_ever(seen: str) -> None:
    """Note in a file every tenth of a second that it is still at work."""
    while True:
        Path(seen).write_text(str(time.time()))
        time.sleep(0.1)
