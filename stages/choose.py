"""choose: which run predicts, and all that predictions depend on but the file and the code → results/chosen/<name>.json

One file for each, since a run that is chosen by its results is a dependency that DVC cannot template.
"""

import hashlib
from pathlib import Path
from typing import Any

from permset.config.experiment import load_params
from permset.report.tables import chosen as best_of
from permset.store.files import keep_only
from permset.store.tables import read_csv, write_json
from stages import run

FOLDER = Path("results/chosen")


def choose() -> None:
    """The best of a task is the one in bold in its table; None where none of its runs has a result here."""
    params = load_params()
    summary = read_csv(Path("results/summary.csv"), "plot")
    for name, entry in params.predictions.items():
        predicts = entry.run or best_of([row for row in summary if row["task"] == entry.best])
        content: dict[str, Any] = {"run": predicts, "task": entry.best, "objects": entry.objects}
        if predicts is not None:
            task = params.run(predicts).task
            files = Path(f"models/{predicts}.pt"), Path(f"data/{task}.npz")
            hashes = {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
            content |= {"task": task, "source": params.task(task).model_dump(), "sha256": hashes}
            if entry.calibrated:
                content["calibrated"] = {"measure_sets": params.train.measure_sets}
        write_json(FOLDER / f"{name}.json", content)
    keep_only(FOLDER, [f"{name}.json" for name in params.predictions])


if __name__ == "__main__":
    run(choose)
