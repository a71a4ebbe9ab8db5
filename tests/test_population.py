"""What the stage says of each method on each statistic, from what the studies measured."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from committed import ROOT

from permset.config.experiment import load_params
from permset.data.tasks import build_task
from permset.store.tables import read_csv
from permset.studies.plan import plan
from stages.population import population

FOLDER = ROOT / "published/population"


def test_each_method_learns_each_statistic_from_all_numbers_of_bags() -> None:
    params = load_params(FOLDER / "params.yaml")
    assert list(params.studies) == list(params.tasks) == ["rotation", "correlation", "rank_one", "random"]
    for name in params.studies:
        points = [(point.run, int(point.value)) for point in plan(params, name)]
        assert points == [(method, 2**i) for method in ("deepset", "svm") for i in range(7, 13)]
        [task] = {point.tested.run(point.run).task for point in plan(params, name)}
        assert task == name


def test_there_is_a_row_for_each_point_and_for_what_needs_no_bags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = yaml.safe_load((FOLDER / "params.yaml").read_text())
    small = {"set_sizes": [40, 60], "test_sets": 200}
    chosen["tasks"] = {name: task | small for name, task in chosen["tasks"].items()}
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(yaml.safe_dump(chosen, sort_keys=False))
    Path("results/studies").mkdir(parents=True)
    lines = "run,value,seed,loss\ndeepset,128,0,0.3\ndeepset,128,1,0.1\ndeepset,256,0,0.2\nsvm,128,0,0.4\n"
    for name in chosen["tasks"]:
        Path(f"results/studies/{name}.csv").write_text(lines)
    population()
    rows = read_csv(Path("results/population.csv"), "population")
    assert len(rows) == 20
    task = build_task(load_params("params.yaml").tasks["correlation"])  # type: ignore[arg-type]
    test = task.test_set()
    constant, estimate, first, second, machine = rows[5:10]
    variance = float(test.y.double().var(correction=0))
    assert float(constant["error"]) == pytest.approx(variance)
    assert float(constant["r2"]) == pytest.approx(0)
    squares = np.square(task.estimate(test).numpy() - test.y[:, 0].double().numpy())  # type: ignore[union-attr]
    assert float(estimate["error"]) == pytest.approx(squares.mean())
    half = 1.972 * squares.std(ddof=1) / np.sqrt(200)
    assert float(estimate["error_high"]) == pytest.approx(squares.mean() + half, rel=1e-3)
    assert (first["task"], first["method"], first["bags"]) == ("correlation", "deepset", "128")
    assert float(first["error"]) == pytest.approx(0.2)
    assert float(first["error_low"]) == 0, "no error is negative"
    assert float(first["error_high"]) == pytest.approx(0.2 + 12.706 * 0.1, rel=1e-3)
    assert float(first["r2"]) == pytest.approx(1 - 0.2 / variance)
    assert (second["bags"], second["error_low"], machine["method"]) == ("256", "nan", "svm")
    assert Path("results/population/population.png").is_file()
