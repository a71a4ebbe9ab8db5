from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bag_files import read_csv, read_npz, said


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (["10", "9"], ["9", "10"]),
        (["yes", "no"], ["no", "yes"]),
        (["10", "9", "x"], ["10", "9", "x"]),
        (["1e1", "-2", "+3"], ["-2", "+3", "1e1"]),
        (["nan", "9"], ["9", "nan"]),
    ],
)
def test_classes_are_sorted_as_numbers_if_all_are(tmp_path: Path, labels: list[str], classes: list[str]) -> None:
    (tmp_path / "a.csv").write_text("bag,label,x\n" + "".join(f"{i},{label},1\n" for i, label in enumerate(labels)))
    np.savez(tmp_path / "a.npz", x=np.ones((len(labels), 1, 1)), y=np.array(labels))
    for bags in (read_csv(tmp_path / "a.csv", "classes"), read_npz(tmp_path / "a.npz", "classes")):
        assert bags.classes == classes
        assert (bags.channels, bags.outputs) in ((["x"], ["label"]), (["channel 0"], ["target 0"]))
        assert bags.targets[:, 0].tolist() == [classes.index(label) for label in labels]


@pytest.mark.parametrize("read", [read_csv, read_npz])
def test_a_file_that_is_none_is_told(tmp_path: Path, read: Any) -> None:
    for path in (tmp_path / "none", tmp_path):
        assert said(path, lambda path=path: read(path)) == "no such file; check its name"
