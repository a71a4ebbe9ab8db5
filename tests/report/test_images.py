"""Figures in the page weigh less and look the same."""

import base64
import io
from pathlib import Path

import numpy as np
from committed import check_out
from PIL import Image

from permset.report.images import figure, light

PATH = "results/figures/loss_unit_sum.png"


def test_a_figure_weighs_two_thirds_at_most_and_looks_the_same(tmp_path: Path) -> None:
    check_out(tmp_path, PATH)
    path = tmp_path / PATH
    data = light(path)
    assert len(data) < path.stat().st_size * 2 / 3
    before, after = (np.asarray(Image.open(io.BytesIO(x)).convert("RGB"), float) for x in (path.read_bytes(), data))
    assert before.shape == after.shape
    assert abs(before - after).mean() < 1
    source = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    assert figure(path, "caption", "text") == (source, "caption", "text")
