"""inputs: which collections each study looks at, by digest → results/inputs/<study>.json"""

import hashlib
from pathlib import Path

from permset.files import keep_only, write_json
from permset.params import load_params
from permset.sources import CollectionParams
from stages import run

FOLDER = Path("results/inputs")


def inputs() -> None:
    """So that a study is computed anew when a collection of its own changes, and not when another one does."""
    params = load_params()
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, study in params.studies.items():
        tasks = sorted({params.run(chosen.run or variant).task for variant, chosen in study.runs.items()})
        paths = [Path(f"data/{task}.npz") for task in tasks if isinstance(params.task(task), CollectionParams)]
        write_json(
            FOLDER / f"{name}.json", {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
        )
    keep_only(FOLDER, [f"{name}.json" for name in params.studies])


if __name__ == "__main__":
    run(inputs)
