"""Where the work is done: by processes on this machine, or by the workers of a Dask scheduler.

No parameter of a result: the environment may choose otherwise than params.yaml, and DVC does not ask.
"""

import os
import re
from typing import Any

from permset import PermsetError
from permset.config.constraints import MOST
from permset.config.mistakes import show

VARIABLE = "PERMSET_WORKERS"
"""of the environment, in place of `workers` in params.yaml"""
ADDRESS = re.compile(r"(tcp|tls)://\S+:\d+")


def check_workers(value: Any) -> int | str:
    """ValueError in one line for what is neither auto, nor a number of processes, nor an address."""
    is_number = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOST
    if is_number or value == "auto" or is_address(value):
        return value
    kinds = f"auto, a whole number from 1 to {MOST}, or the address of a Dask scheduler such as tcp://10.0.0.1:8786"
    raise ValueError(f"must be {kinds}, got {show(value)}")


def chosen_workers(workers: int | str) -> int | str:
    """Those of the environment where it names any; PermsetError in one line for what it may not say."""
    text = os.environ.get(VARIABLE)
    if text is None:
        return workers
    try:
        return check_workers(int(text) if text.isdecimal() else text)
    except ValueError as error:
        raise PermsetError(f"{VARIABLE} in the environment: {error}") from error


def is_address(value: Any) -> bool:
    return isinstance(value, str) and ADDRESS.fullmatch(value) is not None
