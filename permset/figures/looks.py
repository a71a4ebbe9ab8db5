"""Colour, dashes and marker of each run, the same in every figure and in MLflow; matplotlib is not needed for that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

# Okabe & Ito's colours, told apart by the colour-blind; without yellow, which is lost on white.
COLOURS = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000"]
DASHES = ["-", "--", ":", "-."]
MARKERS = ["o", "s", "^", "D"]

T = TypeVar("T")


@dataclass(frozen=True)
class Look:
    """How a run is drawn, the same in every figure."""

    colour: str
    dashes: str
    marker: str


def looks(runs: Sequence[T]) -> dict[T, Look]:
    """One colour per run, in their order; when colours are used up, they start again with other dashes and markers."""
    turns = [divmod(i, len(COLOURS)) for i in range(len(runs))]
    return {
        run: Look(COLOURS[colour], DASHES[turn % len(DASHES)], MARKERS[turn % len(MARKERS)])
        for run, (turn, colour) in zip(runs, turns, strict=True)
    }
