import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from permset import Absent, PermsetError
from permset.store.arrays import read_bags, read_model, write_bags, write_model
from permset.store.files import is_present, keep_only, write, write_absent
from permset.store.tables import read_csv, read_history, read_json, write_csv, write_json

X, Y = np.zeros((4, 3, 2), np.float32), np.zeros((4, 1), np.float32)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_bags(tmp_path / "bags.npz", X + 1, Y)
    x, y = read_bags(tmp_path / "bags.npz")
    assert (x == 1).all()
    assert y.shape == (4, 1)
    write_model(tmp_path / "m.pt", {"task": "t"}, {"w": torch.ones(2, 3)}, 1, {"bag_kflop": 0.1})
    saved = read_model(tmp_path / "m.pt")
    assert saved["run"] == {"task": "t"}
    assert saved["best_seed"] == 1
    assert torch.equal(saved["state"]["w"], torch.ones(2, 3))
    write_csv(tmp_path / "h.csv", ["step", "seed", "loss"], [(0, 0, 0.5), (0, 1, 0.25), (1, 0, 1 / 3), (1, 1, 0.0)])
    np.testing.assert_allclose(read_history(tmp_path / "h.csv"), [[0.5, 0.25], [1 / 3, 0]], rtol=1e-5)
    assert read_csv(tmp_path / "h.csv", "train")[2] == {"step": "1", "seed": "0", "loss": "0.333333"}
    write_json(tmp_path / "m.json", {"a": {"b": 0.1}})
    assert read_json(tmp_path / "m.json", "evaluate") == {"a": {"b": 0.1}}


def test_a_model_file_has_the_same_bytes_whoever_writes_it(tmp_path: Path) -> None:
    sums = set()
    for folder in ("a", "b"):
        write_model(tmp_path / folder / "m.pt", {}, {"w": torch.arange(6.0)}, 0, {})
        sums.add(hashlib.md5((tmp_path / folder / "m.pt").read_bytes()).hexdigest())
    assert len(sums) == 1


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


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[:, :, 0], Y, r"x must have shape \(sets, n, channels\), got \(4, 3\)"),
        (X, Y[:3], r"y must have shape \(4, targets\), got \(3, 1\)"),
        (X + np.nan, Y, "not finite"),
    ],
)
def test_bags_of_a_wrong_shape_or_value_are_refused(tmp_path: Path, x: np.ndarray, y: np.ndarray, message: str) -> None:
    write_bags(tmp_path / "bags.npz", x, y)
    with pytest.raises(PermsetError, match=message):
        read_bags(tmp_path / "bags.npz")


def test_a_mask_goes_with_its_bags(tmp_path: Path) -> None:
    mask = np.arange(3) < np.array([[0], [1], [2], [3]])
    write_bags(tmp_path / "bags.npz", X, Y, mask)
    assert (read_bags(tmp_path / "bags.npz")[2] == mask).all()
    write_bags(tmp_path / "bags.npz", X, Y, mask[:, :2])
    with pytest.raises(PermsetError, match=r"mask must have shape \(4, 3\), got \(4, 2\)"):
        read_bags(tmp_path / "bags.npz")


def test_what_is_absent_says_so_to_whoever_reads_it(tmp_path: Path) -> None:
    for name, (read, _) in READERS.items():
        write_absent(tmp_path / name, "musk1: not fetched")
        assert not is_present(tmp_path / name)
        with pytest.raises(Absent, match=r"^musk1: not fetched$"):
            read(tmp_path / name)
    write_json(tmp_path / "mlp.json", {})
    assert is_present(tmp_path / "mlp.json")


def test_a_history_of_no_steps_is_empty(tmp_path: Path) -> None:
    write_csv(tmp_path / "svm.csv", ["step", "seed", "loss"], [])
    assert len(read_history(tmp_path / "svm.csv")) == 0


def test_arrays_have_the_same_bytes_at_any_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """np.savez stores what depends on the clock or on Python; whatever reads npz reads this too."""
    write_bags(tmp_path / "a.npz", X, Y)
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("time.localtime", lambda *_: (2033, 5, 18, 0, 0, 0, 0, 0, 0))
    write_bags(tmp_path / "b.npz", X, Y)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.npz") as archive:
        assert {(info.compress_type, info.date_time[0]) for info in archive.infolist()} == {(zipfile.ZIP_STORED, 1980)}
    with np.load(tmp_path / "a.npz") as arrays:
        np.testing.assert_array_equal(arrays["x"], X)
        np.testing.assert_array_equal(arrays["y"], Y)
