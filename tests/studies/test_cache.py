"""Points are found again under the same parameters and the same code, and under no others."""

import sys
from importlib import reload
from pathlib import Path
from types import ModuleType

import pytest

from permset.studies import cache
from permset.studies.cache import Cache


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cache, "FOLDER", tmp_path / "points")
    return tmp_path


def test_what_was_put_is_found_under_its_digest_and_a_damaged_file_is_not() -> None:
    points = Cache()
    assert points.get("a") is None
    points.put("a", {"seeds": [[1, 0.5, None]]})
    assert points.get("a") == {"seeds": [[1, 0.5, None]]}
    assert points.get("b") is None
    points.path("a").write_text('{"seeds": [[1,')
    assert points.get("a") is None


def test_other_code_finds_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("permset.extra")
    module.__file__ = str(folder / "extra.py")
    other = ModuleType("elsewhere.extra")
    other.__file__ = str(folder / "elsewhere.py")
    for name, content in (("extra", "x = 1"), ("elsewhere", "x = 1")):
        (folder / f"{name}.py").write_text(content)
    before = Cache().path("a")
    monkeypatch.setitem(sys.modules, "elsewhere.extra", other)
    assert Cache().path("a") == before
    monkeypatch.setitem(sys.modules, "permset.extra", module)
    with_extra = Cache().path("a")
    (folder / "extra.py").write_text("x = 2")
    assert len({before, with_extra, Cache().path("a")}) == 3


def test_points_are_kept_in_the_project_also_where_dvc_runs_a_copy_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_ROOT", "/project")
    assert Path("/project/.cache/points") == reload(cache).FOLDER
    monkeypatch.delenv("DVC_ROOT")
    assert Path(".cache/points") == reload(cache).FOLDER
