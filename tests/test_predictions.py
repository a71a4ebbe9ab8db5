"""The walk of the README from a file to predictions for new bags, word for word, in a clone."""

import csv
import json
import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from clone import ROOT, Project

from permset.store.tables import read_csv

PAGES = "README.md", "docs/bags.md"
OFFLINE = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}


def entries(page: str) -> dict[str, Any]:
    """What the page tells to write into params.yaml, from all of its YAML about baskets."""
    texts = re.findall(r"^( *)```yaml\n(.*?)^ *```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    written: dict[str, Any] = {}
    for indent, text in texts:
        written |= yaml.safe_load(re.sub(f"^{indent}", "", text, flags=re.MULTILINE))
    return written


def write_baskets(path: Path, count: int, label: bool = True, largest: int = 12) -> None:
    """Returned baskets have higher prices, and more shoes; one weight of ten is missing, and one kind of 20."""
    draws = np.random.default_rng(count)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["basket", *(["returned"] if label else []), "price", "weight", "kind"])
        for basket in range(count):
            returned = draws.random() < 0.5
            for _ in range(draws.integers(1, largest + 1)):
                price, weight = draws.gamma(2, 10 if returned else 7), f"{draws.gamma(2, 1):.2f}"
                kind = draws.choice(["food", "toy", "shoes"], p=[0.4, 0.2, 0.4] if returned else [0.5, 0.4, 0.1])
                kind = "sofa" if not label and draws.random() < 0.01 else kind
                weight, kind = weight if draws.random() < 0.9 else "", kind if draws.random() < 0.95 else ""
                writer.writerow([basket, *(["yes" if returned else "no"] * label), f"{price:.2f}", weight, kind])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("baskets"))
    write_baskets(project.root / "baskets.csv", 400)
    write_baskets(project.root / "march.csv", 300, label=False, largest=15)
    write_baskets(project.root / "april.csv", 200)
    project.params |= {"tasks": {}, "studies": {}} | entries("README.md")
    table = project.params["files"]["baskets"]
    project.params["files"]["musk1"] = table | {
        "path": "fetched/musk1.csv",
        "bag": "bag",
        "label": "label",
        "categories": [],
    }
    project.params["runs"]["musk"] = project.params["runs"]["baskets_deepset"] | {"task": "musk1"}
    project.params["predictions"] |= {
        "april": {"run": "baskets_deepset", "path": "april.csv", "objects": True},
        "unreachable": {"run": "musk", "path": "march.csv"},
        "unknown": {"best": "musk1", "path": "march.csv"},
    }
    project.write_params()
    project.commit()
    project.repro(**OFFLINE)
    project.commit()
    return project


def test_both_pages_walk_to_the_same_predictions() -> None:
    readme, bags = map(entries, PAGES)
    assert readme["predictions"] == bags["predictions"]
    assert readme["files"] == bags["files"]
    assert readme["runs"]["baskets_deepset"] == bags["runs"]["baskets_deepset"]


def test_the_walk_ends_with_a_row_for_each_new_bag(project: Project) -> None:
    rows = read_csv(project.root / "results/predictions/march.csv", "predict@march")
    assert [row["bag"] for row in rows] == [str(bag) for bag in range(300)]
    assert {row["predicted"] for row in rows} == {"no", "yes"}
    summary = json.loads((project.root / "results/predictions/march.json").read_text())["march"]
    assert summary["outside"] == sum(bool(row["outside"]) for row in rows)
    assert 10 < sum(row["outside"].startswith("objects 1") for row in rows) <= summary["outside"] < 150
    assert 3 < sum("kind unseen" in row["outside"] for row in rows) < 40
    scored = json.loads((project.root / "results/predictions/april.json").read_text())["april"]
    assert scored["labelled"] == 200
    assert 0.7 < scored["accuracy_low"] < scored["accuracy"]
    for text in ("bag", "predicted", "probability of ", "spread", "outside"):
        assert f"| `{text}" in (ROOT / "docs/bags.md").read_text()
        assert any(column.startswith(text) for column in rows[0])


def test_every_object_has_a_row_where_objects_are_asked_for(project: Project) -> None:
    rows = read_csv(project.root / "results/predictions/april_objects.csv", "predict@april")
    lines = (project.root / "april.csv").read_text().splitlines()
    assert [(row["bag"], int(row["row"])) for row in rows] == [
        (line.split(",")[0], i) for i, line in enumerate(lines[1:], 2)
    ]
    note = (project.root / "results/predictions/march_objects.csv").read_text()
    assert note.startswith("absent: not asked for; set predictions.march.objects")
    for text in ("bag", "row", "effect", "spread"):
        assert f"| `{text}`" in (ROOT / "docs/bags.md").read_text()
        assert text in rows[0]


