"""The README shows what the pipeline gave, and its code runs."""

import re
import shutil
from pathlib import Path

import pytest

from permset.files import read_csv
from permset.tables import markdown
from stages.readme import readme

ROOT = Path(__file__).parent.parent


def test_the_table_is_that_of_the_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / "README.md", tmp_path)
    monkeypatch.chdir(ROOT)
    readme(str(tmp_path / "README.md"))
    assert (tmp_path / "README.md").read_text() == (ROOT / "README.md").read_text(), "call `make readme`"


def test_the_table_follows_the_results() -> None:
    [row, *_] = read_csv(ROOT / "results/summary.csv", "plot")
    changed = row | {"accuracy": "0.123456", "accuracy_low": "", "verdict": "approximate"}
    assert "| 12.35% |" in markdown([changed])
    assert "| approximate under S_10 |" in markdown([changed])
    assert markdown([row]) != markdown([changed])


def test_its_figures_exist() -> None:
    for figure in re.findall(r"!\[.*?\]\((.*?)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / figure).is_file(), figure


def test_its_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    [code] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    exec(code.replace("steps=2000", "steps=300"), {})
    printed = capsys.readouterr().out
    assert printed.startswith("62\n")
    assert "\ninvariant " in printed
