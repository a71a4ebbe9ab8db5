"""The results on one page: results/report.html, self-contained."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence, Set
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup, escape

from permset.config.data import (
    AnySource,
    DigitsParams,
    FoldsParams,
    GaussianVarianceParams,
    MaximumParams,
    UnitSumParams,
)
from permset.config.experiment import Params
from permset.report import answers
from permset.report.answers import MeasuredPoint, points_of
from permset.report.tables import TEXT, by_task, chosen, columns, limit, percent, warnings

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
    tasks = by_task(summary)
    shown = {row["run"]: permutations[row["run"]] for row in next(iter(tasks.values()))}
    meanings = {row.get("meaning", "reading") for rows in shown.values() for row in rows}
    orders = [
        (row["order"], [_reading(rows[i], meanings) for rows in shown.values()])
        for i, row in enumerate(next(iter(shown.values())))
    ]
    texts = yaml.safe_load(QUESTIONS.read_text())
    return environment.from_string(TEMPLATE.read_text()).render(
        figure=_figure,
        figures=figures,
        tasks=[_task(name, params.task(name), rows, figures) for name, rows in tasks.items()],
        seeds=params.seeds,
        text=TEXT,
        shown=list(shown),
        orders=orders,
        meaning=meanings.pop() if len(meanings) == 1 else "probability of the likeliest class, which is named",
        agreement=_agreement(shown),
        studies=[
            _study(params, name, texts.get(name, {}), rows, summary, study_figures) for name, rows in studies.items()
        ],
    )


def _reading(row: Mapping[str, str], meanings: Set[str]) -> str:
    """Also of what it is, where that is not the same everywhere."""
    shown = f"{float(row['reading']):.6f}"
    return shown if len(meanings) == 1 else f"{shown} ({row['meaning'].removeprefix('probability of ')})"


def _figure(path: Path, caption: str) -> Markup:
    data = base64.b64encode(path.read_bytes()).decode()
    source = Markup('<img src="data:image/png;base64,{}" alt="{}">').format(Markup(data), caption)
    return Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(source, escape(caption))


def _task(name: str, task: AnySource, rows: Rows, figures: Path) -> dict[str, Any]:
    header = columns(rows)
    captions = {
        "accuracy": "Score on the test set against the number of parameters",
        "loss": "Training loss",
        "invariance": "Relative change of outputs when objects are reordered",
    }
    return {
        "name": name,
        "about": _about(task),
        "limit": limit(rows),
        "header": list(header),
        "rows": [[cell(row) for cell in header.values()] for row in rows],
        "chosen": chosen(rows),
        "warnings": warnings(rows),
        "figures": [
            (path, caption) for kind, caption in captions.items() if (path := figures / f"{kind}_{name}.png").exists()
        ],
    }


def _about(task: AnySource) -> str:
    match task:
        case UnitSumParams():
            first, second = task.subset_sizes
            return (
                f"bags of {task.set_size} numbers that sum to 1; {first} of them are 1/{first} in class 0, "
                f"{second} of them 1/{second} in class 1, the rest 0."
            )
        case GaussianVarianceParams():
            return (
                f"bags of {task.set_size} objects with {task.channels} independent normal channels of mean zero; their "
                f"variance is {task.variances[0]:g} in class 0 and {task.variances[1]:g} in class 1."
            )
        case MaximumParams():
            return f"1 to {task.set_size} numbers, uniform in [0, {task.high:g}], of which the largest is to be told."
        case DigitsParams():
            what = f"scikit-learn's 8 × 8 digits as clouds of the pixels (row, column, intensity) ≥ {task.threshold}"
        case _:
            what = f"the bags of {task.path}"
    split = task.split
    if isinstance(split, FoldsParams):
        how = f"{split.repeats} × {split.folds} stratified folds, a network for each"
    else:
        how = f"{percent(split.test, 0)} of the bags are for test"
    return f"{what}; {how}; {percent(split.validation, 0)} of the others are for validation."


def _agreement(shown: Mapping[str, Rows]) -> str:
    spreads = {
        run: max(float(row["reading"]) for row in rows) - min(float(row["reading"]) for row in rows)
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
    values = study.values or study.runs[run].values or []
    place = f"studies.{name}.values" if study.values else f"studies.{name}.runs.{run}.values"
    fewer = json.dumps(values[: max(1, len(values) // 2)]).replace(" ", "")
    return {
        "name": name,
        "question": question(params, name),
        "answer": answer(params, name, points, summary),
        "figures": figures,
        "explanation": text.get("explanation", ""),
        "command": f"dvc exp run studies/dvc.yaml -S '{place}={fewer}'",
    }


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
