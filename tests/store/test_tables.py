"""Tables and JSON files are read as they were written."""

from pathlib import Path

import numpy as np
import torch

from permset.store.arrays import read_bags, read_model, write_bags, write_model
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


def test_a_history_of_no_steps_is_empty(tmp_path: Path) -> None:
    write_csv(tmp_path / "svm.csv", ["step", "seed", "loss"], [])
    assert len(read_history(tmp_path / "svm.csv")) == 0
