"""Artifacts, files in the folder mlruns beside MLflow's database, which knows them by absolute paths."""

import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import unquote, urlparse

import yaml

from permset import PermsetError

# Where MLflow's database has paths of artifacts.
PATHS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "storage_location"),
)


@contextmanager
def database(store: Path, mode: str = "ro") -> Iterator[sqlite3.Connection]:
    """The file of the store; what is written is kept if all of it succeeds."""
    with closing(sqlite3.connect(f"{store.as_uri()}?mode={mode}", uri=True)) as connection, connection:
        yield connection


def check_store(store: Path) -> None:
    """PermsetError if the database is damaged; none at all, or an empty file, is one to be filled."""
    if not store.is_file():
        return
    try:
        with database(store) as connection:
            [found] = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        found = str(error)
    if found != "ok":
        raise PermsetError(f"{store}: damaged; delete it, and the next `dvc repro` fills it again ({found})")


def former_place(connection: sqlite3.Connection, experiment: str, here: Path) -> str | None:
    """The folder of artifacts of another project, from which this store was copied; None if it was not.

    Only folders like the one that permset makes count: an experiment may have its artifacts elsewhere on purpose.
    """
    row = connection.execute("SELECT artifact_location FROM experiments WHERE name = ?", (experiment,)).fetchone()
    copied = row is not None and re.fullmatch(rf"file://.*/{here.name}", row[0]) and row[0] != here.as_uri()
    return row[0] if copied else None


def move_here(store: Path, experiment: str, here: Path) -> None:
    """Let the store of a copied project name the artifacts of its own folder, and not those of the original."""
    with database(store, "rw") as connection:
        there = former_place(connection, experiment, here)
        if there is None:
            return
        old_folder = unquote(urlparse(there).path)
        for old, new in ((there, here.as_uri()), (old_folder, str(here))):
            for table, column in PATHS:
                connection.execute(
                    f"UPDATE {table} SET {column} = :new || substr({column}, length(:old) + 1) "
                    f"WHERE {column} = :old OR substr({column}, 1, length(:old) + 1) = :old || '/'",
                    {"old": old, "new": new},
                )
    print(f"{store}: copied from {Path(old_folder).parent}; from now on it logs into this folder, {here}")


def record(here: Path, run: str) -> None:
    """Note that permset made this run: of the folders in mlruns, which others use as well, only such may be removed."""
    here.mkdir(exist_ok=True)
    with _record(here).open("a") as file:
        file.write(f"\n{run}\n")  # on a line alone, also after one that was cut off


def remove_unknown(store: Path, here: Path) -> None:
    """Remove the artifacts that a deleted store has left: of runs made by permset that this store does not know."""
    if not _record(here).is_file():
        return
    made = set(re.findall(r"^[0-9a-f]{32}$", _record(here).read_text(), re.MULTILINE))
    with database(store) as connection:
        known = {run for (run,) in connection.execute("SELECT run_uuid FROM runs")}
    gone = made - known
    if not gone:
        return
    for description in here.glob("models/m-*/artifacts/MLmodel"):
        if yaml.safe_load(description.read_text())["run_id"] in gone:
            shutil.rmtree(description.parents[1])
    for run in gone:
        shutil.rmtree(here / run, ignore_errors=True)
    _record(here).write_text("".join(f"{run}\n" for run in sorted(made & known)))


def _record(here: Path) -> Path:
    return here / "made_by_permset.txt"
