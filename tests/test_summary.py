"""What `make repro` ends with fits a terminal, and `make ui` prints where the runs are."""

import re
from pathlib import Path

import pytest
from committed import ROOT, check_out

from stages.summary import summary


def test_the_table_of_the_committed_results_fits_a_hundred_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check_out(tmp_path, "results/summary.csv")
    monkeypatch.chdir(tmp_path)
    summary()
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    for row in (tmp_path / "results/summary.csv").read_text().splitlines()[1:]:
        run, task, *_ = row.split(",")
        assert any(line.startswith(task) for line in lines)
        [line] = [line for line in lines if line.split()[:1] == [run]]
        assert re.search(r"\d%.*  (not invariant|invariant|constant|approximate) under [SC][₀-₉]+$", line)
    assert "results/report.html" in lines[-1]
    assert "make ui" in lines[-1]


def test_the_pages_of_mlflow_are_those_that_make_ui_prints() -> None:
    """Their numbers are those of a new store: tests/tracking/test_mirror.py"""
    pages = [f"http://127.0.0.1:5000/#/experiments/{number}/runs" for number in (1, 2)]
    for file in ("Makefile", "README.md"):
        assert re.findall(r"http://127\.0\.0\.1:5000[\w/#]*", (ROOT / file).read_text()) == pages, file
