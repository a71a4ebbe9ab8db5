"""read@<file>: bags of one's own, checked, with their roles → data/<file>.npz"""

from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int8

from permset import PermsetError
from permset.config.data import CsvParams, FileParams
from permset.config.experiment import load_params
from permset.data.leaks import identical, leaks
from permset.data.splits import TRAINING, roles
from permset.reading.checks import FlatBags, too_large
from permset.reading.csv import read_csv_bags
from permset.reading.encoding import UNSEEN, Encoding, fit
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
        read_bags = partial(read_csv_bags, path, *columns, chosen.target, categories=chosen.categories)
    else:
        read_bags = partial(read_npz_bags, path, chosen.target)
    bags = read_bags(most_bytes=most, notes=notes, missing=chosen.missing)
    try:
        split = roles(bags.targets, chosen.split, bags.classes, bags.notes)
        copied = leaks(split, chosen.split, bags.notes, identical(bags.objects, bags.sizes), bags.names)
    except PermsetError as error:
        raise PermsetError(f"{path}: {error} (params.yaml: files.{name}.split)") from error
    encoding, values = _encoding(path, bags, split, chosen)
    objects = encoding.encode(values)
    arrays = {"objects": objects, "sizes": bags.sizes, "y": bags.targets.astype(np.float32), "roles": split}
    names = {"classes": bags.classes, "channels": encoding.channels, "targets": bags.outputs}
    arrays |= {kind: np.array(words, dtype=str) for kind, words in names.items()}
    if not encoding.plain:
        arrays["encoding"] = np.array(encoding.to_json())
    if copied.any():
        arrays["copied"] = copied
        what = f"{copied.sum():,} of {len(copied):,} bags have an identical one in another part of the split"
        print(f"{path}: {what}, which flatters scores; identical: refuse forbids it (params.yaml: files.{name}.split)")
    write_collection(Path(f"data/{name}.npz"), arrays)


def _encoding(
    path: Path, bags: FlatBags, split: Int8[np.ndarray, "rows sets"], chosen: FileParams
) -> tuple[Encoding, Float[np.ndarray, "objects columns"]]:
    """Fitted to the bags of training; PermsetError where channels of texts are too many."""
    try:
        encoding, values = fit(bags, chosen.missing, (split == TRAINING).any(0))
    except PermsetError as error:
        raise PermsetError(f"{path}: {error}") from error
    need, most = len(values) * len(encoding.channels) * values.itemsize, chosen.max_megabytes * 10**6
    if need > most:
        raise too_large(path, f"{len(encoding.channels)} channels", need, most)
    for column, given in zip(encoding.columns, values.T, strict=True):
        if column.categories is not None and (unseen := int((given == UNSEEN).sum())):
            what = f"{unseen:,} objects have a {column.name} that no bag of training has, and count as none of those"
            print(f"{path}: {what}")
    return encoding, values


if __name__ == "__main__":
    run(read, ["data/{}.npz"])
