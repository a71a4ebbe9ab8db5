"""Pairs of runs both ways, and their matrix, from a table of each pair once."""

import pytest

from permset.report.comparisons import Cell, matrix, pairs_of


def pair(run: str, other: str, *chances: str, region: str = "0.01") -> dict[str, str]:
    return {
        "run": run,
        "other": other,
        "region": region,
        **dict(zip(("worse", "equal", "better"), chances, strict=True)),
    }


RUNS = [{"run": run, "mae": ""} for run in "abc"]
TABLE = [
    pair("a", "b", "0", "0.04", "0.96"),
    pair("a", "c", "0.3", "0.6", "0.1"),
    pair("b", "c", "0", "0.998", "0.002"),
]


def test_of_each_pair_the_table_has_it_is_known_both_ways() -> None:
    pairs = pairs_of(TABLE)
    assert (pairs["a", "b"].verdict, pairs["b", "a"].verdict) == ("better", "worse")
    assert (pairs["a", "c"].verdict, pairs["c", "b"].verdict) == ("undecided", "equal")
    assert len(pairs) == 6


def test_a_cell_has_the_verdict_and_its_chance_or_the_likeliest_one() -> None:
    found = matrix(RUNS, [*TABLE, pair("x", "y", "0", "0", "1", region="5")])
    assert found is not None
    assert found.runs == ["a", "b", "c"]
    assert found.rows == [
        [None, Cell("better", "0.960"), Cell("undecided", "equal 0.600")],
        [Cell("worse", "0.960"), None, Cell("equal", "0.998")],
        [Cell("undecided", "equal 0.600"), Cell("equal", "0.998"), None],
    ]


def test_a_run_alone_is_compared_with_nothing() -> None:
    assert matrix(RUNS[:1], TABLE) is None


@pytest.mark.parametrize(
    ("mae", "region", "words"),
    [
        ("", "0.01", "more than 1 percentage point of accuracy,"),
        ("", "0.005", "more than 0.5 percentage points of accuracy,"),
        ("2.5", "0.1634", "more than 0.163 in mean absolute error,"),
    ],
)
def test_how_the_matrix_is_read_has_the_region(mae: str, region: str, words: str) -> None:
    found = matrix([row | {"mae": mae} for row in RUNS], [row | {"region": region} for row in TABLE])
    assert found is not None
    assert words in found.reading
    assert "at least 0.95" in found.reading
