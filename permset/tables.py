"""Results as a table that people read, in Markdown."""

from collections.abc import Iterable, Mapping

HEADER = "run", "task", "parameters", "accuracy (95% interval)", "loss (nats)", "regret", "invariance error", "verdict"


def markdown(rows: Iterable[Mapping[str, str]]) -> str:
    """The rows of results/summary.csv, one line a run; the invariance error is that in float64."""
    lines = [HEADER, tuple("---" if i in (0, 1, 7) else "---:" for i in range(len(HEADER))), *map(_cells, rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cells(row: Mapping[str, str]) -> tuple[str, ...]:
    interval = f" ({_percent(row['accuracy_low'])} – {_percent(row['accuracy_high'])})" if row["accuracy_low"] else ""
    return (
        f"`{row['run']}`",
        f"`{row['task']}`",
        f"{int(row['num_params']):,}",
        _percent(row["accuracy"]) + interval,
        f"{float(row['loss']):.2g}" if float(row["loss"]) < 0.1 else f"{float(row['loss']):.4f}",
        f"{float(row['regret']):.4f}",
        f"{float(row['invariance_float64']):.0e}",
        row["verdict"],
    )


def _percent(share: str) -> str:
    return f"{100 * float(share):.2f}%"
