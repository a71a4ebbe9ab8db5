"""Which methods pass the tests of multiple-instance learning, as a table and in words."""

from collections.abc import Mapping, Sequence
from operator import itemgetter

from permset.figures.names import plain
from permset.figures.sentences import listed
from permset.report.tables import Columns, Row

LEARNT = 0.95
Tests = Mapping[str, Row]
"""of one method, its row in published/results/mil_tests.csv for each test"""


def by_method(rows: Sequence[Row]) -> dict[str, dict[str, Row]]:
    methods: dict[str, dict[str, Row]] = {}
    for row in rows:
        methods.setdefault(row["method"], {})[row["test"]] = row
    return methods


def table_of(rows: Sequence[Row]) -> tuple[Columns, Sequence[Row]]:
    """A line for each method: the result of each test, and whether no object ever lowered an output when added."""
    lines: list[Row] = [
        {"method": plain(method), **{plain(test): _result(row) for test, row in tests.items()}}
        | {"monotone": "yes" if _is_monotone(tests) else "no"}
        for method, tests in by_method(rows).items()
    ]
    columns: Columns = {title: itemgetter(title) for title in (lines[0] if lines else ())}
    return columns, lines


def told(rows: Sequence[Row]) -> list[str]:
    """Which methods pass all tests, which fail one, which are monotone, and which did not learn what was asked."""
    methods = by_method(rows)
    found = {
        "Pass every test": [method for method, tests in methods.items() if _results(tests) == {"pass"}],
        "Fail at least one": [method for method, tests in methods.items() if "fail" in _results(tests)],
        "Monotone on the bags measured": [method for method, tests in methods.items() if _is_monotone(tests)],
        f"Less than {LEARNT:.0%} right on the last bags of training": [
            f"{row['method']} on {row['test']}" for row in rows if float(row["train_accuracy"]) < LEARNT
        ],
    }
    return [f"{what}: {listed(list(map(plain, names))) or 'none'}." for what, names in found.items()]


def _results(tests: Tests) -> set[str]:
    return {row["result"] for row in tests.values()}


def _is_monotone(tests: Tests) -> bool:
    return all(row["monotone"] == "monotone" for row in tests.values())


def _result(row: Row) -> str:
    mean, low, high = (f"{float(row[f'auc{end}']):.3f}" for end in ("", "_low", "_high"))
    return f"{row['result']}, {mean} ({low} – {high})"
