"""The checks of `make verify` and `make verify-cpus` find what differs; what they run is for them alone."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from clone import ROOT

from permset.config.experiment import load_params
from verification import processors
from verification.pipeline import describe, differences, other_hashes
from verification.processors import HOST, PROCESSORS, compare

LOCK = {
    "train@a": {"cmd": "c", "deps": [{"path": "d", "md5": "1"}], "outs": [{"path": "m.pt", "md5": "2"}]},
    "plot": {"cmd": "c", "outs": [{"path": "f", "md5": "3"}]},
}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    for name, content in {"a.csv": "run,loss\nmlp,0.5\nset,-2e-3\n", "b.png": "png", "dvc.lock": lock()}.items():
        (tmp_path / name).write_text(content)
    for command in ("init -q", "add -A", "-c user.name=t -c user.email=t@t commit -qm state"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True)
    assert list(differences(tmp_path)) == []
    return tmp_path


def lock(digest: str = "2") -> str:
    stages = LOCK | {"train@a": LOCK["train@a"] | {"outs": [{"path": "m.pt", "md5": digest}]}}
    return yaml.safe_dump({"schema": "2.0", "stages": stages})


def test_every_file_that_differs_is_named(clone: Path) -> None:
    (clone / "a.csv").write_text("run,loss\nmlp,0.5005\nset,-2e-3\n")
    (clone / "b.png").unlink()
    (clone / "c.txt").write_text("new")
    (clone / "dvc.lock").write_text(lock("4"))
    assert sorted(differences(clone)) == [
        "a.csv: 1 numbers differ, the largest relative difference is 1.0e-03",
        "b.png: missing",
        "c.txt: not in the commit",
        "dvc.lock: train@a: outs m.pt: another hash",
    ]


def test_how_files_differ() -> None:
    assert describe(b"x 1.0 y -3", b"x 1.0 y 3") == "1 numbers differ, the largest relative difference is 2.0e+00"
    assert describe(b"1\n2\n", b"1\n2\n3\n") == "other words or another number of rows"
    assert describe(b"invariant 1", b"approximate 1") == "other words or another number of rows"
    assert describe(b"\x89PNG", b"\x89PNG\xff") == "other bytes (4 and 5 of them)"


def test_a_stage_that_is_gone_and_another_order_of_stages_are_told() -> None:
    [line] = other_hashes("dvc.lock", lock(), yaml.safe_dump({"stages": {"train@a": LOCK["train@a"]}}))
    assert line == "dvc.lock: plot: outs f: another hash"
    assert list(other_hashes("dvc.lock", lock(), lock() + "\n")) == ["dvc.lock: the same hashes, written otherwise"]


def test_results_that_differ_between_processors_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    one, other = {"a": "1", "b": "2"}, {"a": "1", "b": "3", "c": "4"}
    assert compare({HOST: one, "EPYC": one, "Haswell": one}) == []
    capsys.readouterr()
    assert compare({HOST: one, "EPYC": other, "Haswell": one}) == ["b", "c"]
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == [*HOST.split(), "EPYC", "Haswell", "result"]
    assert [row.endswith("← differs") for row in rows] == [False, True, True]


@pytest.mark.parametrize(
    ("portable", "control", "status"), [("same", "other", 0), ("other", "other", 1), ("same", "same", 1)]
)
def test_the_status_says_whether_all_is_well(
    monkeypatch: pytest.MonkeyPatch, portable: str, control: str, status: int
) -> None:
    """Which also needs a control that can fail."""

    def digests(part: str, processor: str, switches: bool) -> dict[str, str]:
        kind = portable if switches else control
        return {"exp": processor if kind == "other" else "0"}

    monkeypatch.setattr(processors, "digests", digests)
    monkeypatch.setattr(processors.shutil, "which", lambda name: name)
    assert processors.main() == status


def test_without_an_emulator_it_is_told_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(processors.shutil, "which", lambda name: None)
    assert processors.main() == 2
    assert "apt-get install qemu-user" in capsys.readouterr().out
    assert set(PROCESSORS) == {HOST, "EPYC", "Haswell"}


def test_the_pipeline_in_small_has_every_kind_of_everything() -> None:
    """Of what the schema of params.yaml can name."""
    params = load_params(ROOT / "verification/params.yaml")
    text = yaml.safe_dump({name: run.model_dump() for name, run in params.runs.items()})
    entries = (ROOT / "permset/config/networks.py").read_text()
    words = (ROOT / "permset/config/kinds.py").read_text()
    kinds = set(re.findall(r'^    kind: Literal\["(\w+)"\]', entries, re.MULTILINE)) - {"generated"}
    assert {f"kind: {kind}" for kind in kinds} <= set(re.findall(r"kind: \w+", text))
    for literal in ("Activation", "PoolingKind"):
        [values] = re.findall(rf"^{literal} = Literal\[(.*)\]", words, re.MULTILINE)
        assert all(value in text for value in re.findall(r'"(\w+)"', values)), literal
    used = {run.task for run in params.runs.values()}
    assert used == set(params.sources)
