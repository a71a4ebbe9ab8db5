"""Errors in the statistics of populations, in a table and in words."""

from permset.report.population import table_of, told
from permset.report.tables import markdown_table


def row(method: str, bags: str, error: float, spread: float = 0.1) -> dict[str, str]:
    numbers = {"error": error, "error_low": error * (1 - spread), "error_high": error * (1 + spread), "r2": 1 - error}
    return {"task": "rank_one", "method": method, "bags": bags} | {
        name: str(number) for name, number in numbers.items()
    }


KNOWN = [row("constant", "", 0.9), row("estimate", "", 0.3)]
LEARNT = [row("deepset", "128", 0.5), row("deepset", "1024", 0.1), row("svm", "128", 0.4), row("svm", "1024", 0.35)]


def test_a_table_has_a_line_for_each_number_of_bags() -> None:
    titles, rows = table_of([*KNOWN, *LEARNT])
    assert markdown_table(titles, rows).splitlines() == [
        "| task, bags of training | best unbiased estimate from one bag | DeepSet | "
        "support-vector machine on covariances |",
        "| --- | ---: | ---: | ---: |",
        "| rank one, 128 | 0.700 | 0.500 | 0.600 |",
        "| rank one, 1,024 | 0.700 | 0.900 | 0.650 |",
    ]
    assert table_of([]) == ({}, [])


def test_words_follow_the_intervals() -> None:
    assert told([*KNOWN, *LEARNT]) == [
        "On rank one, with 1,024 bags of training, mean squared errors are: DeepSet 0.1, support-vector machine on "
        "covariances 0.35, best unbiased estimate from one bag 0.3 and mean of the targets 0.9. Lower than that of the "
        "best unbiased estimate from one bag: DeepSet. Lower than that of the mean of the targets: DeepSet and "
        "support-vector machine on covariances. Of the two that learn, the DeepSet has the lower error; the 95% "
        "intervals do not overlap."
    ]
    [even] = told([*KNOWN, row("deepset", "1024", 0.33), row("svm", "1024", 0.3)])
    assert "one bag: none." in even
    assert even.endswith("The 95% intervals of the two that learn overlap.")
    [behind] = told([*KNOWN, row("deepset", "1024", 0.9), row("svm", "1024", 0.2)])
    assert "one bag: support-vector machine on covariances." in behind
    assert "the support-vector machine has the lower error" in behind
    assert told([]) == []
