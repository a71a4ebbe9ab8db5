"""The findings follow the numbers: each is made from a table, and from one that says the opposite."""

from collections.abc import Sequence

import pytest

from permset.report.findings import best, certificates, compared, decay, findings, leaders, symmetry, ways, yardstick


def run(name: str, low: float | None, high: float | None = None, **others: str) -> dict[str, str]:
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
        "behind": "",
        "behind_low": "",
        "bayes_accuracy": "",
        "bag_kflop": "2",
        "invariance_float64": "1e-16",
        "verdict": "invariant",
    }
    return row | others


def error(name: str, low: float, high: float) -> dict[str, str]:
    return run(name, None, mae=str((low + high) / 2), mae_low=str(low), mae_high=str(high))


def test_better_and_worse_need_intervals_that_are_apart() -> None:
    assert compared(run("a", 0.8, 0.9), run("b", 0.6, 0.7)) == "better"
    assert compared(run("a", 0.6, 0.7), run("b", 0.8, 0.9)) == "worse"
    assert compared(run("a", 0.6, 0.8), run("b", 0.7, 0.9)) == "tie"
    assert compared(run("a", 0.6, 0.7), run("b", 0.7, 0.9)) == "tie", "they touch"
    assert compared(error("a", 1, 2), error("b", 3, 4)) == "better", "of errors, less is better"
    assert compared(error("a", 3, 4), error("b", 1, 2)) == "worse"


def test_runs_are_compared_on_the_same_bags_where_that_is_known() -> None:
    """The error of test bags that both share widens the interval of each, and tells nothing of which is better."""
    first = run("a", 0.7, 0.9, behind="0", behind_low="0")
    near = run("b", 0.6, 0.8, behind="0.1", behind_low="-0.01")
    far = run("c", 0.6, 0.8, behind="0.1", behind_low="0.01")
    assert (compared(first, near), compared(near, first)) == ("tie", "tie")
    assert (compared(first, far), compared(far, first)) == ("better", "worse")
    assert compared(near, far) == "tie", "neither is the best: their own intervals"
    assert leaders([far, first, near]).startswith("a (80.00%) and b (70.00%) tie for the best accuracy. c is worse.")


def test_the_best_has_an_interval() -> None:
    rows = [run("a", 0.1, 0.2), run("b", 0.2, 0.3), run("c", None, accuracy="0.9")]
    assert best(rows) == rows[1]
    assert best(rows[2:]) is None
    assert best([run("a", 0.5, 0.6), run("b", 0.4, 0.9)])["run"] == "b", "by the mean"  # type: ignore[index]
    assert best([error("a", 3, 4), error("b", 1, 2)])["run"] == "b"  # type: ignore[index]


def built_in(low: float, high: float) -> str:
    other = run("mlp", 0.7, 0.8, verdict="not invariant")
    constant = run("linear", 0.95, verdict="constant")
    return symmetry({"task": [run("deepset", low, high), other, constant], "open": [run("deepset", 0.5)]})


def test_the_answer_is_better_tie_or_worse_as_the_intervals_are() -> None:
    still_open = "On open, there are no two such runs to compare."
    assert built_in(0.85, 0.95) == (
        "Building the symmetry in pays on task (90.00% against 75.00%): the best invariant run is better than the best "
        f"that is not. {still_open}"
    )
    assert built_in(0.75, 0.85) == (
        f"On task (80.00% against 75.00%), the best invariant run and the best that is not tie. {still_open}"
    )
    assert built_in(0.55, 0.65) == (
        "On task (60.00% against 75.00%), the best invariant run is worse than the best that is not. " + still_open
    )
    approximate = run("sampled", 0.9, verdict="approximate")
    assert symmetry({"task": [run("deepset", 0.8), approximate]}).endswith("is worse than the best that is not.")


def test_each_way_has_the_number_of_tasks_on_which_it_leads() -> None:
    def text(low: float) -> str:
        average = run("average", low, model="sampled_average(mlp)")
        return ways({"one": [run("mlp", 0.8, 0.9), average], "two": [run("mlp", 0.8)]})

    prefix = "Best or tied for best, out of the tasks on which it was tried:"
    assert text(0.85) == f"{prefix} mlp on 2 of 2, sampled average on 1 of 1."
    assert text(0.7) == f"{prefix} mlp on 2 of 2."
    assert text(0.95) == f"{prefix} sampled average on 1 of 1, mlp on 1 of 2."
    assert ways({"one": [run("mlp", None)]}) == ""


def test_the_best_run_is_named_and_those_that_are_worse() -> None:
    others = [run("b", 0.6, 0.7), run("c", 0.5)]
    assert leaders([*others, run("a", 0.8, 0.9)]) == "a (85.00%) is best. b and c are worse."
    assert leaders([others[1], run("b", 0.6, bayes_accuracy="0.75")]) == (
        "b (60.00%) is best; no classifier can do better than 75.00%. c is worse."
    )
    assert leaders([error("a", 1, 2), error("b", 3, 4)]) == "a (1.5) is best. b is worse."


def test_ties_are_called_ties() -> None:
    rows = [run("c", 0.1), run("b", 0.6, 0.8, bag_kflop="1.5"), run("a", 0.7, 0.9)]
    assert leaders(rows) == (
        "a (80.00%) and b (70.00%) tie for the best accuracy. c is worse. Of those that tie, b is the cheapest to use "
        "(1.5 kFLOP for a bag)."
    )
    assert "a and b are the cheapest" in leaders([rows[0], *(row | {"bag_kflop": "3"} for row in reversed(rows[1:]))])
    assert "tie for the best mean absolute error" in leaders([error("a", 1, 3), error("b", 2, 4)])


def test_without_intervals_nothing_is_better() -> None:
    assert leaders([run("a", None), run("b", None)]) == (
        "no run has an interval, so that none can be called better than another."
    )
    assert leaders([run("a", 0.5), run("b", None)]) == "a (50.00%) is the only run with an interval."


def against_machine(low: float, high: float) -> str:
    rows = [run("deepset", low, high), run("weak", 0.1), run("yardstick", 0.7, 0.8, model="svm")]
    return yardstick({"musk": rows, "drawn": rows[:2]})


def test_networks_are_compared_with_the_support_vector_machine() -> None:
    assert against_machine(0.85, 0.95) == (
        "On musk (90.00% against 75.00%), the best network is better than the support-vector machine."
    )
    assert "no network is better than the support-vector machine" in against_machine(0.75, 0.85)
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
    found = findings({"unit_sum": [run("deepset", 0.9)]})
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
