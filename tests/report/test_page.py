"""The page, from the results that are committed."""

import re
from html import unescape
from pathlib import Path

import pytest
import yaml
from committed import check_out, committed

from permset.config.experiment import Params
from permset.figures.styles import LABELS
from permset.report.page import QUESTIONS
from permset.store.tables import read_csv, write_csv
from stages.report import report

PARAMS = Params.model_validate(yaml.safe_load(committed("params.yaml")))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    check_out(tmp_path, "params.yaml", "results")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def page(project: Path) -> str:
    report()
    return unescape((project / "results/report.html").read_text())


def answers(text: str) -> dict[str, str]:
    return dict(re.findall(r'<h3 id="(\w+)">.*?<p class="answer">(.*?)</p>', text, re.DOTALL))


def test_every_question_has_its_answer_its_figure_and_its_command(project: Path) -> None:
    text = page(project)
    assert sorted(answers(text)) == sorted(PARAMS.studies)
    for name, entry in yaml.safe_load(QUESTIONS.read_text()).items():
        assert name in PARAMS.studies
        assert entry["question"] in text
        assert entry["explanation"].strip()[:50] in text
        assert f"dvc exp run studies/dvc.yaml -S 'studies.{name}." in text
    figures = len(PARAMS.studies) + sum(study.curves for study in PARAMS.studies.values()) + 4 * len(PARAMS.sources)
    assert text.count("data:image/png;base64,") == figures
    assert not re.search(r"(src|href)=\"(?!data:|#)", text), "it needs no other file and no network"
    assert all(run in text for run in PARAMS.runs)


def test_an_answer_follows_its_table_alone(project: Path) -> None:
    before = answers(page(project))
    for name in ("mlp_capacity", "sample_efficiency", "averaging_samples"):
        table = project / f"results/studies/{name}.csv"
        kept = table.read_text()
        rows = [row | {"accuracy": "0.5", "regret": "0.5", "invariance": "0.5"} for row in read_csv(table, "study")]
        write_csv(table, list(rows[0]), [list(row.values()) for row in rows])
        after = answers(page(project))
        assert {study for study in after if after[study] != before[study]} == {name}
        table.write_text(kept)
    assert answers(page(project)) == before


def test_the_capacity_answer_is_that_of_the_table(project: Path) -> None:
    """By another way than the code's: the first network, by size, with 15 of 16 seeds near the DeepSet."""
    rows = read_csv(project / "results/studies/mlp_capacity.csv", "study")
    near: dict[int, int] = {}
    for row in rows:
        near[int(row["num_params"])] = near.get(int(row["num_params"]), 0) + (float(row["accuracy"]) >= 0.999)
    enough = [size for size, seeds in sorted(near.items()) if seeds >= 15]
    answer = answers(page(project))["mlp_capacity"]
    assert (f"has {enough[0]:,} parameters" in answer) if enough else answer.startswith("None")


def test_every_column_that_a_study_can_show_has_a_label() -> None:
    assert {column for study in PARAMS.studies.values() for column in study.show} <= set(LABELS)
