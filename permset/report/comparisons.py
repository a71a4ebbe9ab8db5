"""What every two runs of a task are to each other: for sentences, and as a matrix for people to read."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from permset.evaluation.comparisons import SURE, Chances, both_ways
from permset.report.tables import Row, score_of, three_digits

Pairs = Mapping[tuple[str, str], Chances]
"""the first run against the second"""


class Cell(NamedTuple):
    verdict: str
    chance: str
    """of the verdict, or of the likeliest one where none is certain enough"""


class Matrix(NamedTuple):
    reading: str
    runs: Sequence[str]
    rows: Sequence[Sequence[Cell | None]]
    """a run against each; None against itself"""


def pairs_of(rows: Sequence[Row]) -> Pairs:
    """The rows of results/comparisons.csv."""
    return both_ways(
        {(row["run"], row["other"]): Chances(*(float(row[key]) for key in Chances._fields)) for row in rows}
    )


def matrix(rows: Sequence[Row], comparisons: Sequence[Row]) -> Matrix | None:
    """Of the runs of a task in summary.csv; None where there is nothing to compare."""
    runs = [row["run"] for row in rows]
    if len(runs) < 2:
        return None
    pairs = pairs_of(comparisons)
    [region] = {row["region"] for row in comparisons if row["run"] in runs}
    score = score_of(rows[0])
    of_what = _points(region) if score.column == "accuracy" else f"{three_digits(region)} in {score.name}"
    reading = (
        "Each row compares its run with that of each column. It is better or worse if they differ by more than "
        f"{of_what}, and equal if by no more; below is the probability of that, at least {SURE:.2f}. Where none of the "
        "three is as probable, it is undecided, and the most probable of them is named."
    )
    cells = [[None if run == other else _cell(pairs[run, other]) for other in runs] for run in runs]
    return Matrix(reading, runs, cells)


def _points(region: str) -> str:
    points = 100 * float(region)
    return f"{points:g} {'percentage point' if points == 1 else 'percentage points'} of accuracy"


def _cell(chances: Chances) -> Cell:
    chance, likeliest = max((chance, name) for name, chance in chances._asdict().items())
    return Cell(chances.verdict, f"{chance:.3f}" if chances.verdict != "undecided" else f"{likeliest} {chance:.3f}")
