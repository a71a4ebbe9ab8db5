"""Predictions for new bags on the page: who predicted, for how many, and how far they are from training's."""

from collections.abc import Mapping, Sequence
from typing import Any

from permset.report.tables import Columns, Row, percent, three_digits


def rows_of(predictions: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """What results/predictions/<name>.json holds, as rows of texts."""
    return [
        {"prediction": name, **{key: "" if value is None else str(value) for key, value in summary.items()}}
        for name, summary in predictions.items()
    ]


def columns_of(rows: Sequence[Row]) -> Columns:
    """Titles, and what gives each cell; scores where a file has labels."""
    scored = {"score (95% interval)": _score} if any(int(row["labelled"]) for row in rows) else {}
    return {
        "prediction": lambda row: row["prediction"],
        "run": lambda row: row["run"],
        "file": lambda row: row["file"],
        "bags": lambda row: f"{int(row['bags']):,}",
        "outside": lambda row: f"{int(row['outside']):,}",
        "with a label": lambda row: f"{int(row['labelled']):,}",
        **scored,
    }


def _score(row: Row) -> str:
    for name, title, show in (("accuracy", "accuracy", percent), ("mae", "MAE", three_digits)):
        if name in row:
            low, high = row[f"{name}_low"], row[f"{name}_high"]
            return f"{title} {show(row[name])}" + (f" ({show(low)} – {show(high)})" if low else "")
    return ""
