"""Finished points of studies, kept under hashes of all that they depend on."""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

from permset.portable import has_gpu, mode
from permset.store.tables import write_json

# In the real project, also inside the copy in which DVC runs a queued experiment.
FOLDER = Path(os.environ.get("DVC_ROOT", ""), ".cache/points")


class Cache:
    """JSON values by the digest of their parameters, for the code that is loaded now."""

    def __init__(self) -> None:
        total = hashlib.sha256(f"{torch.__version__} {mode()} {has_gpu()}".encode())
        for name, module in sorted(sys.modules.items()):
            if name.partition(".")[0] == "permset" and module.__file__:
                total.update(Path(module.__file__).read_bytes())
        self.code = total.hexdigest()

    def path(self, digest: str) -> Path:
        return FOLDER / f"{hashlib.sha256((self.code + digest).encode()).hexdigest()}.json"

    def get(self, digest: str) -> Any:
        """The value, or None where there is none or a damaged one."""
        try:
            return json.loads(self.path(digest).read_text())
        except (OSError, ValueError):
            return None

    def put(self, digest: str, value: Any) -> None:
        write_json(self.path(digest), value)
