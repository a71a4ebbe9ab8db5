"""check: params.yaml is right, before any stage runs → results/params.ok, results/plans/*.json

Where results may differ from the committed ones in their last digits, it prints why. params.ok says so too: what was
computed in that way is not taken for what is committed, neither by DVC nor in its cache.
"""

from pathlib import Path

from permset.files import write, write_json
from permset.params import load_params
from permset.portable import exceptions
from permset.studies import plan
from stages import run


def check() -> None:
    params = load_params()
    plans = {name: [point.content for point in plan(params, name)] for name in params.studies}
    for name, content in plans.items():
        write_json(Path(f"results/plans/{name}.json"), content)
    lines = ["params.yaml was checked"]
    reasons = exceptions(params.device)
    if reasons:
        lines.append(f"note: last digits may differ from those of the committed results: {'; '.join(reasons)}")
        print(lines[-1])
    write(Path("results/params.ok"), lambda path: path.write_text("\n".join([*lines, ""])))


if __name__ == "__main__":
    run(check)
