"""The findings follow the numbers: each is made from a table, and from one that says the opposite."""

from collections.abc import Sequence

import pytest

from permset.evaluation.comparisons import Chances
from permset.report.comparisons import Pairs
from permset.report.findings import best, certificates, decay, findings, leaders, symmetry, ways, yardstick

Run = dict[str, str]


def run(name: str, low: float | None, high: float | None = None, **others: str) -> Run:
    """A row of results/summary.csv; without an interval where `low` is None."""
    middle = 0.5 if low is None else (low + (high or low)) / 2
    row = {
        "run": name,
        "model": name,
        "accuracy": str(middle),
        "accuracy_low": "" if low is None else str(low),
        "accuracy_high": "" if low is None else str(high or low),
        "mae": "",
        "mae_low": "",
        "mae_high": "",
        "bayes_accuracy": "",
        "bag_kflop": "2",
        "invariance_float64": "1e-16",
        "verdict": "invariant",
    }
    return row | others


def error(name: str, low: float, high: float) -> Run:
    return run(name, None, mae=str((low + high) / 2), mae_low=str(low), mae_high=str(high))


def test_of_losses_the_lowest_is_best() -> None:
    losses = {"accuracy": "", "accuracy_low": "", "accuracy_high": ""}
    rows = [
        run(name, None, **losses, loss=loss, loss_low=loss, loss_high=loss) for name, loss in (("a", "2.5"), ("b", "2"))
    ]
    chances = {("a", "b"): Chances(1, 0, 0), ("b", "a"): Chances(0, 0, 1)}
    assert best(rows) == rows[1]
    assert leaders(rows, chances) == "b (2) is best. a is worse."


def pairs(rows: Sequence[Run]) -> Pairs:
    """Better where intervals are apart, equal where the means are, and undecided elsewhere."""
    return {(one["run"], other["run"]): _chances(one, other) for one in rows for other in rows if one is not other}


def _chances(one: Run, other: Run) -> Chances:
    name, sign = ("mae", -1) if one["mae"] else ("accuracy", 1)
    if not (one[f"{name}_low"] and other[f"{name}_low"]):
        return Chances(0.5, 0, 0.5)
    (low, high), (other_low, other_high) = (
        sorted(sign * float(row[f"{name}{end}"]) for end in ("_low", "_high")) for row in (one, other)
    )
    if one[name] == other[name]:
        return Chances(0, 1, 0)
    return Chances(float(high < other_low), 0, float(low > other_high))


def of_tasks(tasks: dict[str, list[Run]]) -> tuple[dict[str, list[Run]], Pairs]:
    return tasks, {names: chances for rows in tasks.values() for names, chances in pairs(rows).items()}


def led(rows: list[Run]) -> str:
    return leaders(rows, pairs(rows))


def test_the_best_has_an_interval() -> None:
    rows = [run("a", 0.1, 0.2), run("b", 0.2, 0.3), run("c", None, accuracy="0.9")]
    assert best(rows) == rows[1]
    assert best(rows[2:]) is None
    assert best([run("a", 0.5, 0.6), run("b", 0.4, 0.9)])["run"] == "b", "by the mean"  # type: ignore[index]
    assert best([error("a", 3, 4), error("b", 1, 2)])["run"] == "b"  # type: ignore[index]


def built_in(low: float, high: float) -> str:
    other = run("mlp", 0.7, 0.8, verdict="not invariant")
    constant = run("linear", 0.95, verdict="constant")
    return symmetry(*of_tasks({"task": [run("deepset", low, high), other, constant], "open": [run("deepset", 0.5)]}))


def test_the_answer_is_that_of_the_comparison_of_the_best_two() -> None:
    still_open = "On open, there are no two such runs to compare."
    assert built_in(0.85, 0.95) == (
        "Building the symmetry in pays on task (90.00% against 75.00%): the best invariant run is better than the best "
        f"that is not. {still_open}"
    )
    assert built_in(0.65, 0.85) == (
        f"On task (75.00% against 75.00%), the best invariant run and the best that is not tie. {still_open}"
    )
    assert built_in(0.75, 0.85) == (
        "On task (80.00% against 75.00%), it is undecided whether the best invariant run or the best that is not is "
        f"better. {still_open}"
    )
    assert built_in(0.55, 0.65) == (
        "On task (60.00% against 75.00%), the best invariant run is worse than the best that is not. " + still_open
    )
    approximate = run("sampled", 0.9, verdict="approximate")
    tasks = {"task": [run("deepset", 0.8), approximate]}
    assert symmetry(*of_tasks(tasks)).endswith("is worse than the best that is not.")


def test_each_way_has_the_number_of_tasks_on_which_it_may_be_the_best() -> None:
    def text(low: float) -> str:
        average = run("average", low, model="sampled_average(mlp)")
        return ways(*of_tasks({"one": [run("mlp", 0.8, 0.9), average], "two": [run("mlp", 0.8)]}))

    prefix = "Not known to be worse than the best run, out of the tasks on which it was tried:"
    assert text(0.85) == f"{prefix} mlp on 2 of 2, sampled average on 1 of 1.", "they tie"
    assert text(0.84) == f"{prefix} mlp on 2 of 2, sampled average on 1 of 1.", "it is undecided"
    assert text(0.7) == f"{prefix} mlp on 2 of 2."
    assert text(0.95) == f"{prefix} sampled average on 1 of 1, mlp on 1 of 2."
    assert ways(*of_tasks({"one": [run("mlp", None)]})) == ""


