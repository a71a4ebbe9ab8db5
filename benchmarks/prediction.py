"""Predictions for a CSV file of a million bags of ten objects: peak memory and time, beside files of fewer.

    python -m benchmarks.prediction

The run is the one of the README: the ten networks of five folds, twice, of 400 baskets.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml

ROOT = Path(__file__).parent.parent
OBJECTS = 10
SIZES = 1_000, 100_000, 1_000_000
TRAINED_ON = 400
ENTRY = """
baskets:
  kind: csv
  path: baskets.csv
  bag: basket
  label: returned
  target: binary
  split: {kind: folds, folds: 5, repeats: 2, validation: 0.1, seed: 0}
"""
RUN = """
baskets_deepset:
  task: baskets
  model: {kind: deepset, element_widths: [64], element_activation: relu, pooling: [mean, max], set_widths: [32],
          set_activation: relu}
  train: {epochs: 50, batch_size: 32, learning_rate: 0.003, schedule: cosine, weight_decay: 0.01}
"""


def write_baskets(path: Path, count: int, labels: bool) -> None:
    """Prices of the second class are higher; a thousand baskets at a time."""
    draws = np.random.default_rng(count)
    with path.open("w") as file:
        file.write(f"basket,{'returned,' if labels else ''}price,weight\n")
        for start in range(0, count, 1000):
            returned = draws.random(1000) < 0.5
            numbers = draws.gamma(2.0, np.where(returned, 12.0, 8.0)[:, None, None], (1000, OBJECTS, 2))
            for i in range(min(1000, count - start)):
                label = ("yes," if returned[i] else "no,") if labels else ""
                file.writelines(f"{start + i},{label}{price:.2f},{weight:.2f}\n" for price, weight in numbers[i])


def stage(folder: Path, *command: str) -> tuple[float, float]:
    """Seconds and peak memory in MB of a stage."""
    start = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", f"stages.{command[0]}", *command[1:]], cwd=folder, env=environment
    )
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"error: {' '.join(command)} ended with status {os.waitstatus_to_exitcode(status)}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        params = yaml.safe_load((ROOT / "params.yaml").read_text())
        predictions = {f"of_{count}": {"run": "baskets_deepset", "path": f"{count}.csv"} for count in SIZES}
        params |= {"files": yaml.safe_load(ENTRY), "runs": yaml.safe_load(RUN), "predictions": predictions}
        (folder / "params.yaml").write_text(yaml.safe_dump(params | {"studies": {}, "fetched": None}))
        write_baskets(folder / "baskets.csv", TRAINED_ON, labels=True)
        for command in ("read baskets", "train baskets_deepset", "evaluate baskets_deepset", "plot", "choose"):
            stage(folder, *command.split())
        for count in SIZES:
            write_baskets(folder / f"{count}.csv", count, labels=False)
            seconds, megabytes = stage(folder, "predict", f"of_{count}")
            size = (folder / f"{count}.csv").stat().st_size / 1e6
            print(
                f"{count:,} bags of {OBJECTS} objects, {size:.0f} MB: {seconds:.0f} s, peak memory {megabytes:.0f} MB"
            )


if __name__ == "__main__":
    main()
