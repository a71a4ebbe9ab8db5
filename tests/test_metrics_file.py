"""DVC's tables of scores are narrow enough to be read."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from committed import ROOT, check_out

from stages.plot import write_metrics


def committed_rows(folder: Path) -> list[dict[str, Any]]:
    check_out(folder, "results/evaluate")
    paths = sorted((folder / "results/evaluate").iterdir())
    return [{"run": path.stem} | json.loads(path.read_text())[path.stem] for path in paths]


def test_a_file_has_the_score_of_its_run_and_files_of_other_runs_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [
        {"run": "mlp", "score": "accuracy", "accuracy": 0.99961234, "regret": -0.0},
        {"run": "largest", "score": "mae", "mae": 0.000123456},
    ]
    write_metrics([*rows, {"run": "former", "score": "mae", "mae": 1.0}])
    write_metrics(rows)
    read = {path.stem: json.loads(path.read_text()) for path in Path("results/metrics").iterdir()}
    assert read == {"mlp": {"accuracy": 0.9996}, "largest": {"mae": 0.0001235}}


def test_dvc_shows_the_committed_scores_in_a_row_for_each_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = committed_rows(tmp_path)
    monkeypatch.chdir(tmp_path)
    write_metrics(rows)
    dvc = shutil.which("dvc", path=str(Path(sys.executable).parent))
    subprocess.run([dvc, "init", "-q", "--no-scm"], check=True)
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"metrics": ["results/metrics"]}))
    shown = subprocess.run([dvc, "metrics", "show"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert shown[0].split() == ["Path", "accuracy"]
    assert len(shown) == 1 + len(rows)
    assert max(map(len, shown)) <= 100


@pytest.mark.parametrize(
    "pipeline",
    ["dvc.yaml", "studies/dvc.yaml", *(f"published/{name}dvc.yaml" for name in ("", "elephant/", "subgroups/"))],
)
def test_no_other_files_are_metrics(pipeline: str) -> None:
    stages = yaml.safe_load((ROOT / pipeline).read_text())["stages"]
    metrics = {name: stage.get("do", stage).get("metrics", []) for name, stage in stages.items()}
    expected = [] if pipeline != "dvc.yaml" else [{"results/metrics": {"cache": False}}]
    assert metrics.pop("plot", []) == expected
    assert not any(metrics.values())
