"""generate@<task>: the fixed test set, or all bags of a collection with their roles → data/<task>.npz"""

from pathlib import Path

import numpy as np

from permset.config.data import DigitsParams
from permset.config.experiment import load_params
from permset.data.splits import roles
from permset.data.tasks import build_task, digits
from permset.store.arrays import write_bags, write_collection
from stages import run


def generate(name: str) -> None:
    params = load_params().tasks[name]
    path = Path(f"data/{name}.npz")
    if isinstance(params, DigitsParams):
        objects, sizes, y = digits(params.threshold)
        classes = [str(label) for label in np.unique(y.astype(int))]
        split = roles(y, params.split, classes)
        names = {"classes": classes, "channels": ["row", "column", "intensity"], "targets": ["digit"]}
        arrays = {"objects": objects, "sizes": sizes, "y": y, "roles": split}
        write_collection(path, arrays | {kind: np.array(words) for kind, words in names.items()})
        return
    bags = build_task(params).test_set()
    write_bags(path, bags.x.numpy(), bags.y.numpy(), None if bags.mask is None else bags.mask.numpy())


if __name__ == "__main__":
    run(generate)
