"""The README shows what the pipeline gave, and its code runs."""

import re
from pathlib import Path

import pytest
from committed import ROOT, check_out, committed

from permset.report.tables import markdown
from stages.readme import readme

ROW = {
    "run": "deepset",
    "task": "unit_sum",
    "model": "deepset",
    "num_params": "62",
    "training_gflop": "0.8",
    "bag_kflop": "0.7",
    "mae": "",
    "bayes_accuracy": "1.0",
    "regret": "0.0",
    "accuracy": "0.987654",
    "accuracy_low": "0.98",
    "accuracy_high": "0.99",
    "invariance_float64": "3e-16",
    "group": "S_10",
    "verdict": "invariant",
}


def test_the_committed_tables_are_those_of_the_committed_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_out(tmp_path, "README.md", "results/summary.csv", "published/results/comparison.csv")
    monkeypatch.chdir(tmp_path)
    readme()
    assert (tmp_path / "README.md").read_text() == committed("README.md"), "call `make readme` and commit"
    summary = tmp_path / "results/summary.csv"
    summary.write_text(summary.read_text().replace("invariant", "approximate"))
    readme()
    assert (tmp_path / "README.md").read_text() != committed("README.md"), "the control: other results, another table"


def test_the_table_follows_the_results() -> None:
    assert "| 98.77% (98.00% – 99.00%) |" in markdown([ROW])
    changed = ROW | {"accuracy": "0.123456", "accuracy_low": "", "accuracy_high": "", "verdict": "approximate"}
    assert "| 12.35% |" in markdown([changed])
    assert "| approximate under S₁₀ |" in markdown([changed])


def test_the_table_is_small() -> None:
    assert header(ROW) == "| run | accuracy (95% interval) | regret | verdict |"
    real = ROW | {"bayes_accuracy": "", "validation": "1.0", **dict.fromkeys(("mae", "mae_low", "mae_high"), "0.1")}
    assert header(real) == "| run | MAE (95% interval) | verdict |"


def header(row: dict[str, str]) -> str:
    return markdown([row]).splitlines()[2]


def test_its_figures_are_committed(tmp_path: Path) -> None:
    figures = re.findall(r"!\[.*?\]\((.*?)\)", (ROOT / "README.md").read_text())
    assert figures
    check_out(tmp_path, *figures)
    for figure in figures:
        assert (tmp_path / figure).is_file(), figure


def test_its_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    [code] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    exec(code.replace("steps=2000", "steps=300"), {})
    printed = capsys.readouterr().out
    assert printed.startswith("62\n")
    assert "\ninvariant " in printed
