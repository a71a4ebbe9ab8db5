"""The part of the page about predictions for new bags."""

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import yaml

from permset.store.files import write_absent
from permset.store.tables import write_csv, write_json
from stages.report import report

SUMMARY = {"run": "musk1_svm", "task": "musk1", "file": "march.csv", "networks": 50, "bags": 12345, "outside": 1200}


def predicted(project: Path, objects: bool = False, **summaries: dict[str, Any]) -> str:
    params = yaml.safe_load((project / "params.yaml").read_text())
    entry = {"run": "musk1_svm", "path": "march.csv", "objects": objects}
    params["predictions"] = dict.fromkeys(["gone", *summaries], entry)
    (project / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for name, summary in summaries.items():
        write_json(project / f"results/predictions/{name}.json", {name: SUMMARY | summary})
    write_absent(project / "results/predictions/gone.json", "not here")
    report()
    return unescape((project / "results/report.html").read_text())


def test_without_predictions_the_page_leaves_them_out(project: Path) -> None:
    assert "redictions" not in re.sub(r"<style>.*</style>", "", predicted(project), flags=re.DOTALL)


def test_each_has_a_row_with_its_counts(project: Path) -> None:
    page = predicted(project, march={"labelled": 0})
    cells = re.findall(r'<table id="table-predictions">.*?</table>', page, re.DOTALL)[0]
    assert re.findall(r">(12,345|1,200|0)</td>", cells) == ["12,345", "1,200", "0"]
    assert "score" not in cells
    assert '<a href="#predictions">Predictions</a>' in page
    assert "gone" not in cells


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ({"accuracy": 0.9, "accuracy_low": 0.85, "accuracy_high": 0.95}, "accuracy 90.00% (85.00% – 95.00%)"),
        ({"accuracy": 0.9, "accuracy_low": None, "accuracy_high": None}, "accuracy 90.00%"),
        ({"mae": 1234.5, "mae_low": 1000.0, "mae_high": 1500.0}, "MAE 1,230 (1,000 – 1,500)"),
    ],
)
def test_labels_are_scored_with_an_interval(project: Path, scores: dict[str, Any], expected: str) -> None:
    page = predicted(project, march={"labelled": 10} | scores, april={"labelled": 0})
    plain = page.replace("\u00a0", " ").replace("\u2060", "")
    assert f">{expected}</td>" in plain
    assert "<td></td>" in plain, "a file without labels has no score"


def test_bags_with_key_objects_are_a_picture(project: Path) -> None:
    folder = project / "results/predictions"
    write_csv(folder / "march.csv", ["bag", "predicted"], [["17", "yes"], ["18", "no"]])
    objects = [["17", 2, -0.25, 0.1], ["18", 3, 0.5, 0.1]]
    write_csv(folder / "march_objects.csv", ["bag", "row", "effect", "spread"], objects)
    page = predicted(project, objects=True, march={"labelled": 0})
    [alt] = re.findall(r'alt="(Effects of single objects[^"]*)"', page)
    assert "the largest: row 3 of bag 18 (predicted no, +0.5) and row 2 of bag 17 (predicted yes, -0.25)." in alt
    assert "Objects that drive the predictions of march most" in page
    assert "left out in turn" in page
    assert "left out in turn" not in predicted(project, march={"labelled": 0})
