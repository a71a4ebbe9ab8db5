"""The results on one page: results/report.html, which needs no other file."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import jinja2
import yaml

from permset.config.data import AnySource
from permset.config.experiment import Params
from permset.figures.key_objects import KeyBag, key_objects_figure
from permset.figures.names import plain
from permset.figures.styles import save
from permset.report import answers, clustering, descriptions, elephant, mil_tests, population, subgroups
from permset.report.answers import MeasuredPoint, points_of
from permset.report.comparisons import matrix, pairs_of
from permset.report.findings import findings
from permset.report.images import Figure, drawn, figure
from permset.report.predictions import columns_of, rows_of
from permset.report.tables import PUBLISHED, TEXT, Columns, Row, by_task, chosen, columns, limit, warnings
from permset.report.tasks import about

TEMPLATE = Path(__file__).with_name("report.html.j2")
QUESTIONS = Path(__file__).with_name("questions.yaml")
# Where `make ui` serves the runs; the first experiment of a new store has the number 1.
MLFLOW = "http://127.0.0.1:5000/#/experiments/1/runs?searchFilter="
CLUSTERING = Path("published/clustering/results/clustering/clustering.png")
MIL_TESTS = Path("published/results/mil_tests/mil_tests.png")
POPULATION = Path("published/population/results/population/population.png")
SUBGROUPS = Path("published/subgroups/results/subgroups/subgroups.png")
Rows = Sequence[Mapping[str, str]]


class Table(NamedTuple):
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    @classmethod
    def of(cls, titles: Columns, rows: Rows) -> "Table":
        return cls(list(titles), [[cell(row) for cell in titles.values()] for row in rows])


def render(
    params: Params,
    summary: Rows,
    comparisons: Rows,
    permutations: Mapping[str, Rows],
    studies: Mapping[str, Rows],
    papers: Mapping[str, Rows],
    figures: Path,
    study_figures: Path,
    predictions: Mapping[str, Mapping[str, Any]],
    key_objects: Mapping[str, Sequence[KeyBag]],
) -> str:
    """The page; `permutations` has the table of one bag's orders for each run, `studies` each study's table.

    `papers` has the tables of the published pipeline. `key_objects` has bags of those predictions that ask for objects.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    tasks = by_task(summary)
    texts = yaml.safe_load(QUESTIONS.read_text())
    return environment.from_string(TEMPLATE.read_text()).render(
        text=TEXT,
        findings=findings(tasks, pairs_of(comparisons)),
        studies=[
            _study(params, name, texts.get(name, {}), rows, summary, study_figures) for name, rows in studies.items()
        ],
        seeds=params.seeds,
        tasks=[
            _task(name, params.task(name), rows, comparisons, permutations, figures) for name, rows in tasks.items()
        ],
        published=Table.of(PUBLISHED, papers["comparison"]),
        elephant=Table.of(elephant.COLUMNS, papers["elephant"]),
        in_interval=elephant.told(papers["elephant"]),
        clustering=Table.of(clustering.COLUMNS, papers["clustering"]),
        of_clustering=clustering.told(papers["clustering"]),
        clustering_figure=_if_made(
            CLUSTERING,
            "Log-likelihood of a point along the training, on bags of validation",
            descriptions.clustering(papers["clustering"]),
        ),
        population=Table.of(*population.table_of(papers["population"])),
        of_populations=population.told(papers["population"]),
        population_figure=_if_made(
            POPULATION,
            "Mean squared error against the number of bags of training",
            descriptions.population(papers["population"]),
        ),
        mil_tests=Table.of(*mil_tests.table_of(papers["mil_tests"])),
        passing=mil_tests.told(papers["mil_tests"]),
        mil_tests_figure=_if_made(
            MIL_TESTS,
            "AUC of every method in each test, with 95% intervals",
            descriptions.mil_tests(papers["mil_tests"]),
        ),
        subgroups=Table.of(*subgroups.table_of(papers["subgroups"])),
        with_groups=subgroups.told(papers["subgroups"]),
        subgroups_figure=_if_made(
            SUBGROUPS, "Accuracy of every method with each group", descriptions.subgroups(papers["subgroups"])
        ),
        predictions=Table.of(columns_of(rows_of(predictions)), rows_of(predictions)),
        key_objects=[_key_objects(name, bags) for name, bags in key_objects.items() if bags],
        mlflow={name: MLFLOW + quote(f"attributes.run_name = '{name}'") for name in params.runs},
    )


