"""What tests of both readers of bags share: bags to write into a file, and what a reader may say of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from permset import PermsetError
from permset.reading.checks import FlatBags
from permset.reading.csv import read_csv_bags
from permset.reading.npz import read_npz_bags

MOST = 10**8
KINDS = st.sampled_from(["binary", "classes", "real"])


def read_csv(path: Path, kind: Any = "binary", **settings: Any) -> FlatBags:
    given = {"bag": "bag", "labels": ["label"], "features": None, "most_bytes": MOST} | settings
    return read_csv_bags(path, kind=kind, **given)


def read_npz(path: Path, kind: Any = "binary", most_bytes: int = MOST, **settings: Any) -> FlatBags:
    return read_npz_bags(path, kind, most_bytes=most_bytes, **settings)


def said(path: Path, read: Callable[[], FlatBags], missing: bool = False) -> str | None:
    """The one line about a mistake, after the path, or None where there is none; any other exception gets through.

    Objects have no NaN, unless they may lack numbers.
    """
    try:
        bags = read()
    except PermsetError as error:
        message = str(error)
    else:
        assert bags.sizes.sum() == len(bags.objects) > 0
        assert len(bags.sizes) == len(bags.targets) == len(bags.names)
        assert all(len(texts) == len(bags.names) for texts in bags.notes.values())
        assert (len(bags.channels), len(bags.outputs)) == (bags.objects.shape[1], bags.targets.shape[1])
        assert (np.isfinite(bags.objects) | (np.isnan(bags.objects) & missing)).all()
        assert np.isfinite(bags.targets).all()
        return None
    assert len(message.splitlines()) == 1
    assert len(message) < 600
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def same_bags(bags: FlatBags, expected: list[tuple[np.ndarray, Any]], kind: str) -> None:
    assert bags.sizes.tolist() == [len(objects) for objects, _ in expected]
    assert bags.objects.dtype == np.float32
    for got, (objects, _) in zip(np.split(bags.objects, np.cumsum(bags.sizes)[:-1]), expected, strict=True):
        assert np.array_equal(got, objects)
    labels = [label for _, label in expected]
    if kind == "real":
        assert bags.targets.tolist() == [list(label) for label in labels]
    else:
        assert [bags.classes[int(index)] for index in bags.targets[:, 0]] == labels


@st.composite
def some_bags(draw: st.DrawFn) -> tuple[str, list[tuple[np.ndarray, Any]]]:
    """A kind of target, and bags with their labels, of which the first has an object and all classes occur."""
    kind, channels, outputs = draw(KINDS), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    numbers = st.floats(-(2.0**100), 2.0**100, width=32)
    sizes = draw(st.lists(st.integers(0, 8), min_size=3, max_size=6))
    sizes[0] += 1
    if kind == "real":
        labels = draw(st.lists(st.tuples(*[numbers] * outputs), min_size=len(sizes), max_size=len(sizes)))
    else:
        classes = draw(
            st.lists(
                st.sampled_from(["no", 'a "b", c', "é\n☃", "10", "9", "-1.5"]),
                min_size=2,
                max_size=2 if kind == "binary" else 3,
                unique=True,
            )
        )
        labels = [classes[i % len(classes)] for i in range(len(sizes))]
    bags = [
        np.array(draw(st.lists(numbers, min_size=n * channels, max_size=n * channels)), np.float32).reshape(n, channels)
        for n in sizes
    ]
    return kind, list(zip(bags, labels, strict=True))


def mutated(good: bytes, alphabet: bytes) -> st.SearchStrategy[bytes]:
    """Content with a few stretches replaced, which also cuts it or makes it longer."""
    piece = st.binary(max_size=3) | st.lists(st.sampled_from(alphabet), max_size=3).map(bytes)
    cut = st.tuples(st.integers(0, len(good)), st.integers(0, 4), piece)

    def change(cuts: list[tuple[int, int, bytes]]) -> bytes:
        content = good
        for start, length, new in cuts:
            content = content[:start] + new + content[start + length :]
        return content

    return st.lists(cut, min_size=1, max_size=4).map(change)
