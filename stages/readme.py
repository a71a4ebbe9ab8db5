"""`make readme`: put the table of results/summary.csv into README.md (no stage, for README.md is no output of DVC's)"""

from pathlib import Path

from permset.files import read_csv, write
from permset.tables import markdown
from stages import run

BEGIN, END = "<!-- results -->\n", "<!-- end of results -->\n"


def readme(path: str = "README.md") -> None:
    before, rest = Path(path).read_text().split(BEGIN)
    _, after = rest.split(END)
    text = before + BEGIN + "\n" + markdown(read_csv(Path("results/summary.csv"), "plot")) + "\n" + END + after
    write(Path(path), lambda p: p.write_text(text))


if __name__ == "__main__":
    run(readme)
