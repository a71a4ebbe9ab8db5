"""clustering (published/clustering): log-likelihoods beside the paper's and the oracle's → results/clustering.*"""

from pathlib import Path
from typing import Any

import yaml

from permset.config.experiment import Params, load_params
from permset.config.tasks import GaussianMixturesParams
from permset.data.bags import Bags
from permset.data.mixtures import GaussianMixtures
from permset.data.randomness import generator
from permset.data.tasks import build_task
from permset.evaluation.metrics import measure
from permset.evaluation.mixtures import em_step
from permset.figures.clustering import clustering_figure
from permset.figures.training import over_seeds
from permset.store.figures import write_figures
from permset.store.tables import read_csv, read_curves, write_csv
from permset.training.run import open_run
from stages import run

MEASURED = [f"{kind}{end}" for kind in ("network", "with_em") for end in ("", "_low", "_high")]
COLUMNS = ["method", "steps", *MEASURED, "gained", "paper", "paper_with_em"]


def clustering() -> None:
    """The first row is the oracle's: of the mixtures that made the bags. Test bags are the same for all."""
    params = load_params()
    papers = yaml.safe_load(Path("paper.yaml").read_text())
    [source] = params.tasks.values()
    assert isinstance(source, GaussianMixturesParams)
    task = build_task(source)
    assert isinstance(task, GaussianMixtures)
    drawing = task.with_truth(task.test_sets, generator(task.test_seed, "test"))
    rows: list[dict[str, Any]] = [{"method": "oracle", "network": float(drawing.log_likelihoods().mean())}]
    rows += [row_of(params, name, drawing.bags) | {"method": name} for name in params.runs]
    for row in rows:
        row |= dict(zip(("paper", "paper_with_em"), papers.get(row["method"], ()), strict=False))
    write_csv(Path("results/clustering.csv"), COLUMNS, [[row.get(column) for column in COLUMNS] for row in rows])
    curves = {name: read_curves(Path(f"results/curves/{name}.csv")) for name in params.runs}
    losses = {name: over_seeds(curve["step"], curve["validation_loss"]) for name, curve in curves.items()}
    figure = clustering_figure(read_csv(Path("results/clustering.csv"), "clustering"), losses)
    write_figures(Path("results/clustering"), {"clustering": figure})


def row_of(params: Params, name: str, bags: Bags) -> dict[str, Any]:
    """Log-likelihoods on the test bags, and what the last half of the training gained on bags of validation."""
    opened = open_run(params, name)
    target, losses = opened.task.target, read_curves(Path(f"results/curves/{name}.csv"))["validation_loss"].mean(1)
    tested = opened.tested(opened.network(), opened.saved()["state"], bags, show=True)
    further = [(em_step(outputs, labels, target), labels.double()) for outputs, labels in tested]  # type: ignore[arg-type]
    row: dict[str, Any] = {"steps": opened.settings.steps, "gained": losses[len(losses) // 2 - 1] - losses[-1]}
    for kind, results in (("network", tested), ("with_em", further)):
        loss = measure(results, target)
        ends = {"": "loss", "_low": "loss_high", "_high": "loss_low"}
        row |= {f"{kind}{end}": -loss[column] for end, column in ends.items()}
    return row


if __name__ == "__main__":
    run(clustering)
