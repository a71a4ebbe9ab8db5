"""What an environment or a tool leaves in the folder is no part of the project."""

import subprocess
from pathlib import Path

import pytest
from clone import ROOT


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_an_environment_is_ignored(tmp_path: Path, kind: str) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_bytes((ROOT / ".gitignore").read_bytes())
    (tmp_path / "elsewhere").mkdir()
    if kind == "link":
        (tmp_path / ".venv").symlink_to("elsewhere")
    else:
        (tmp_path / ".venv").mkdir()
    assert subprocess.run(["git", "check-ignore", "-q", ".venv"], cwd=tmp_path, check=False).returncode == 0


@pytest.mark.parametrize("folder", [".", "published/elephant"])
def test_what_a_pipeline_fetches_and_computes_is_ignored(folder: str) -> None:
    paths = [f"{folder}/{path}" for path in ("fetched/a.csv", "data/a.npz", "models/a.pt", "results/summary.csv")]
    done = subprocess.run(["git", "check-ignore", *paths], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == paths[:-1]
