"""`make repro` ends with it: the headline table, and where there is more (no stage, for it has no output)"""

from pathlib import Path

from permset.report.tables import by_task, limit, small
from permset.store.tables import read_csv
from stages import run

MORE = "The report: results/report.html. In MLflow: make ui. As a table: results/summary.csv."


def summary() -> None:
    for task, rows in by_task(read_csv(Path("results/summary.csv"), "plot")).items():
        cells = {title: cell for title, cell in small(rows).items() if title != "targets"}  # of which there may be many
        lines = [list(cells), *([cell(row) for cell in cells.values()] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        print(f"\n{task}{limit(rows)}")
        for line in lines:
            print("  " + "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    print(f"\n{MORE}")


if __name__ == "__main__":
    run(summary)
