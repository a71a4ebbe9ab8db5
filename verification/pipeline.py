"""`make verify`: the whole pipeline in a clone of HEAD, without any cache; does it give what is committed?

    python -m verification.pipeline              # runs and studies
    python -m verification.pipeline published    # that of published/, or published/elephant, published/subgroups

Every tracked file and every hash in each dvc.lock is compared. The exit status is 0 if none differs.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from permset.portable import machine

ROOT = Path(__file__).parent.parent
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def main(folder: str = ".") -> int:
    with tempfile.TemporaryDirectory() as place:
        clone = Path(place) / "permset"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        # Not the caches and the store of the project in which this was called.
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("DVC", "MLFLOW_T"))}
        pipelines = ["dvc.yaml", "studies/dvc.yaml"] if folder == "." else ["dvc.yaml"]
        command = ["dvc", "repro", "--force", *pipelines]
        status = subprocess.run(command, cwd=clone / folder, env=environment, check=False).returncode
        if status:
            print(f"error: {' '.join(command)} ended with status {status}")
            return status
        found = list(differences(clone))
        tracked = len(git(clone, "ls-files").decode().splitlines())
        commit = git(clone, "rev-parse", "--short", "HEAD").decode().strip()
    print(f"\ncommit {commit} on {', '.join(f'{key} {value}' for key, value in machine().items())}")
    print("\n".join(found) or f"All {tracked} tracked files and all hashes in dvc.lock files are those of the commit.")
    return 1 if found else 0


def differences(clone: Path) -> Iterator[str]:
    """A line for each file of the work tree, and each output in a dvc.lock, that is not as in HEAD."""
    for line in git(clone, "status", "--porcelain", "--untracked-files=all").decode().splitlines():
        name = line[3:]
        if line.startswith("??"):
            yield f"{name}: not in the commit"
            continue
        if not (clone / name).is_file():
            yield f"{name}: missing"
            continue
        before, after = git(clone, "show", f"HEAD:{name}"), (clone / name).read_bytes()
        if Path(name).name == "dvc.lock":
            yield from other_hashes(name, before.decode(), after.decode())
        else:
            yield f"{name}: {describe(before, after)}"


def other_hashes(name: str, before: str, after: str) -> Iterator[str]:
    old, new = hashes(before), hashes(after)
    changed = [key for key in old.keys() | new.keys() if old.get(key) != new.get(key)]
    for stage, kind, path in sorted(changed):
        yield f"{name}: {stage}: {kind} {path}: another hash"
    if not changed:
        yield f"{name}: the same hashes, written otherwise"


def hashes(lock: str) -> dict[tuple[str, str, str], str]:
    """By stage, `deps` or `outs`, and path."""
    return {
        (stage, kind, entry["path"]): entry["md5"]
        for stage, entries in yaml.safe_load(lock)["stages"].items()
        for kind in ("deps", "outs")
        for entry in entries.get(kind, [])
    }


def describe(before: bytes, after: bytes) -> str:
    """What is unlike: by how much, where only numbers are."""
    try:
        old, new = before.decode(), after.decode()
    except UnicodeDecodeError:
        return f"other bytes ({len(before)} and {len(after)} of them)"
    if NUMBER.sub("", old) != NUMBER.sub("", new):
        return "other words or another number of rows"
    pairs = [(float(a), float(b)) for a, b in zip(NUMBER.findall(old), NUMBER.findall(new), strict=True)]
    relative = [abs(a - b) / max(abs(a), abs(b)) for a, b in pairs if a != b]
    return f"{len(relative)} numbers differ, the largest relative difference is {max(relative, default=0):.1e}"


def git(clone: Path, *command: str) -> bytes:
    return subprocess.run(["git", *command], cwd=clone, capture_output=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
