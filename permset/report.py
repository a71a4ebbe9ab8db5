"""The results on one page: results/report.html, self-contained."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup, escape

from permset import answers
from permset.answers import Point, points_of
from permset.entries import TaskParams
from permset.params import Params
from permset.tables import HEADER, TEXT, cells, percent

TEMPLATE = Path(__file__).with_name("report.html.j2")
QUESTIONS = Path(__file__).with_name("questions.yaml")
Rows = Sequence[Mapping[str, str]]


def render(
    params: Params,
    summary: Rows,
    permutations: Mapping[str, Rows],
    studies: Mapping[str, Rows],
    figures: Path,
    study_figures: Path,
) -> str:
    """The page; `permutations` has the table of one bag's orders for each run, `studies` each study's table."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    shown = {run: permutations[run] for run in params.runs if params.run(run).task == next(iter(params.tasks))}
    orders = [
        (row["order"], [f"{float(rows[i]['probability']):.6f}" for rows in shown.values()])
        for i, row in enumerate(next(iter(shown.values())))
    ]
    texts = yaml.safe_load(QUESTIONS.read_text())
    return environment.from_string(TEMPLATE.read_text()).render(
        figure=_figure,
        figures=figures,
        tasks=[_task(name, task, summary) for name, task in params.tasks.items()],
        seeds=params.seeds,
        header=HEADER,
        text=TEXT,
        shown=list(shown),
        orders=orders,
        agreement=_agreement(shown),
        studies=[
            _study(params, name, texts.get(name, {}), rows, summary, study_figures) for name, rows in studies.items()
        ],
    )


def _figure(path: Path, caption: str) -> Markup:
    data = base64.b64encode(path.read_bytes()).decode()
    source = Markup('<img src="data:image/png;base64,{}" alt="{}">').format(Markup(data), caption)
    return Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(source, escape(caption))


def _task(name: str, task: TaskParams, summary: Rows) -> dict[str, Any]:
    mine = [row for row in summary if row["task"] == name]
    if task.kind == "unit_sum":
        first, second = task.subset_sizes
        drawn = ""
        about = (
            f"bags of {task.set_size} numbers that sum to 1; {first} of them are 1/{first} in class 0, "
            f"{second} of them 1/{second} in class 1, the rest 0."
        )
    else:
        drawn = ", first channel"
        about = (
            f"bags of {task.set_size} objects with {task.channels} independent normal channels of mean zero; their "
            f"variance is {task.variances[0]:g} in class 0 and {task.variances[1]:g} in class 1."
        )
    bayes = percent(mine[0]["bayes_accuracy"]) if mine else "known"
    return {"name": name, "about": about, "drawn": drawn, "bayes": bayes, "rows": [cells(row) for row in mine]}


def _agreement(shown: Mapping[str, Rows]) -> str:
    spreads = {
        run: max(float(row["probability"]) for row in rows) - min(float(row["probability"]) for row in rows)
        for run, rows in shown.items()
    }
    same = [run for run, spread in spreads.items() if spread < 1e-6]
    other = {run: spread for run, spread in spreads.items() if run not in same}
    text = f"The same to six digits: {', '.join(same) or 'none'}."
    if other:
        text += f" Different: {', '.join(f'{run} (by {spread:.2g})' for run, spread in other.items())}."
    return text


def _study(
    params: Params, name: str, text: Mapping[str, str], rows: Rows, summary: Rows, folder: Path
) -> dict[str, Any]:
    study, points = params.study(name), points_of(rows)
    figures = [folder / f"{kind}.png" for kind in ([name, f"{name}_curves"] if study.curves else [name])]
    run = next(iter(study.runs))
    some = study.values or study.runs[run].values or []
    place = f"studies.{name}.values" if study.values else f"studies.{name}.runs.{run}.values"
    values = json.dumps(some[: max(1, len(some) // 2)]).replace(" ", "")
    return {
        "name": name,
        "question": text.get("question", f"How does {study.axis} matter?"),
        "answer": _answer(params, name, points, summary),
        "figures": figures,
        "explanation": text.get("explanation", ""),
        "command": f"dvc exp run -S '{place}={values}'",
    }


def _answer(params: Params, name: str, points: Sequence[Point], summary: Rows) -> str:
    tasks = {variant: params.run(chosen.run or variant).task for variant, chosen in params.study(name).runs.items()}
    beside = [row for row in summary if row["run"] in params.study(name).beside]
    answer: dict[str, Callable[[Sequence[Point]], str]] = {
        "element_nonlinearity": answers.element_nonlinearity,
        "channel_reduction": answers.channel_reduction,
        "fresh_or_fixed": answers.fresh_or_fixed,
        "sample_efficiency": partial(answers.sample_efficiency, tasks=tasks),
        "set_size": answers.set_size,
        "averaging_samples": answers.averaging_samples,
    }
    if beside:
        limits = params.report.model_dump()
        answer["mlp_capacity"] = partial(answers.mlp_capacity, deepset=beside[0], **limits)
    return answer.get(name, answers.in_general)(points)
