"""Results as tables for people to read: small ones in Markdown for the README, full ones for the report."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

Row = Mapping[str, str]
Columns = Mapping[str, Callable[[Row], str]]
"""titles, and what gives the cells below them"""
TEXT = {"run", "method", "targets", "measured on", "verdict", "prediction", "file", "monotone"}
TEXT |= {"task, method", "task, bags of training"}
# How the titles of the columns start that a small table has.
SMALL = "run", "accuracy (", "loss (", "MAE", "targets", "regret", "verdict"
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def by_task(rows: Sequence[Row]) -> dict[str, list[Row]]:
    tasks: dict[str, list[Row]] = {}
    for row in rows:
        tasks.setdefault(row["task"], []).append(row)
    return tasks


def markdown(rows: Sequence[Row]) -> str:
    """The rows of results/summary.csv: one small table per task, one line per run."""
    tasks = []
    for task, group in by_task(rows).items():
        notes = "".join(f"\nWarning: {line}\n" for line in warnings(group))
        tasks.append(f"**`{task}`**{limit(group)}:\n\n{_table(group)}{notes}")
    return "\n".join(tasks)


def limit(rows: Sequence[Row]) -> str:
    """Between what accuracies lie on a task: the best possible, where that is known, and always the largest class."""
    found = {"Bayes accuracy": "bayes_accuracy", "always the largest class": "majority"}
    return "".join(f", {title} {percent(rows[0][name])}" for title, name in found.items() if rows[0].get(name))


def warnings(rows: Sequence[Row]) -> list[str]:
    """A line for each run that may have learnt nothing."""
    return [f"{row['run']}: {row['warning']}." for row in rows if row.get("warning")]


def _table(rows: Sequence[Row]) -> str:
    best = chosen(rows)

    def name(row: Row) -> str:
        return f"**`{row['run']}`**" if row["run"] == best else f"`{row['run']}`"

    return markdown_table({**small(rows), "run": name}, rows)


def chosen(rows: Sequence[Row]) -> str | None:
    """The run that is best on validation bags, where no limit says how good one can be."""
    if not rows or rows[0]["bayes_accuracy"]:
        return None
    sign = score_of(rows[0]).sign
    return max(rows, key=lambda row: sign * float(row["validation"]))["run"]


class Score(NamedTuple):
    """What runs of a task are compared by."""

    column: str
    name: str
    sign: int
    """−1 if less is better"""
    show: Callable[[str], str]


def score_of(row: Row) -> Score:
    """Of a run in summary.csv: errors of numbers, accuracy of classes, the loss of anything else."""
    if row["mae"]:
        return Score("mae", "mean absolute error", -1, three_digits)
    if row.get("accuracy") == "":
        return Score("loss", "loss", -1, three_digits)
    return Score("accuracy", "accuracy", 1, percent)


def small(rows: Sequence[Row]) -> Columns:
    """The columns of a task's small table."""
    return {title: cell for title, cell in columns(rows).items() if title.startswith(SMALL)}


