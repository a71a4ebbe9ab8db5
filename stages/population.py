"""population (published/population): errors beside those of the best unbiased estimate → results/population.*"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from permset.config.experiment import load_params
from permset.config.tasks import PopulationParams
from permset.data.population import Population
from permset.data.tasks import build_task
from permset.evaluation.intervals import interval
from permset.figures.population import population_figure
from permset.store.figures import write_figures
from permset.store.tables import read_csv, write_csv
from stages import run

COLUMNS = "task", "method", "bags", "error", "error_low", "error_high", "r2"


def population() -> None:
    """A row for each method, task and number of bags; the estimate and the constant need no bags of training."""
    params = load_params()
    rows: list[list[str | int | float]] = []
    for name, source in params.tasks.items():
        assert isinstance(source, PopulationParams)
        task = build_task(source)
        assert isinstance(task, Population)
        rows += rows_of(name, task)
    write_csv(Path("results/population.csv"), COLUMNS, rows)
    figure = population_figure([dict(zip(COLUMNS, map(str, row), strict=True)) for row in rows])
    write_figures(Path("results/population"), {"population": figure})


def rows_of(name: str, task: Population) -> Iterator[list[str | int | float]]:
    """Mean squared errors on the test bags: intervals of methods over seeds, of the estimate over bags."""
    test = task.test_set()
    truth = test.y[:, 0].double().numpy()
    variance = float(truth.var())
    errors = {"constant": np.square(truth - truth.mean()), "estimate": np.square(task.estimate(test).numpy() - truth)}
    for method, squares in errors.items():
        found = interval(squares)
        yield [name, method, "", *found, 1 - found.mean / variance]
    points: dict[tuple[str, int], list[float]] = {}
    for row in read_csv(Path(f"results/studies/{name}.csv"), f"study@{name}"):
        points.setdefault((row["run"], int(row["value"])), []).append(float(row["loss"]))
    for (method, bags), losses in points.items():
        found = interval(np.array(losses)).clipped(0.0, np.inf)
        yield [name, method, bags, *found, 1 - found.mean / variance]


if __name__ == "__main__":
    run(population)
