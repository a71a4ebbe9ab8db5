"""`make readme`: put tables of the results into README.md (no stage, for README.md is no output of DVC's)"""

from pathlib import Path

from permset.report.tables import markdown, published
from permset.store.files import write
from permset.store.tables import read_csv
from stages import run


def readme(path: str = "README.md") -> None:
    tables = {
        "results": markdown(read_csv(Path("results/summary.csv"), "plot")),
        "published": published(read_csv(Path("published/results/comparison.csv"), "compare")),
    }
    text = Path(path).read_text()
    for name, table in tables.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        before, rest = text.split(begin)
        text = before + begin + "\n" + table + "\n" + end + rest.split(end)[1]
    write(Path(path), lambda p: p.write_text(text))


if __name__ == "__main__":
    run(readme)
