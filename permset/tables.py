"""Results as a table that people read, in Markdown."""

from collections.abc import Iterable, Mapping

HEADER = "run", "method", "parameters", "accuracy (95% interval)", "regret", "invariance error", "verdict", "under"
RIGHT = {"parameters", "accuracy (95% interval)", "regret", "invariance error"}


def markdown(rows: Iterable[Mapping[str, str]]) -> str:
    """The rows of results/summary.csv, one line a run; the invariance error is that in float64."""
    rule = tuple("---:" if name in RIGHT else "---" for name in HEADER)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in [HEADER, rule, *map(_cells, rows)])


def _cells(row: Mapping[str, str]) -> tuple[str, ...]:
    interval = f" ({_percent(row['accuracy_low'])} – {_percent(row['accuracy_high'])})" if row["accuracy_low"] else ""
    return (
        f"`{row['run']}`",
        f"{row['model']}",
        f"{int(row['num_params']):,}",
        _percent(row["accuracy"]) + interval,
        f"{float(row['regret']):.4f}",
        f"{float(row['invariance_float64']):.0e}",
        row["verdict"],
        row["group"],
    )


def _percent(share: str) -> str:
    return f"{100 * float(share):.2f}%"
