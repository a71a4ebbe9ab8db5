"""The README and docs/ show what the pipeline gave, their code runs, and their links lead somewhere."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from committed import ROOT, check_out, committed
from torch import Tensor, nn

from permset.report.tables import markdown
from stages.compare import compare
from stages.readme import readme

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
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
    papers = {
        "published/results/comparison": "0.1355",
        "published/results/mil_tests": "pass",
        "published/elephant/results/elephant": "0.862",
        "published/clustering/results/clustering": "-1.4726",
        "published/population/results/population": "0.989628",
        "published/subgroups/results/subgroups": "0.5",
    }
    tables = ("results/summary.csv", "invariant"), *((f"{name}.csv", cell) for name, cell in papers.items())
    pages = "README.md", "docs/published.md"
    check_out(tmp_path, *pages, "results/comparisons.csv", *(path for path, _ in tables))
    monkeypatch.chdir(tmp_path)
    readme()
    for page in pages:
        assert Path(page).read_text() == committed(page), "call `make readme` and commit"
    for path, cell in tables:
        Path(path).write_text(Path(path).read_text().replace(cell, "9.87"))
    readme()
    for page in pages:
        assert Path(page).read_text() != committed(page), "the control: other results, another table"


def test_numbers_of_papers_are_put_beside_those_of_the_committed_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_out(tmp_path, "published/paper.yaml", "published/results/summary.csv")
    monkeypatch.chdir(tmp_path / "published")
    compare()
    assert Path("results/comparison.csv").read_text() == committed("published/results/comparison.csv")


def test_its_first_table_has_a_row_for_each_verdict() -> None:
    table = committed("README.md").split("<!-- headline -->")[1].split("<!-- end of headline -->")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| `")]
    verdicts = [row[-1].split(" under")[0] for row in rows]
    assert verdicts == ["invariant", "approximate", "not invariant"]


def test_its_tables_are_narrow() -> None:
    """The full ones are in the report: GitHub shows 100 characters or so, and hides the verdicts of a wider table."""
    lines = markdown([ROW | {"validation": "", "balanced_accuracy": "1", "auc": "1"}]).splitlines()
    assert lines[2] == "| run | accuracy (95% interval) | regret | verdict |"
    assert max(map(len, lines)) < 100


def test_the_table_follows_the_results() -> None:
    assert "| 98.77% (98.00% – 99.00%) |" in markdown([ROW])


def test_the_table_says_what_there_is_to_beat_and_who_does_not() -> None:
    text = markdown([ROW | {"majority": "0.5", "warning": ""}, ROW | {"run": "mlp", "warning": "it is no better"}])
    assert text.startswith("**`unit_sum`**, Bayes accuracy 100.00%, always the largest class 50.00%:\n")
    assert text.endswith("|\n\nWarning: mlp: it is no better.\n")


def test_the_table_of_several_targets_has_each_in_its_own_units() -> None:
    real = {"mae": "0.5", "mae_low": "0.4", "mae_high": "0.6", "rmse": "0.7", "r2": "0.1", "validation": "0.5"}
    one = ROW | real | {"bayes_accuracy": ""}
    assert "| MAE (95% interval) |" in markdown([one])
    several = markdown([one | {"targets": "mass: MAE 3, RMSE 4; energy: MAE 1, RMSE 2"}])
    assert "| MAE in deviations (95% interval) |" in several
    assert "| mass: MAE 3, RMSE 4; energy: MAE 1, RMSE 2 |" in several
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
    for page in PAGES:
        text = page.read_text()
        figures = re.findall(r"!\[.*?\]\((.*?)\)", text) + re.findall(r'src="(.*?)"', text)
        paths = [os.path.relpath(page.parent / figure, ROOT) for figure in figures]
        if page.name in ("README.md", "figures.md"):
            assert paths
        check_out(tmp_path, "README.md", *paths)
        for path in paths:
            assert (tmp_path / path).is_file(), path


def test_its_links_lead_somewhere() -> None:
    links = [(page, link) for page in PAGES for link in re.findall(r"(?<!!)\[[^\[\]]*\]\((.*?)\)", page.read_text())]
    assert {"README.md", "published.md"} <= {page.name for page, _ in links}
    for page, link in links:
        path, _, heading = link.partition("#")
        target = page.parent / path if path else page
        assert target.is_file(), f"{page}: {link}"
        headings = re.findall(r"^#+ (.*)", target.read_text(), re.MULTILINE)
        known = [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in headings]
        assert not heading or heading in known, f"{page}: {link}"


def test_it_names_every_document() -> None:
    named = re.findall(r"\((docs/.*?\.md)\)", (ROOT / "README.md").read_text().split("## Read on")[1])
    assert sorted(named) == sorted(str(page.relative_to(ROOT)) for page in PAGES[1:])


def test_its_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    [code] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/library.md").read_text(), re.DOTALL)
    exec(code.replace("steps=2000", "steps=300"), {})
    printed = capsys.readouterr().out
    assert printed.startswith("62\n")
    assert "\ninvariant " in printed
    assert printed.endswith("[1.0, 0.5]\n")


def test_its_classifier_learns_and_can_be_searched_for(capsys: pytest.CaptureFixture[str]) -> None:
    [code] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(code.strip().splitlines()) <= 8
    names: dict[str, Any] = {}
    exec(code, names)
    assert float(capsys.readouterr().out.split()[0]) > 0.8
    [search, *_] = re.findall(r"```py\n(.*?)```", (ROOT / "docs/library.md").read_text(), re.DOTALL)
    exec(search.replace("epochs=20", "epochs=2"), names)
    assert capsys.readouterr().out.startswith("{'model': {'kind': ")


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.recurrent, self.out = nn.GRU(2, 4, batch_first=True), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.recurrent(x)[0][:, -1])


@pytest.mark.parametrize(
    "my_network", [nn.Sequential(nn.Flatten(), nn.Linear(20, 8), nn.Tanh(), nn.Linear(8, 3)), Recurrent()]
)
def test_its_wrapper_takes_a_network_of_ones_own(my_network: nn.Module) -> None:
    [_, code, _] = re.findall(r"```py\n(.*?)```", (ROOT / "docs/library.md").read_text(), re.DOTALL)
    names: dict[str, Any] = {"my_network": my_network}
    exec(code, names)
    x = torch.randn(5, 10, 2)
    torch.testing.assert_close(names["network"](x.roll(1, 1)), names["network"](x))
    assert not torch.allclose(my_network(x.roll(1, 1)), my_network(x)), "the control"
