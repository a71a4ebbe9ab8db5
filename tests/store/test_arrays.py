"""Files of bags and models have the same bytes every time, and what is wrong in one is named."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from permset import PermsetError
from permset.store.arrays import read_bags, write_bags, write_model

X, Y = np.zeros((4, 3, 2), np.float32), np.zeros((4, 1), np.float32)


def test_a_model_file_has_the_same_bytes_whoever_writes_it(tmp_path: Path) -> None:
    sums = set()
    for folder in ("a", "b"):
        write_model(tmp_path / folder / "m.pt", {}, {"w": torch.arange(6.0)}, 0, {})
        sums.add(hashlib.md5((tmp_path / folder / "m.pt").read_bytes()).hexdigest())
    assert len(sums) == 1


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
