"""Results as tables that people read, in Markdown."""

from collections.abc import Iterable, Mapping, Sequence

HEADER = (
    *("run", "method", "parameters", "training (GFLOP)", "a bag (kFLOP)", "accuracy (95% interval)", "regret"),
    *("invariance error", "verdict"),
)
TEXT = {"run", "method", "verdict"}


def markdown(rows: Iterable[Mapping[str, str]]) -> str:
    """The rows of results/summary.csv, a table a task and a line a run; the invariance error is that in float64."""
    tasks: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for row in rows:
        tasks.setdefault((row["task"], row["bayes_accuracy"]), []).append(row)
    return "\n".join(
        f"**`{task}`**, Bayes accuracy {percent(bayes)}:\n\n{_table(map(cells, mine))}"
        for (task, bayes), mine in tasks.items()
    )


def _table(lines: Iterable[Sequence[str]]) -> str:
    rule = tuple("---" if name in TEXT else "---:" for name in HEADER)
    code = ((f"`{name}`", *rest) for name, *rest in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in [HEADER, rule, *code])


def cells(row: Mapping[str, str]) -> tuple[str, ...]:
    """A line of the table, in the order of HEADER."""
    interval = f" ({percent(row['accuracy_low'])} – {percent(row['accuracy_high'])})" if row["accuracy_low"] else ""
    return (
        row["run"],
        row["model"],
        f"{int(row['num_params']):,}",
        _three_digits(row["training_gflop"]),
        _three_digits(row["bag_kflop"]),
        percent(row["accuracy"]) + interval,
        f"{float(row['regret']):.4f}",
        f"{float(row['invariance_float64']):.0e}",
        f"{row['verdict']} under {row['group']}",
    )


def percent(share: float | str, digits: int = 2) -> str:
    return f"{100 * float(share):.{digits}f}%"


def _three_digits(value: str) -> str:
    """12.3, 1,230: never 1.23e+03."""
    number = float(f"{float(value):.3g}")
    return f"{number:,.0f}" if number >= 100 else f"{number:g}"
