"""The page, from the results that are committed."""

import re
from html import unescape
from pathlib import Path

import yaml
from committed import committed

from permset.config.experiment import Params
from permset.figures.styles import LABELS
from permset.report.page import QUESTIONS
from permset.store.tables import read_csv, write_csv
from stages.report import report

PARAMS = Params.model_validate(yaml.safe_load(committed("params.yaml")))


def page(project: Path) -> str:
    report()
    return unescape((project / "results/report.html").read_text())


def answers(text: str) -> dict[str, str]:
    return dict(re.findall(r'<h3 id="(\w+)">.*?<p class="box answer">(.*?)</p>', text, re.DOTALL))


def test_every_question_has_its_answer_its_figure_and_its_command(project: Path) -> None:
    text = page(project)
    assert sorted(answers(text)) == sorted(PARAMS.studies)
    for name, entry in yaml.safe_load(QUESTIONS.read_text()).items():
        assert name in PARAMS.studies
        assert entry["question"] in text
        assert entry["explanation"].strip()[:50] in text
        assert f"dvc exp run studies/dvc.yaml -S 'studies.{name}." in text
    figures = len(PARAMS.studies) + sum(study.curves for study in PARAMS.studies.values()) + 5 * len(PARAMS.sources)
    figures += len(list((project / "results/figures").glob("calibration_*.png"))) + len(
        ["clustering.png", "mil_tests.png", "population.png", "subgroups.png"]
    )
    assert text.count("data:image/png;base64,") == figures
    assert not re.search(r"src=\"(?!data:)|url\(|<link (?!rel=\"icon\" href=\"data:,\")", text), (
        "it needs no other file"
    )
    assert all(run in text for run in PARAMS.runs)


def test_calibration_is_shown_where_it_was_measured(project: Path) -> None:
    """Committed results that were measured before there was any have none."""
    summary, figures = project / "results/summary.csv", project / "results/figures"
    rows = read_csv(summary, "plot")
    for row in rows:
        measured = row["task"] == "digits"
        row |= {"calibration_error": "0.0523" if measured else "", "calibration_error_scaled": "0.0123"}
        row |= {"posterior_error": "", "posterior_error_scaled": ""}
    write_csv(summary, list(rows[0]), [list(row.values()) for row in rows])
    for path in figures.glob("calibration_*.png"):
        path.unlink()
    (figures / "calibration_digits.png").write_bytes((figures / "accuracy_digits.png").read_bytes())
    text = page(project)
    assert text.count("How often the likeliest class is right, against its probability") == 1
    assert text.count('<th scope="col">calibration error (scaled)</th>') == 1
    assert "<td>0.0523 (0.0123)</td>" in text
    assert "digits_deepset 0.052 and 0.012" in text


def test_every_link_leads_to_a_part_of_the_page_or_to_mlflow(project: Path) -> None:
    text = page(project)
    parts = re.findall(r' id="(.*?)"', text)
    assert len(parts) == len(set(parts))
    links = set(re.findall(r'href="(.*?)"', text)) - {"data:,"}
    inside = {link[1:] for link in links if link.startswith("#")}
    assert inside <= set(parts)
    for kind, names in {
        "": PARAMS.studies,
        "table-": [*PARAMS.studies, *PARAMS.sources],
        "table-comparisons-": PARAMS.sources,
        "task-": PARAMS.sources,
        "run-": PARAMS.runs,
        "mlflow-": PARAMS.runs,
        "published-": ["mean", "sum", "max", "set-transformer"],
    }.items():
        assert {f"{kind}{name}" for name in names} <= set(parts), kind
    outside = {link for link in links if not link.startswith("#")}
    address = "http://127.0.0.1:5000/#/experiments/1/runs?searchFilter=attributes.run_name%20%3D%20%27{}%27"
    assert outside == {address.format(run) for run in PARAMS.runs}


def test_every_image_has_an_alternative_text_that_no_other_text_repeats(project: Path) -> None:
    report()
    text = (project / "results/report.html").read_text()
    images = re.findall(r'<img src="[^"]*" alt="([^"]*)"><figcaption>(.*?)</figcaption>', text)
    assert len(images) == text.count("<img ")
    texts = [alt for alt, _ in images]
    assert all(len(alt) > 40 and alt != caption for alt, caption in images)
    assert len(texts) == len(set(texts))


def test_every_header_of_a_table_says_what_it_heads(project: Path) -> None:
    text = page(project)
    assert set(re.findall(r"<th\b.*?>", text.replace(' class="text"', ""))) == {'<th scope="col">', '<th scope="row">'}


def test_the_findings_come_first_and_the_questions_before_the_results(project: Path) -> None:
    text = page(project)
    papers = ["published", "elephant", "population", "clustering", "tests", "subgroups"]
    assert re.findall(r'<h2 id="(\w+)">', text) == ["findings", "questions", "results", *papers, "mlflow"]
    [box] = re.findall(r'<div class="box">(.*?)</div>', text, re.DOTALL)
    first = next(row for row in read_csv(project / "results/summary.csv", "plot") if row["task"] == "digits")
    assert f"On digits, {first['run']} ({100 * float(first['accuracy']):.2f}%) is best." in box
    table = project / "results/comparisons.csv"
    unsure = {"worse": "0.2", "equal": "0.2", "better": "0.6"}
    rows = [row | (unsure if row["task"] == "digits" else {}) for row in read_csv(table, "plot")]
    write_csv(table, list(rows[0]), [list(row.values()) for row in rows])
    assert "is worse is undecided." in re.findall(r"On digits, digits.*?</li>", page(project))[0]


