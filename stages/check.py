"""check: params.yaml is right, studies included, before any stage runs → results/params.ok

The file says with which arithmetic results are computed here, since another one gives other results. Where they may
differ from the committed ones in their last digits, the stage prints why.
"""

from pathlib import Path

from permset.config.experiment import load_params
from permset.portable import arithmetic, exceptions
from permset.store.files import write
from permset.studies.plan import plan
from stages import run


def check() -> None:
    params = load_params()
    for name in params.studies:
        plan(params, name)
    for folder in ("predictions", "studies"):  # which other stages need, also where nothing fills it
        Path("results", folder).mkdir(parents=True, exist_ok=True)
    lines = ["params.yaml was checked", f"arithmetic: {arithmetic()}"]
    reasons = exceptions(params.device)
    if reasons:
        lines.append(f"note: last digits may differ from those of the committed results: {'; '.join(reasons)}")
        print(lines[-1])
    write(Path("results/params.ok"), lambda path: path.write_text("\n".join([*lines, ""])))


if __name__ == "__main__":
    run(check)
