"""Files of the pipeline: written whole or not at all, with one clear line where a file is missing or damaged."""

import json
import os
import pickle
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from permset import Absent, PermsetError

# How a file starts that stands for one that cannot be made here.
ABSENT = "absent: "
ABSENT_JSON = '{"absent": '  # DVC reads metrics as JSON


def write(path: Path, save: Callable[[Path], Any]) -> None:
    """Let `save` write to a neighbour of the same file name, then put that in place of `path` at once.

    torch.save stores the file's name, so the neighbour is a folder's difference, not a name's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = path.parent / f".{path.name}.{os.getpid()}"
    folder.mkdir()
    try:
        save(folder / path.name)
        (folder / path.name).replace(path)
    finally:
        (folder / path.name).unlink(missing_ok=True)
        folder.rmdir()


def keep_only(folder: Path, names: Iterable[str]) -> None:
    """Delete the files that an earlier state of params.yaml left in a folder; it is there, also if it is empty."""
    keep = set(names)
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in keep:
            path.unlink()


def write_absent(path: Path, note: object) -> None:
    """In place of a file that cannot be made here, the reason. Reading it raises Absent with this note."""
    text = json.dumps({"absent": str(note)}) if path.suffix == ".json" else f"{ABSENT}{note}"
    write(path, lambda p: p.write_text(f"{text}\n"))


def check_present(path: Path) -> None:
    """Raise Absent if the file says that it could not be made here."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        start = file.read(max(len(ABSENT), len(ABSENT_JSON)))
        if start.startswith(ABSENT.encode()):
            raise Absent((start + file.read()).decode().removeprefix(ABSENT).strip())
        if start.startswith(ABSENT_JSON.encode()):
            raise Absent(json.loads(start + file.read())["absent"])


def is_present(path: Path) -> bool:
    try:
        check_present(path)
    except Absent:
        return False
    return True


class intact:
    """Turn what goes wrong while reading a file into one line that names it and what makes it anew."""

    def __init__(self, path: Path, remedy: str):
        self.path, self.remedy = path, remedy

    def __enter__(self) -> None:
        if not self.path.is_file():
            raise PermsetError(f"{self.path}: missing; make it with: {self.remedy}")
        check_present(self.path)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        damage = (OSError, EOFError, KeyError, RuntimeError, ValueError, zipfile.BadZipFile, pickle.UnpicklingError)
        if isinstance(error, damage) and not isinstance(error, PermsetError):
            what = " ".join(str(error).split()) or type(error).__name__
            raise PermsetError(f"{self.path}: damaged ({what[:120]}); make it anew with: {self.remedy}") from error