def test_each_task_with_several_runs_has_a_matrix_of_them(project: Path) -> None:
    text = page(project)
    rows = {(row["run"], row["other"]): row for row in read_csv(project / "results/comparisons.csv", "plot")}
    for task in PARAMS.sources:
        runs = [name for name, run in PARAMS.runs.items() if run.task == task]
        [table] = re.findall(rf'<table id="table-comparisons-{task}".*?</table>', text, re.DOTALL)
        assert re.findall(r'<th scope="row".*?>(.*?)</th>', table) == runs
        cells = re.findall(r"<td.*?>(.*?)</td>", table)
        assert len(cells) == len(runs) ** 2
        for place, run in enumerate(runs):
            assert cells[place * (len(runs) + 1)] == "–", "itself"
            for column, other in enumerate(runs[place + 1 :], place + 1):
                assert cells[place * len(runs) + column].split("<br>")[0] == rows[run, other]["verdict"]
    assert text.count('class="matrix"') == len(PARAMS.sources)


def test_without_published_numbers_the_page_leaves_them_out(project: Path) -> None:
    tables = [
        f'<table id="table-{name}">'
        for name in ("published", "elephant", "population", "clustering", "tests", "subgroups")
    ]
    assert all(table in page(project) for table in tables)
    for path in project.glob("published/**/*.csv"):
        path.unlink()
    assert "published" not in page(project)
    assert not any(table in page(project) for table in tables)


def test_accuracies_on_elephant_are_shown_where_they_were_measured(project: Path) -> None:
    path = project / "published/elephant/results/elephant.csv"
    path.unlink(missing_ok=True)
    assert 'href="#elephant"' not in page(project)
    assert 'id="elephant"' not in page(project)
    header = "method", "accuracy", "accuracy_low", "accuracy_high", "auc", "paper", "spread"
    write_csv(path, header, [["max", 0.85, 0.8, 0.9, 0.92, 0.862, 0.034], ["set_transformer", *[0.8] * 4, "", ""]])
    text = page(project)
    assert '<a href="#elephant">' in text
    assert re.findall(r'<h2 id="(\w+)">', text)[3:5] == ["published", "elephant"]
    [part] = re.findall(r'<h2 id="elephant">.*?(?=<h2)', text, re.DOTALL)
    assert "For max, the paper's accuracy lies within our 95% interval." in part
    assert "<td>86.2% ± 3.4%</td>" in part
    assert ">set transformer</th>" in part


def test_a_bag_is_shown_in_several_orders_with_the_largest_difference(project: Path) -> None:
    rows = [
        {"order": f"{i}", "output": "0", "reading": f"{reading}", "meaning": "probability of class 1"}
        for i, reading in enumerate((0.5, 0.25, 0.625))
    ]
    path = project / "results/permutations/mlp.csv"
    write_csv(path, list(rows[0]), [list(row.values()) for row in rows])
    cells = '<th scope="row" class="text">mlp</th><td>0.500000</td><td>0.250000</td><td>0.625000</td>'
    assert f"{cells}<td>0.4</td>" in page(project)
    rows[1]["meaning"] = "probability of well"
    write_csv(path, list(rows[0]), [list(row.values()) for row in rows])
    named = "<td>0.500000 (class 1)</td><td>0.250000 (well)</td><td>0.625000 (class 1)</td>"
    assert named in page(project)
    assert "the probability of the likeliest class, which is named" in page(project)


def test_an_answer_follows_its_table_alone(project: Path) -> None:
    before = answers(page(project))
    for name in ("mlp_capacity", "sample_efficiency", "averaging_samples"):
        table = project / f"results/studies/{name}.csv"
        kept = table.read_text()
        rows = [row | {"accuracy": "0.5", "regret": "0.5", "invariance": "0.5"} for row in read_csv(table, "study")]
        write_csv(table, list(rows[0]), [list(row.values()) for row in rows])
        after = answers(page(project))
        assert {study for study in after if after[study] != before[study]} == {name}
        table.write_text(kept)
    assert answers(page(project)) == before


def test_the_capacity_answer_is_that_of_the_table(project: Path) -> None:
    """By another way than the code's: the first network, by size, with 15 of 16 seeds near the DeepSet."""
    rows = read_csv(project / "results/studies/mlp_capacity.csv", "study")
    near: dict[int, int] = {}
    for row in rows:
        near[int(row["num_params"])] = near.get(int(row["num_params"]), 0) + (float(row["accuracy"]) >= 0.999)
    enough = [size for size, seeds in sorted(near.items()) if seeds >= 15]
    answer = answers(page(project))["mlp_capacity"]
    assert (f"has {enough[0]:,} parameters" in answer) if enough else answer.startswith("None")


def test_every_column_that_a_study_can_show_has_a_label() -> None:
    assert {column for study in PARAMS.studies.values() for column in study.show} <= set(LABELS)
