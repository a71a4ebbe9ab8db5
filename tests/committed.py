"""What is committed, whatever lies in the work tree, where the pipeline may have left other results."""

import io
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).parent.parent


def committed(path: str) -> str:
    """Text of a file in HEAD."""
    return subprocess.run(["git", "show", f"HEAD:{path}"], cwd=ROOT, capture_output=True, check=True).stdout.decode()


def check_out(folder: Path, *paths: str) -> None:
    """Files and folders of HEAD, into another folder."""
    command = ["git", "archive", "--format=tar", "HEAD", *paths]
    archive = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder)  # Its own files; a filter is known to Python 3.11 from 3.11.4 on only.
