"""study@<study>: all points of a study, over all cores → results/studies/<study>.csv, …/<study>_curves.csv"""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from tqdm import tqdm

from permset.config.experiment import files_of, load_params
from permset.store.tables import write_csv
from permset.studies.cache import Cache
from permset.studies.measure import CURVE_COLUMNS, POINT_COLUMNS, Measurement, key_of
from permset.studies.plan import Point, plan, tasks_of
from permset.training.train import choose_device
from permset.training.units import results_of
from permset.training.workers import seed_workers
from stages import run


def study(name: str) -> None:
    params, cache = load_params(), Cache()
    points = plan(params, name)
    # Points that are measured on the same trained networks are one job.
    jobs = [list(job) for _, job in groupby(points, key=lambda point: point.candidates)]
    todo = [job for job in jobs if any(cache.get(key_of(point)) is None for point in job)]
    with (
        seed_workers(params.workers, choose_device(params.device), files_of(params, tasks_of(points))) as executor,
        tqdm(
            total=len(points),
            initial=len(points) - sum(map(len, todo)),
            desc=name,
            bar_format="{desc}: {n_fmt} of {total_fmt} points |{bar}| {elapsed}{postfix}",
            disable=None,
        ) as progress,
    ):
        for i, measured in results_of([Measurement(job) for job in todo], executor, progress.set_postfix_str):
            progress.update(keep(cache, todo[i], measured))
        progress.set_postfix_str("")
    results = [cache.get(key_of(point)) for point in points]
    for columns, part, suffix in ((POINT_COLUMNS, "seeds", ""), (CURVE_COLUMNS, "curves", "_curves")):
        rows = (row for result in results for row in result[part])
        write_csv(Path(f"results/studies/{name}{suffix}.csv"), columns, rows)


def keep(cache: Cache, job: Sequence[Point], results: Sequence[Any]) -> int:
    """Gives how many they are."""
    for point, result in zip(job, results, strict=True):
        cache.put(key_of(point), result)
    return len(job)


if __name__ == "__main__":
    run(study, ["results/studies/{}.csv", "results/studies/{}_curves.csv"])
