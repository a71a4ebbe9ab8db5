"""Colour, dashes and marker of each run, the same in every figure and in MLflow; matplotlib is not needed for that."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from permset.figures.names import Entry, kind_of

# One colour per kind of method. Each has a contrast of at least 3 with white, and any two differ by at least 0.1 in
# Oklab for people who see all colours as well as for those without one kind of cone (Machado et al. 2009).
COLOURS = {
    "deepset": "#164887",
    "attention": "#357EFF",
    "equivariant": "#287872",
    "canonical": "#EB6300",
    "average": "#A82513",
    "augmentation": "#B848BE",
    "svm": "#939393",
    "plain": "#000000",
}
# Their numbers have no common divisor, so that the first twenty runs of one method all look different.
DASHES = ["-", "--", ":", "-."]
MARKERS = ["o", "s", "^", "D", "v"]


@dataclass(frozen=True)
class Look:
    """How a run is drawn, the same in every figure."""

    colour: str
    dashes: str
    marker: str


def looks(entries: Mapping[str, Entry], known: Mapping[str, Look] | None = None) -> dict[str, Look]:
    """The look of each run: its method's colour, and dashes and a marker that other runs of this method do not have.

    Runs that are known keep their looks, which no other run gets.
    """
    known = known or {}
    free = {colour: (look for look in _of_colour(colour) if look not in known.values()) for colour in COLOURS.values()}
    return {run: known.get(run) or next(free[COLOURS[kind_of(entry)]]) for run, entry in entries.items()}


def _of_colour(colour: str) -> Iterator[Look]:
    return (Look(colour, DASHES[i % len(DASHES)], MARKERS[i % len(MARKERS)]) for i in count())