def columns(rows: Sequence[Row]) -> Columns:
    """Titles of a task's full table, and what gives each cell; the invariance error is that in float64."""
    if rows[0]["mae"]:
        unit = " in deviations" if rows[0].get("targets") else ""
        scores: dict[str, Callable[[Row], str]] = {
            f"validation MAE{unit}": lambda row: three_digits(row["validation"]),
            f"MAE{unit} (95% interval)": lambda row: with_interval(row, "mae", three_digits),
            f"RMSE{unit}": lambda row: three_digits(row["rmse"]),
            "R²": lambda row: f"{float(row['r2']):.3f}" if row["r2"] else "",
        }
        if unit:
            scores["targets"] = lambda row: row["targets"]
    elif score_of(rows[0]).column == "loss":
        scores = {
            "validation loss": lambda row: three_digits(row["validation"]),
            "loss (95% interval)": lambda row: with_interval(row, "loss", three_digits),
        }
    elif rows[0]["bayes_accuracy"]:
        scores = {
            "accuracy (95% interval)": lambda row: with_interval(row, "accuracy", percent),
            "regret": lambda row: f"{float(row['regret']):.4f}",
        }
    else:
        scores = {
            "validation accuracy": lambda row: percent(row["validation"]),
            "accuracy (95% interval)": lambda row: with_interval(row, "accuracy", percent),
            "balanced accuracy": lambda row: percent(row["balanced_accuracy"]),
            "AUC": lambda row: f"{float(row['auc']):.3f}" if row["auc"] else "",
        }
    for title, name in (("calibration error", "calibration_error"), ("posterior error", "posterior_error")):
        if rows[0].get(name):
            scores[f"{title} (scaled)"] = partial(_with_scaled, name=name)
    falls: dict[str, Callable[[Row], str]] = {}
    if any(row.get("monotone") == "monotone" for row in rows):
        falls["largest fall"] = lambda row: f"{float(row['monotonicity']):.1g}"
    return {
        "run": lambda row: row["run"],
        "method": lambda row: row["model"],
        "parameters": lambda row: f"{int(row['num_params']):,}",
        "training (GFLOP)": lambda row: three_digits(row["training_gflop"]),
        "a bag (kFLOP)": lambda row: three_digits(row["bag_kflop"]),
        **scores,
        "invariance error": lambda row: f"{float(row['invariance_float64']):.1g}",
        **falls,
        "measured on": measured_on,
        "verdict": _verdict,
    }


def _verdict(row: Row) -> str:
    also = ", monotone" if row.get("monotone") == "monotone" else ""
    return f"{row['verdict']} under {subscripted(row['group'])}{also}"


def measured_on(row: Row) -> str:
    """The bags of a certificate: `200 bags of 10`, or `92 bags of 2 to 40 objects`."""
    bags, smallest, largest = (int(row[f"invariance_{name}"]) for name in ("bags", "smallest", "largest"))
    sizes = f"{smallest}" if smallest == largest else f"{smallest} to {largest} objects"
    return f"{bags:,} {'bag' if bags == 1 else 'bags'} of {sizes}"


def subscripted(group: str) -> str:
    """C₁₀ for C_10."""
    return re.sub(r"_(\d+)", lambda index: index[1].translate(SUBSCRIPTS), group)


def published(rows: Sequence[Row]) -> str:
    """The rows of published/results/comparison.csv."""
    return markdown_table(PUBLISHED, rows)


def are(things: Sequence[object]) -> str:
    return "is" if len(things) == 1 else "are"


def percent(share: float | str, digits: int = 2) -> str:
    return f"{100 * float(share):.{digits}f}%"


def with_interval(row: Row, name: str, show: Callable[[str], str]) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return show(row[name]) + (f" ({show(low)} – {show(high)})" if low else "")


def _with_scaled(row: Row, name: str) -> str:
    return f"{float(row[name]):.4f} ({float(row[f'{name}_scaled']):.4f})"


def three_digits(value: str) -> str:
    """12.3, 1,230: never 1.23e+03."""
    if not value:
        return ""
    number = float(f"{float(value):.3g}")
    return f"{number:,.0f}" if number >= 100 else f"{number:g}"


def markdown_table(header: Columns, rows: Sequence[Row]) -> str:
    rule = ["---" if title in TEXT else "---:" for title in header]
    cells = [[cell(row) for cell in header.values()] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in [list(header), rule, *cells])


# Mean absolute errors, those of this project with 95% intervals over seeds.
PUBLISHED: Columns = {
    "method": lambda row: row["method"].replace("_", " "),
    "constant rate": lambda row: with_interval(row, "constant", three_digits),
    "cosine decay": lambda row: with_interval(row, "cosine", three_digits),
    "paper": lambda row: f"{row['paper']} ± {row['spread']}",
}
