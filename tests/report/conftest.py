"""A project with the committed results, of which a report can be made."""

from pathlib import Path

import pytest
from committed import check_out

from permset.report import images
from permset.store.tables import read_csv, write_csv

MEASURED_ON = {"invariance_bags": "200", "invariance_smallest": "2", "invariance_largest": "40"}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    check_out(tmp_path, "params.yaml", "results", "published/results/comparison.csv")
    monkeypatch.chdir(tmp_path)
    # Results that were committed before certificates said on what they were measured have no such columns.
    summary = tmp_path / "results/summary.csv"
    rows = [MEASURED_ON | row for row in read_csv(summary, "plot")]
    write_csv(summary, list(rows[0]), [list(row.values()) for row in rows])
    monkeypatch.setattr(images, "light", Path.read_bytes)  # which saves seconds for each page
    return tmp_path
