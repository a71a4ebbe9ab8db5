"""check: params.yaml is right, before any stage runs → results/params.ok, on which all others depend"""

from pathlib import Path

from permset.files import write
from permset.params import load_params
from stages import run


def check() -> None:
    load_params()
    write(Path("results/params.ok"), lambda path: path.write_text("params.yaml was checked\n"))


if __name__ == "__main__":
    run(check)