def test_the_best_run_is_named_and_those_that_are_worse() -> None:
    others = [run("b", 0.6, 0.7), run("c", 0.5)]
    assert led([*others, run("a", 0.8, 0.9)]) == "a (85.00%) is best. b and c are worse."
    assert led([others[1], run("b", 0.6, bayes_accuracy="0.75")]) == (
        "b (60.00%) is best; no classifier can do better than 75.00%. c is worse."
    )
    assert led([error("a", 1, 2), error("b", 3, 4)]) == "a (1.5) is best. b is worse."


def test_ties_are_called_ties() -> None:
    rows = [run("c", 0.1), run("b", 0.7, 0.9, bag_kflop="1.5"), run("a", 0.75, 0.85)]
    assert led(rows) == (
        "b (80.00%) and a (80.00%) tie for the best accuracy. c is worse. Of those that tie, b is the cheapest to use "
        "(1.5 kFLOP for a bag)."
    )
    assert "b and a are the cheapest" in led([rows[0], *(row | {"bag_kflop": "3"} for row in rows[1:])])
    assert "tie for the best mean absolute error" in led([error("a", 1, 3), error("b", 1.5, 2.5)])


def test_what_is_undecided_is_no_tie() -> None:
    rows = [run("c", 0.1), run("b", 0.6, 0.8), run("a", 0.7, 0.9)]
    assert led(rows) == "a (80.00%) has the best accuracy. c is worse. Whether b (70.00%) is worse is undecided."
    assert led([*rows, run("d", 0.65, 0.95)]) == (
        "a (80.00%) and d (80.00%) tie for the best accuracy. c is worse. Whether b (70.00%) is worse is undecided. Of "
        "those that tie, a and d are the cheapest to use (2 kFLOP for a bag)."
    )
    assert "Whether b (0.9) and c (0.95) are worse" in led([error("a", 0.7, 1), error("b", 0.8, 1), error("c", 0.9, 1)])


def test_without_intervals_nothing_is_better() -> None:
    assert led([run("a", None), run("b", None)]) == (
        "no run has an interval, so that none can be called better than another."
    )
    assert led([run("a", 0.5), run("b", None)]).endswith("Whether b (50.00%) is worse is undecided.")
    assert led([run("a", 0.5)]) == "a (50.00%) is the only run."


def against_machine(low: float, high: float) -> str:
    rows = [run("deepset", low, high), run("weak", 0.1), run("yardstick", 0.7, 0.8, model="svm")]
    return yardstick(*of_tasks({"musk": rows, "drawn": rows[:2]}))


def test_networks_are_compared_with_the_support_vector_machine() -> None:
    assert against_machine(0.85, 0.95) == (
        "On musk (90.00% against 75.00%), the best network is better than the support-vector machine."
    )
    assert against_machine(0.65, 0.85).endswith("the best network ties with the support-vector machine.")
    assert "it is undecided whether the best network or the support-vector machine" in against_machine(0.75, 0.85)
    assert against_machine(0.55, 0.65).endswith("the best network is worse than the support-vector machine.")


@pytest.mark.parametrize(
    ("verdicts", "text"),
    [
        (["invariant", "invariant"], "2 are invariant up to rounding."),
        (["invariant", "constant"], "1 is invariant up to rounding and 1 is constant, with one output for all bags."),
        (
            ["not invariant", "not invariant"],
            "2 are not invariant (reordering moves an output by up to 0.75 of its spread over bags).",
        ),
        (
            ["approximate", "invariant"],
            "1 is invariant up to rounding and 1 is approximately invariant (reordering moves an output by up to 0.25 "
            "of its spread over bags).",
        ),
    ],
)
def test_certificates_are_counted(verdicts: Sequence[str], text: str) -> None:
    rows = [
        run(f"{i}", 0.5, verdict=verdict, invariance_float64=error)
        for i, (verdict, error) in enumerate(zip(verdicts, ("0.25", "0.75"), strict=True))
    ]
    assert certificates({"task": rows}) == f"Of 2 runs, {text}"


def test_each_finding_points_to_its_numbers() -> None:
    found = findings({"unit_sum": [run("deepset", 0.9)]}, {})
    assert [anchor for _, anchor in found] == ["results", "results", "task-unit_sum", "results"]
    assert all(sentence.endswith(".") for sentence, _ in found)


def test_cosine_decay_is_said_to_help_only_where_intervals_are_apart() -> None:
    ends = {"sum": (1, 2, 0, 0.5), "max": (1, 2, 0, 1), "mean": (1, 2, 3, 4), "svm": (1, 2, 2, 4), "lse": (3, 4, 0, 2)}
    names = "constant_low", "constant_high", "cosine_low", "cosine_high"
    rows = [{"method": method} | dict(zip(names, map(str, of), strict=True)) for method, of in ends.items()]
    assert decay(rows) == (
        "With cosine decay the error of sum and lse is lower, and the 95% intervals do not overlap. "
        "With cosine decay the error of mean is higher, and the 95% intervals do not overlap. "
        "For max and svm the intervals overlap."
    )
    assert decay(rows[:1]) == "With cosine decay the error of sum is lower, and the 95% intervals do not overlap."