def test_mlflow_and_the_page_have_them(project: Project) -> None:
    runs = {run.data.tags["run"]: run for run in project.tracked()}
    predictions = {name for name in runs if name.startswith("predict@")}
    assert predictions == {"predict@march", "predict@april"}, "none where nothing could be fetched"
    april = runs["predict@april"]
    assert april.data.metrics["bags"] == april.data.metrics["labelled"] == 200
    assert april.data.metrics["test/accuracy"] > 0.7
    assert april.data.tags["predicted_by"] == april.data.params["run"] == "baskets_deepset"
    used = "SELECT name FROM datasets JOIN inputs ON source_id = dataset_uuid WHERE destination_id = ?"
    with closing(sqlite3.connect(project.root / "mlflow.db")) as store:
        assert store.execute(used, (april.info.run_id,)).fetchall() == [("april.csv",)]
    artifacts = project.root / "mlruns" / april.info.run_id / "artifacts/results/predictions"
    assert sorted(path.name for path in artifacts.iterdir()) == ["april.csv", "april.json", "april_objects.csv"]
    page = (project.root / "results/report.html").read_text()
    assert '<h2 id="predictions">' in page
    assert '<a id="prediction-march" href="#prediction-march">' in page
    assert "unreachable" not in page
    assert "Objects that drive the predictions of april most" in page


def test_where_nothing_could_be_fetched_the_table_says_why(project: Project) -> None:
    for name, why in {"unreachable": "needs the package mil==", "unknown": "no run of musk1 has results here"}.items():
        for table in (f"{name}.csv", f"{name}_objects.csv"):
            assert why in (project.root / "results/predictions" / table).read_text()


def test_only_what_is_new_is_predicted(project: Project) -> None:
    """As the file changes, or the run that was named, or the section is emptied."""
    before = project.bytes_of("results/predictions/*.csv")
    march = project.root / "march.csv"
    kept = march.read_text()
    march.write_text(kept.replace("\n7,", "\n7000,"))
    output = project.run("dvc", "repro", "predict@march", "predict@april", **OFFLINE)
    assert set(re.findall(r"Running stage '(?:\S+:)?(\S+)'", output)) == {"check", "fetch", "predict@march"}
    march.write_text(kept)
    project.params["runs"]["other"] = project.params["runs"]["baskets_deepset"]
    predictions = project.params["predictions"]
    project.params["predictions"] = predictions | {"march": {"run": "other", "path": "march.csv"}}
    project.write_params()
    output = project.run("dvc", "repro", "predict@march", "predict@april", **OFFLINE)
    ran = set(re.findall(r"Running stage '(\S+)'", output))
    assert {"choose", "train@other", "predict@march"} <= ran
    assert "predict@april" not in ran
    assert project.bytes_of("results/predictions/*.csv") == before, "the same settings and seeds"
    del project.params["runs"]["other"]
    project.params["predictions"] = {}
    project.write_params()
    assert "predict@" not in project.repro(**OFFLINE)
    project.params["predictions"] = predictions
    project.write_params()


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            "basket,prize,weight,kind\n1,2,3,toy\n",
            "error: march.csv: line 1: no column 'price', as training had; there are",
        ),
        (
            "basket,price,weight,kind\n1,2,3,toy\n2,2,3,toy\n1,2,,toy\n",
            "error: march.csv: line 4: bag '1' has other rows, up to line 2",
        ),
        ("basket,price,weight,kind\n1,2,high,toy\n", "error: march.csv: line 2, column 'weight': must be a number"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(project: Project, table: str, expected: str) -> None:
    before = project.bytes_of("results/predictions/*")
    march = project.root / "march.csv"
    kept = march.read_text()
    march.write_text(table)
    (project.root / "results/chosen").mkdir(exist_ok=True)
    chosen = {"run": "baskets_deepset", "task": "baskets"}
    (project.root / "results/chosen/march.json").write_text(json.dumps(chosen))
    output = project.run(sys.executable, "-m", "stages.predict", "march", status=1)
    march.write_text(kept)
    [line] = output.splitlines()
    assert line.startswith(expected), line
    assert project.bytes_of("results/predictions/*") == before
