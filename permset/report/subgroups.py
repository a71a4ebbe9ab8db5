"""What methods reach with the right group, with a smaller one and with a larger one, as a table and in words."""

from collections.abc import Sequence
from operator import itemgetter

from permset.figures.names import plain
from permset.figures.sentences import listed
from permset.figures.subgroups import FITS, is_near
from permset.report.tables import Columns, Row, percent, with_interval


def table_of(rows: Sequence[Row]) -> tuple[Columns, Sequence[Row]]:
    """A line for each method on each task, a column for each group."""
    lines: dict[tuple[str, str], Row] = {}
    for row in rows:
        about = {"task, method": f"{plain(row['task'])}, {plain(row['method'])}"}
        empty = {name: "" for name, *_ in FITS.values()}
        line = dict(lines.get((row["task"], row["method"]), about | empty))
        lines[row["task"], row["method"]] = line | {FITS[row["fit"]][0]: with_interval(row, "accuracy", percent)}
    columns: Columns = {title: itemgetter(title) for title in next(iter(lines.values()), ())}
    return columns, list(lines.values())


def told(rows: Sequence[Row]) -> list[str]:
    """What each task leaves possible, who reaches it with which group, and who did not learn the training bags."""
    sentences = []
    for task in dict.fromkeys(row["task"] for row in rows):
        here = [row for row in rows if row["task"] == task]
        bayes = float(here[0]["bayes_accuracy"])
        begin = f"On {plain(task)}, whose Bayes accuracy is {percent(bayes)},"
        for fit, (label, *_) in FITS.items():
            near = [plain(row["method"]) for row in here if row["fit"] == fit and is_near(row)]
            others = [plain(row["method"]) for row in here if row["fit"] == fit and not is_near(row)]
            sentences.append(
                f"{begin} these come within 0.01 of it with {label}: {listed(near) or 'none'}; these do not: "
                f"{listed(others) or 'none'}."
            )
        large = [row for row in here if row["possible"] and float(row["possible"]) < bayes]
        above = [plain(row["method"]) for row in large if float(row["accuracy_low"]) > float(row["possible"])]
        if large:
            most = percent(max(float(row["possible"]) for row in large))
            sentences.append(
                f"On {plain(task)}, no rule that is invariant under the too large group can be right more often than "
                f"{most}; whose 95% interval is above that: {listed(above) or 'none'}."
            )
        jumps, smooth = (_with_groups(here, verdict) for verdict in ("not continuous", "continuous"))
        if jumps + smooth:
            sentences.append(
                f"On {plain(task)}, of the methods that put objects in order, the outputs of these jump: "
                f"{listed(jumps) or 'none'}; those of these are continuous: {listed(smooth) or 'none'}."
            )
    return sentences


def _with_groups(rows: Sequence[Row], verdict: str) -> list[str]:
    return [f"{plain(row['method'])} with {FITS[row['fit']][0]}" for row in rows if row["continuous"] == verdict]
