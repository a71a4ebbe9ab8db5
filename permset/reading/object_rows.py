"""Where each object of a file stands in it, in the order in which portions give the objects."""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from permset.config.kinds import LabelKind
from permset.reading.csv_mistakes import rows
from permset.reading.npz_portions import ROWS, _arrays


def csv_object_rows(path: Path, columns: Sequence[str]) -> Iterator[int]:
    """The line where each row begins, from 1, as an editor counts; the row of an empty bag is no object."""
    read = rows(path)
    _, header = next(read)
    places = [header.index(name) for name in columns]
    return (line for line, row in read if any(row[place] for place in places))


def npz_object_rows(path: Path, kind: LabelKind) -> Iterator[int]:
    """From 0, the place among all objects, or in arrays with padding the place within the bag."""
    with zipfile.ZipFile(path) as archive:
        arrays = _arrays(path, archive, kind)
        if "objects" in arrays:
            yield from range(arrays["objects"].shape[0])
            return
        sets, size = arrays["x"].shape[:2]
        step = max(1, ROWS // max(1, size))
        for start in range(0, sets, step):
            count = min(step, sets - start)
            mask = arrays["mask"].take(count) if "mask" in arrays else np.ones((count, size), bool)
            yield from mask.nonzero()[1].tolist()
