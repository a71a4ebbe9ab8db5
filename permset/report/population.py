"""Errors in the statistics of populations, as a table and in words."""

from collections.abc import Sequence
from operator import itemgetter

from permset.figures.names import plain
from permset.figures.population import KNOWN, LEARNT, is_below, last_of
from permset.figures.sentences import listed
from permset.report.tables import Columns, Row, three_digits

TITLE = "task, bags of training"
METHODS = {method: label for method, (label, *_) in {**KNOWN, **LEARNT}.items()}


def table_of(rows: Sequence[Row]) -> tuple[Columns, Sequence[Row]]:
    """A line for each task and each number of bags: R² of each method. What needs no bags is the same in all lines."""
    known = {(row["task"], row["method"]): row for row in rows if not row["bags"]}
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        if row["bags"]:
            name = f"{plain(row['task'])}, {int(row['bags']):,}"
            first = {TITLE: name, METHODS["estimate"]: _r2(known[row["task"], "estimate"])}
            lines.setdefault((row["task"], row["bags"]), first)[METHODS[row["method"]]] = _r2(row)
    columns: Columns = {title: itemgetter(title) for title in next(iter(lines.values()), ())}
    return columns, list(lines.values())


def _r2(row: Row) -> str:
    return f"{float(row['r2']):.3f}"


def told(rows: Sequence[Row]) -> list[str]:
    """For each task, with most bags, who has lower errors than whom: those whose intervals do not overlap."""
    return [_told_of(rows, task) for task in dict.fromkeys(row["task"] for row in rows)]


def _told_of(rows: Sequence[Row], task: str) -> str:
    last = {method: last_of(rows, task, method) for method in (*LEARNT, *KNOWN)}
    errors = listed([f"{METHODS[method]} {three_digits(row['error'])}" for method, row in last.items()])
    below = {
        known: listed([METHODS[method] for method in LEARNT if is_below(last[method], last[known])]) or "none"
        for known in KNOWN
    }
    return (
        f"On {plain(task)}, with {int(last['deepset']['bags']):,} bags of training, mean squared errors are: {errors}. "
        f"Lower than that of the {METHODS['estimate']}: {below['estimate']}. Lower than that of the "
        f"{METHODS['constant']}: {below['constant']}. {_compared(last['deepset'], last['svm'])}"
    )


def _compared(network: Row, machine: Row) -> str:
    for lower, higher, name in ((network, machine, "DeepSet"), (machine, network, "support-vector machine")):
        if is_below(lower, higher):
            return f"Of the two that learn, the {name} has the lower error; the 95% intervals do not overlap."
    return "The 95% intervals of the two that learn overlap."
