"""What figures show, in words, for those who do not see them."""

from collections.abc import Iterable, Sequence

from permset.config.studies import StudyParams
from permset.figures.key_objects import KeyBag
from permset.figures.names import plain
from permset.figures.sentences import listed
from permset.report.answers import MeasuredPoint, runs_of
from permset.report.tables import Row, percent, score_of, three_digits


def bags(task: str, about: str) -> str:
    return f"Some bags of {task} as rows of coloured cells, one for each object. {about}"


def scores(task: str, rows: Sequence[Row]) -> str:
    score = score_of(rows[0])
    numbers = (score.show(row[score.column]) for row in rows)
    return f"{score.name.capitalize()} of the runs on {task}: {_of_runs(rows, numbers)}."


def losses(task: str, rows: Sequence[Row]) -> str:
    trained = _trained(rows)
    numbers = (three_digits(row["loss"]) for row in trained)
    return f"Loss of the runs on {task} along the training; at its end, on test bags: {_of_runs(trained, numbers)}."


def curves(task: str, rows: Sequence[Row]) -> str:
    score, trained = score_of(rows[0]), _trained(rows)
    numbers = (score.show(row["validation"]) for row in trained)
    about = f"{score.name.capitalize()} of the runs on {task} along the training, on bags of training and of validation"
    return f"{about}; at its end, on validation bags: {_of_runs(trained, numbers)}."


def invariance(task: str, rows: Sequence[Row]) -> str:
    numbers = (f"{float(row['invariance_float64']):.1g}" for row in rows)
    return f"Relative change of the outputs on {task} when objects are reordered: {_of_runs(rows, numbers)}."


def calibration(task: str, rows: Sequence[Row]) -> str:
    numbers = (
        f"{float(row['calibration_error']):.2g} and {float(row['calibration_error_scaled']):.2g}" for row in rows
    )
    about = (
        f"Accuracy of the runs on {task} in bins of their confidence. Calibration error as trained and with temperature"
    )
    return f"{about}: {_of_runs(rows, numbers)}."


def mil_tests(rows: Sequence[Row]) -> str:
    numbers = (f"{plain(row['method'])} on {plain(row['test'])} {float(row['auc']):.2f}" for row in rows)
    return f"AUC on the test bags of each test of multiple-instance learning: {', '.join(numbers)}."


def population(rows: Sequence[Row]) -> str:
    numbers = (
        f"{plain(row['method'])} on {plain(row['task'])} with {row['bags']} bags {three_digits(row['error'])}"
        for row in rows
        if row["bags"]
    )
    return f"Mean squared error on each statistic of populations: {', '.join(numbers)}."


def clustering(rows: Sequence[Row]) -> str:
    numbers = (f"{row['method']} {float(row['network']):.3f}" for row in rows)
    return f"Log-likelihood of a point along the training; on test bags at its end, in nats: {', '.join(numbers)}."


def subgroups(rows: Sequence[Row]) -> str:
    numbers = (
        f"{plain(row['method'])} on {plain(row['task'])} with {row['group']} {percent(row['accuracy'])}" for row in rows
    )
    return f"Accuracy of every method with the right group, a smaller and a larger one: {', '.join(numbers)}."


def study(name: str, params: StudyParams, points: Sequence[MeasuredPoint]) -> str:
    """What is drawn, and where each line of the first panel starts and ends."""
    names, lines = [column.replace("_", " ") for column in params.show], []
    for run, line in runs_of(points).items():
        first, last = (f"{point.mean(params.show[0]):.3g} at {point.value}" for point in (line[0], line[-1]))
        lines.append(f"{run} from {first} to {last}")
    return f"Study {name}: {listed(names)} against {params.axis}. Mean {names[0]}: {', '.join(lines)}."


def study_curves(name: str, params: StudyParams, points: Sequence[MeasuredPoint]) -> str:
    runs = listed(list(runs_of(points)))
    return f"Study {name}: loss and score along the training, for each value of {params.axis}, of {runs}."


def _trained(rows: Sequence[Row]) -> list[Row]:
    """Runs that are trained step by step; a support-vector machine is not."""
    return [row for row in rows if row["model"] != "svm"]


def _of_runs(rows: Sequence[Row], numbers: Iterable[str]) -> str:
    return ", ".join(f"{row['run']} {number}" for row, number in zip(rows, numbers, strict=True))


def key_objects(prediction: str, bags: Sequence[KeyBag]) -> str:
    strongest = [
        f"row {bag.objects[0].row} of bag {bag.bag} (predicted {bag.predicted}, {bag.objects[0].effect:+.2g})"
        for bag in bags
    ]
    return f"Effects of single objects on the predictions for bags of {prediction}; the largest: {listed(strongest)}."
