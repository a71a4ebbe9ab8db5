"""Files are written whole or not at all, and a missing or damaged one is named with its remedy."""

from pathlib import Path

import numpy as np
import pytest
import torch

from permset import Absent, PermsetError
from permset.store.arrays import read_bags, read_model, write_bags, write_model
from permset.store.files import is_present, keep_only, write, write_absent
from permset.store.tables import read_history, read_json, write_csv, write_json

X, Y = np.zeros((4, 3, 2), np.float32), np.zeros((4, 1), np.float32)


def test_a_write_that_fails_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write(path, lambda p: p.write_text("whole"))

    def fail(p: Path) -> None:
        p.write_text("ha")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(path, fail)
    assert path.read_text() == "whole"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_files_of_an_earlier_state_are_deleted(tmp_path: Path) -> None:
    for name in ("keep.png", "old.png"):
        (tmp_path / name).touch()
    keep_only(tmp_path, ["keep.png"])
    assert [p.name for p in tmp_path.iterdir()] == ["keep.png"]


READERS = {
    "unit_sum.npz": (read_bags, "generate@unit_sum"),
    "mlp.pt": (read_model, "train@mlp"),
    "mlp.csv": (read_history, "train@mlp"),
    "mlp.json": (lambda path: read_json(path, "evaluate@mlp"), "evaluate@mlp"),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "garbage"])
def test_a_file_that_is_missing_or_damaged_is_named_with_its_remedy(tmp_path: Path, name: str, damage: str) -> None:
    read, stage = READERS[name]
    path = tmp_path / name
    write_bags(tmp_path / "unit_sum.npz", X, Y)
    write_model(tmp_path / "mlp.pt", {}, {"w": torch.ones(50)}, 0, {})
    write_csv(tmp_path / "mlp.csv", ["step", "seed", "loss"], [(step, 0, 0.5) for step in range(9)])
    write_json(tmp_path / "mlp.json", {"mlp": {"accuracy": 1.0}})
    read(path)
    if damage == "missing":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[: -len(path.read_bytes()) // 3])
    else:
        path.write_bytes(b"\x80\x02garbage" * 30)
    with pytest.raises(PermsetError) as error:
        read(path)
    assert str(error.value).startswith(f"{path}: {'missing' if damage == 'missing' else 'damaged'}")
    assert str(error.value).endswith(f"dvc repro -f {stage}")
    assert len(str(error.value).splitlines()) == 1


def test_what_is_absent_says_so_to_whoever_reads_it(tmp_path: Path) -> None:
    for name, (read, _) in READERS.items():
        write_absent(tmp_path / name, "musk1: not fetched")
        assert not is_present(tmp_path / name)
        with pytest.raises(Absent, match=r"^musk1: not fetched$"):
            read(tmp_path / name)
    write_json(tmp_path / "mlp.json", {})
    assert is_present(tmp_path / "mlp.json")
