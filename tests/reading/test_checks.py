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


@pytest.mark.parametrize("wrong", [1, 2, 43])
def test_of_many_rows_without_a_number_the_others_are_counted(tmp_path: Path, wrong: int) -> None:
    """Rows of a CSV, and bags of an .npz, of which one may have several such numbers."""
    x = np.ones((60, 2, 2))
    x[5 : 5 + wrong, :, 1] = np.nan
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(60) % 2)
    rows = [f"{i},{i % 2},1,{'nan' if 5 <= i < 5 + wrong else 1}\n" for i in range(60)]
    (tmp_path / "a.csv").write_text("bag,label,x,y\n" + "".join(rows))
    (tmp_path / "cut.csv").write_text("bag,label,x,y\n" + "".join(rows) + "broken,row\n7,1,nan,nan\n")
    for name, read, what in (("a.npz", read_npz, "bag"), ("a.csv", read_csv, "row"), ("cut.csv", read_csv, "row")):
        line = said(tmp_path / name, lambda path=tmp_path / name, read=read: read(path))
        assert line is not None
        more = {1: "", 2: f" (and 1 more {what})", 43: f" (and 42 more {what}s)"}[wrong]
        assert line.endswith(f"remove the {what}, or set missing: mean in params.yaml{more}")
        assert "bag 5 must" in line or "line 7, column 'y'" in line