def _task(
    name: str, task: AnySource, rows: Rows, comparisons: Rows, permutations: Mapping[str, Rows], folder: Path
) -> dict[str, Any]:
    told = about(task)
    shown = {
        "batch": (f"Bags of {name}: one row per bag, one column per object", descriptions.bags(name, told)),
        "accuracy": ("Scores on test bags, with 95% intervals", descriptions.scores(name, rows)),
        "loss": ("Loss along the training", descriptions.losses(name, rows)),
        "invariance": (
            "Relative change of the outputs when the objects of a bag are reordered",
            descriptions.invariance(name, rows),
        ),
    }
    if rows[0].get("calibration_error"):
        shown["calibration"] = (
            "How often the likeliest class is right, against its probability",
            descriptions.calibration(name, rows),
        )
    paths = {folder / f"{kind}_{name}.png": texts for kind, texts in shown.items()}
    curves = folder / f"curves_{name}.png"
    return {
        "name": name,
        "about": told,
        "limit": limit(rows),
        "table": Table.of(columns(rows), rows),
        "chosen": chosen(rows),
        "warnings": warnings(rows),
        "matrix": matrix(rows, comparisons),
        "figures": [figure(path, *texts) for path, texts in paths.items() if path.exists()],
        "curves": _if_made(
            curves, "Score along the training, on bags of training and others", descriptions.curves(name, rows)
        ),
        "meaning": _meaning(permutations[row["run"]] for row in rows),
        "orders": _orders({row["run"]: permutations[row["run"]] for row in rows}),
    }


def _if_made(path: Path, caption: str, description: str) -> Figure | None:
    return figure(path, caption, description) if path.is_file() else None


def _meaning(readings: Iterable[Rows]) -> str:
    """What is read of a bag: the probability of a class by its name, or a number."""
    meanings = sorted({row["meaning"] for rows in readings for row in rows})
    return f"the {meanings[0]}" if len(meanings) == 1 else "the probability of the likeliest class, which is named"


def _orders(readings: Mapping[str, Rows]) -> Table:
    """What each run says of one bag as it is and reordered, and by how much that differs.

    With the name of what is read, where that is not the same everywhere.
    """
    count = max(len(rows) for rows in readings.values())
    meanings = {row["meaning"] for rows in readings.values() for row in rows}

    def name(row: Row) -> str:
        return f" ({row['meaning'].removeprefix('probability of ')})" if len(meanings) > 1 else ""

    header = ["run", "as it is", *(f"order {i}" for i in range(1, count)), "largest difference"]
    lines = []
    for run, rows in readings.items():
        values = [float(row["reading"]) for row in rows]
        cells = [f"{value:.6f}{name(row)}" for value, row in zip(values, rows, strict=True)]
        lines.append([run, *cells, f"{max(values) - min(values):.1g}"])
    return Table(header, lines)


def _study(
    params: Params, name: str, text: Mapping[str, str], rows: Rows, summary: Rows, folder: Path
) -> dict[str, Any]:
    study, points = params.study(name), points_of(rows)
    figures: list[Figure] = [
        figure(
            folder / f"{name}.png",
            "Means over the seeds, with bands from the lowest to the highest",
            descriptions.study(name, study, points),
        )
    ]
    if study.curves:
        curves = folder / f"{name}_curves.png"
        figures.append(figure(curves, "Along the training", descriptions.study_curves(name, study, points)))
    run = next(iter(study.runs))
    values = study.values or study.runs[run].values or []
    place = f"studies.{name}.values" if study.values else f"studies.{name}.runs.{run}.values"
    fewer = json.dumps(values[: max(1, len(values) // 2)]).replace(" ", "")
    means = [
        [point.run, point.value, f"{point.num_params:,}", *(f"{point.mean(column):.4g}" for column in study.show)]
        for point in points
    ]
    return {
        "name": name,
        "question": question(params, name),
        "answer": answer(params, name, points, summary),
        "figures": figures,
        "explanation": text.get("explanation", ""),
        "table": Table(["run", study.axis, "parameters", *(column.replace("_", " ") for column in study.show)], means),
        "command": f"dvc exp run studies/dvc.yaml -S '{place}={fewer}'",
    }


def _key_objects(name: str, bags: Sequence[KeyBag]) -> Figure:
    draw = partial(save, key_objects_figure(bags, plain(name)))
    return drawn(draw, f"Objects that drive the predictions of {name} most", descriptions.key_objects(name, bags))


def question(params: Params, name: str) -> str:
    """What a study asks."""
    texts = yaml.safe_load(QUESTIONS.read_text())
    return texts.get(name, {}).get("question", f"How does {params.study(name).axis} matter?")


def answer(params: Params, name: str, points: Sequence[MeasuredPoint], summary: Rows) -> str:
    """What the table of a study says to that, in a sentence."""
    tasks = {variant: params.run(chosen.run or variant).task for variant, chosen in params.study(name).runs.items()}
    beside = [row for row in summary if row["run"] in params.study(name).beside]
    answer_to: dict[str, Callable[[Sequence[MeasuredPoint]], str]] = {
        "element_nonlinearity": answers.element_nonlinearity,
        "channel_reduction": answers.channel_reduction,
        "fresh_or_fixed": answers.fresh_or_fixed,
        "sample_efficiency": partial(answers.sample_efficiency, tasks=tasks),
        "set_size": answers.set_size,
        "averaging_samples": answers.averaging_samples,
    }
    if beside:
        limits = params.report.model_dump()
        answer_to["mlp_capacity"] = partial(answers.mlp_capacity, deepset=beside[0], **limits)
    return answer_to.get(name, answers.in_general)(points)
