"""read@<file>: bags of one's own, checked, with their roles → data/<file>.npz"""

from pathlib import Path

import numpy as np

from permset import PermsetError
from permset.config.data import CsvParams
from permset.config.experiment import load_params
from permset.data.leaks import identical, leaks
from permset.data.splits import roles
from permset.reading.csv import read_csv_bags
from permset.reading.npz import read_npz_bags
from permset.store.arrays import write_collection
from permset.store.files import check_present
from stages import run


def read(name: str) -> None:
    chosen = load_params().files[name]
    path, most, notes = Path(chosen.path), chosen.max_megabytes * 10**6, chosen.split.notes
    check_present(path)
    if isinstance(chosen, CsvParams):
        columns = chosen.bag, chosen.labels, chosen.features
        bags = read_csv_bags(path, *columns, chosen.target, most_bytes=most, notes=notes)
    else:
        bags = read_npz_bags(path, chosen.target, most_bytes=most, notes=notes)
    try:
        split = roles(bags.targets, chosen.split, bags.classes, bags.notes)
        copied = leaks(split, chosen.split, bags.notes, identical(bags.objects, bags.sizes), bags.names)
    except PermsetError as error:
        raise PermsetError(f"{path}: {error} (params.yaml: files.{name}.split)") from error
    arrays = {"objects": bags.objects, "sizes": bags.sizes, "y": bags.targets.astype(np.float32), "roles": split}
    names = {"classes": bags.classes, "channels": bags.channels, "targets": bags.outputs}
    arrays |= {kind: np.array(words, dtype=str) for kind, words in names.items()}
    if copied.any():
        arrays["copied"] = copied
        what = f"{copied.sum():,} of {len(copied):,} bags have an identical one in another part of the split"
        print(f"{path}: {what}, which flatters scores; identical: refuse forbids it (params.yaml: files.{name}.split)")
    write_collection(Path(f"data/{name}.npz"), arrays)


if __name__ == "__main__":
    run(read, ["data/{}.npz"])
