"""The bar of a study counts points and names the one for which it waits."""

import io
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from permset.studies.measure import Measurement
from stages import study as stage

POINTS = [
    SimpleNamespace(run="mlp", axis="model.widths", value=value, candidates=value) for value in ("[3]", "[5]", "[7]")
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Cache(dict[str, Any]):
    put = dict.__setitem__


class Measured:
    """Named as a measurement is, and done at once."""

    __str__ = Measurement.__str__

    def __init__(self, points: list[SimpleNamespace]):
        self.points = points

    def __call__(self) -> list[dict[str, Any]]:
        return [{"seeds": [], "curves": []} for _ in self.points]


@pytest.mark.parametrize("workers", [1, 2])
def test_the_bar_names_the_point_for_which_it_waits(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def pool(count: int, device: object, files: object) -> Iterator[Executor | None]:
        with ThreadPoolExecutor(count) as executor:
            yield executor if count > 1 else None

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stage, "load_params", lambda: SimpleNamespace(workers=workers, device="cpu"))
    monkeypatch.setattr(stage, "plan", lambda params, name: POINTS)
    monkeypatch.setattr(stage, "Cache", lambda: Cache({"[3]": {"seeds": [], "curves": []}}))
    monkeypatch.setattr(stage, "key_of", lambda point: point.value)
    monkeypatch.setattr(stage, "Measurement", Measured)
    monkeypatch.setattr(stage, "tasks_of", lambda points: [])
    monkeypatch.setattr(stage, "files_of", lambda params, tasks: [])
    monkeypatch.setattr(stage, "seed_workers", pool)
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    stage.study("widths")
    shown = terminal.getvalue().split("\r")
    assert any("widths: 1 of 3 points" in line and "mlp at widths = [5]" in line for line in shown), "one was known"
    assert "widths: 3 of 3 points" in shown[-1]
    assert "mlp" not in shown[-1], "nothing is waited for"
