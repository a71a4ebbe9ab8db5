"""subgroups (published/): each method with the right group, a smaller and a larger one → results/subgroups.*"""

from pathlib import Path
from typing import Any

from permset.config.experiment import Params, load_params
from permset.config.networks import GroupParams, NamedGroupParams
from permset.config.runs import RunParams
from permset.config.tasks import BlocksTaskParams, DrawnParams, RotationsParams
from permset.data.tasks import build_task
from permset.evaluation.limits import best_accuracy
from permset.figures.subgroups import subgroups_figure
from permset.networks.build import build_group
from permset.store.figures import write_figures
from permset.store.tables import read_curves, read_json, write_csv
from stages import run

MEASURED = "accuracy", "accuracy_low", "accuracy_high", "bayes_accuracy", "verdict", "continuity", "continuous"
COLUMNS = "task", "method", "fit", "group", "train_accuracy", "possible", *MEASURED


def subgroups() -> None:
    """Runs are named <task>_<method>_<fit>: small, right or large."""
    params = load_params()
    rows = [row_of(params, name, chosen) for name, chosen in params.runs.items() if is_of_subgroup(params, chosen)]
    write_csv(Path("results/subgroups.csv"), COLUMNS, [[row[column] for column in COLUMNS] for row in rows])
    write_figures(Path("results/subgroups"), {"subgroups": subgroups_figure(rows)})


def is_of_subgroup(params: Params, chosen: RunParams) -> bool:
    return isinstance(params.task(chosen.task), RotationsParams | BlocksTaskParams)


def row_of(params: Params, name: str, chosen: RunParams) -> dict[str, Any]:
    """What a run reaches, and what its group leaves possible."""
    numbers = read_json(Path(f"results/evaluate/{name}.json"), f"evaluate@{name}")[name]
    method, _, fit = name.removeprefix(f"{chosen.task}_").rpartition("_")
    source = params.task(chosen.task)
    assert isinstance(source, DrawnParams)
    task = build_task(source)
    group = build_group(group_of(chosen), task.set_size)
    trained = read_curves(Path(f"results/curves/{name}.csv"))["train_score"][-1].mean()
    about = {"task": chosen.task, "method": method, "fit": fit, "group": str(group), "train_accuracy": trained}
    return about | {"possible": best_accuracy(task, group)} | {column: numbers.get(column) for column in MEASURED}


def group_of(chosen: RunParams) -> GroupParams:
    """The group that the entry names; none at all for a plain MLP, all permutations otherwise."""
    plain = chosen.model.kind == "mlp" and chosen.symmetrizer is None
    return next(iter(chosen.groups.values()), NamedGroupParams(kind="trivial" if plain else "symmetric"))


if __name__ == "__main__":
    run(subgroups)
