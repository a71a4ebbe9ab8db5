"""plan (studies/dvc.yaml): all that each study's results depend on but the code → results/plans/<study>.json"""

import hashlib
from pathlib import Path

from permset.config.experiment import files_of, load_params
from permset.store.files import keep_only
from permset.store.tables import write_json
from permset.studies.plan import plan as points_of
from permset.studies.plan import tasks_of
from stages import run

FOLDER = Path("results/plans")


def plan() -> None:
    """The settings of each point, and the hash of each collection, so that a study is redone when its own change."""
    params = load_params()
    for name in params.studies:
        points = points_of(params, name)
        files = files_of(params, tasks_of(points))
        collections = {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
        write_json(FOLDER / f"{name}.json", {"points": [point.content for point in points], "collections": collections})
    keep_only(FOLDER, [f"{name}.json" for name in params.studies])


if __name__ == "__main__":
    run(plan)
