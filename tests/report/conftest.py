"""A project with the committed results, of which a report can be made."""

from pathlib import Path

import pytest
from committed import check_out

from permset.report import images


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    papers = "comparison.csv", "mil_tests.csv", "mil_tests"
    check_out(tmp_path, "params.yaml", "results", *(f"published/results/{name}" for name in papers))
    check_out(tmp_path, *(f"published/subgroups/results/{name}" for name in ("subgroups.csv", "subgroups")))
    for name in ("clustering", "population"):
        check_out(tmp_path, f"published/{name}/results/{name}.csv", f"published/{name}/results/{name}")
    check_out(tmp_path, "published/elephant/results/elephant.csv")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(images, "light", Path.read_bytes)  # which saves seconds for each page
    return tmp_path
