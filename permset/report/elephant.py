"""Accuracies on elephant beside those of a paper, as a table and in words."""

from collections.abc import Sequence

from permset.figures.names import plain
from permset.figures.sentences import listed
from permset.report.tables import Columns, Row, percent, with_interval

# The paper's accuracies have standard errors.
COLUMNS: Columns = {
    "method": lambda row: plain(row["method"]),
    "accuracy (95% interval)": lambda row: with_interval(row, "accuracy", percent),
    "AUC": lambda row: f"{float(row['auc']):.3f}",
    "paper": lambda row: f"{percent(row['paper'], 1)} ± {percent(row['spread'], 1)}" if row["paper"] else "",
}


def told(rows: Sequence[Row]) -> str:
    """Where the paper's accuracy lies, for each method that has one."""
    found: dict[str, list[str]] = {"within": [], "above": [], "below": []}
    for row in rows:
        if row["paper"]:
            found[_place(row)].append(plain(row["method"]))
    sentences = [
        f"For {listed(names)}, the paper's accuracy lies {place} our 95% interval."
        for place, names in found.items()
        if names
    ]
    return " ".join(sentences)


def _place(row: Row) -> str:
    low, paper, high = (float(row[name]) for name in ("accuracy_low", "paper", "accuracy_high"))
    return "below" if paper < low else "above" if paper > high else "within"
