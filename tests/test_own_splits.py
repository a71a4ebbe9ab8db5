"""Splits of one's own, from a file to scores: what a leaking split promises and a grouped one does not."""

import csv
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from permset import PermsetError
from permset.config.experiment import load_params
from permset.data.splits import TEST
from permset.training.run import open_run
from stages.read import read

DATA = yaml.safe_load((Path(__file__).parents[1] / "params.yaml").read_text())
FOLDS = {"kind": "folds", "folds": 4, "repeats": 2, "validation": 0.2, "seed": 0}
COLUMN = {"kind": "column", "column": "part"}
SVM = {"kind": "svm", "statistics": ["mean"], "penalty": 10}
Row = dict[str, Any]


def visits(shops: int = 80, times: int = 6) -> list[Row]:
    """A row an object: visits to shops, of three baskets each. All of a shop look alike, and its label is a coin's."""
    draws = np.random.default_rng(0)
    rows = []
    for shop in range(shops):
        looks = draws.normal(size=6)
        for time in range(times):
            part = "test" if time == 0 else "validation" if time == 1 else "train"
            said = {"visit": f"{shop}.{time}", "shop": f"shop {shop}", "sold": ["no", "yes"][shop % 2], "part": part}
            for basket in looks + 0.2 * draws.normal(size=(3, 6)):
                rows.append(said | {f"x{i}": number for i, number in enumerate(basket.round(3))})
    return rows


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(rows: list[Row], split: dict[str, Any], npz: bool = False) -> None:
    """visits.csv or visits.npz, and the params.yaml that describes it."""
    file = {"kind": "npz", "path": "visits.npz", "target": "binary", "split": split}
    if npz:
        objects = np.array([[row[f"x{i}"] for i in range(6)] for row in rows])
        firsts = [row for i, row in enumerate(rows) if i == 0 or row["visit"] != rows[i - 1]["visit"]]
        sizes = [sum(row["visit"] == first["visit"] for row in rows) for first in firsts]
        notes = {name: [first[name] for first in firsts] for name in ("shop", "part")}
        np.savez("visits.npz", objects=objects, sizes=sizes, y=[first["sold"] for first in firsts], **notes)
    else:
        file |= {"kind": "csv", "path": "visits.csv", "bag": "visit", "label": "sold"}
        file |= {"features": [f"x{i}" for i in range(6)]}
        with Path("visits.csv").open("w", newline="") as table:
            writer = csv.DictWriter(table, [*rows[0]])
            writer.writeheader()
            writer.writerows(rows)
    runs = {"svm": {"task": "visits", "model": SVM}}
    params = DATA | {"tasks": {}, "files": {"visits": file}, "runs": runs, "studies": {}, "seeds": 2}
    Path("params.yaml").write_text(yaml.safe_dump(params))


def accuracy() -> float:
    """Mean accuracy over folds, or seeds, of a support-vector machine on what `read` has made."""
    read("visits")
    run = open_run(load_params(), "svm")
    tested = run.tested(run.build(), run.train().state)
    return float(np.mean([((outputs > 0) == (labels > 0)).double().mean() for outputs, labels in tested]))


def test_a_leaking_split_scores_high_and_the_grouped_one_at_chance() -> None:
    """There is nothing to learn but which shop has which label; a new shop's is a coin's."""
    for split in (FOLDS, COLUMN):
        write(visits(), split)
        assert accuracy() > 0.9, "the control: visits to one shop on both sides"
    write(visits(), FOLDS | {"group": "shop"})
    assert abs(accuracy() - 0.5) < 0.1


def roles_of(rows: list[Row], split: dict[str, Any], npz: bool = False) -> dict[str, list[int]]:
    """What `read` makes of each visit, by its name."""
    write(rows, split, npz)
    read("visits")
    visits = list(dict.fromkeys(row["visit"] for row in rows))
    with np.load("data/visits.npz") as arrays:
        return dict(zip(visits, arrays["roles"].T.tolist(), strict=True))


@pytest.mark.parametrize("split", [COLUMN, FOLDS | {"group": "shop"}, COLUMN | {"group": "shop"}])
def test_the_order_of_rows_and_the_kind_of_file_change_no_role(split: dict[str, Any]) -> None:
    rows = visits(shops=8, times=3)
    if split == COLUMN | {"group": "shop"}:
        for row in rows:
            row["part"] = ["train", "train", "validation", "test"][int(row["shop"][-1]) // 2]
    roles = roles_of(rows, split)
    shuffled = random.Random(0).sample(rows, len(rows))
    assert list(roles_of(shuffled, split)) != list(roles)
    assert roles_of(shuffled, split) == roles
    assert roles_of(rows, split, npz=True) == roles


def test_rows_within_bags_change_nothing_by_bag_either() -> None:
    """There, roles go by the order in which bags come."""
    rows = visits(shops=8, times=3)
    order = sorted(range(len(rows)), key=lambda i: i % 3)  # all first baskets, all second ones, all third ones
    assert roles_of([rows[i] for i in order], FOLDS) == roles_of(rows, FOLDS)


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    return lines[0]


def test_identical_bags_across_parts_are_counted_said_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    rows = visits(shops=8, times=3)
    write(rows, COLUMN)
    read("visits")
    assert capsys.readouterr().out == ""
    with np.load("data/visits.npz") as arrays:
        assert "copied" not in arrays
    twin = [row | {"visit": "twin", "part": "test"} for row in rows[6:9][::-1]]  # of visit 0.2, for training
    write([*rows, *twin], COLUMN)
    read("visits")
    assert one_line(capsys) == (
        "visits.csv: 2 of 25 bags have an identical one in another part of the split, which flatters scores; "
        "identical: refuse forbids it (params.yaml: files.visits.split)"
    )
    with np.load("data/visits.npz") as arrays:
        assert arrays["copied"].nonzero()[0].tolist() == [2, 24]
        assert arrays["roles"][0, 24] == TEST
    assert open_run(load_params(), "svm").task.set_size == 3
    write([*rows, *twin], COLUMN | {"identical": "refuse"})
    with pytest.raises(
        PermsetError, match=r"^visits\.csv: identical bags must be in one part of the split, got bag '0\.2'"
    ):
        read("visits")
    write([*rows, *(row | {"part": "train"} for row in twin)], COLUMN | {"identical": "refuse"})
    read("visits")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (
            COLUMN | {"group": "shop"},
            r"'shop 0' in column 'shop' must be in one part of the split, got bag '0\.0' in test",
        ),
        (FOLDS | {"group": "shop", "folds": 9}, "there are 8 groups, and each of the 9 folds needs one; give more, or"),
        (
            {"kind": "column", "column": "shop"},
            "line 2, column 'shop': must be one of train, validation, test, got 'shop 0'",
        ),
        (FOLDS | {"group": "town"}, "line 1: no column 'town'; there are 10, "),
        (FOLDS | {"group": "x0"}, "column 'x0' must be used once, as bag, label, feature, split or group"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(split: dict[str, Any], message: str) -> None:
    write(visits(shops=8, times=3), split)
    with pytest.raises(PermsetError, match=f"^visits.csv: {message}") as error:
        read("visits")
    assert len(str(error.value).splitlines()) == 1
    assert str(error.value).endswith(" (params.yaml: files.visits.split)") or "column" in message
    assert not Path("data/visits.npz").exists()
