"""Which methods pass the tests of multiple-instance learning."""

from permset.report.mil_tests import table_of, told
from permset.report.tables import markdown_table


def row(method: str, test: str, result: str, auc: float, monotone: str = "not monotone") -> dict[str, str]:
    ends = {"auc": auc, "auc_low": auc - 0.1, "auc_high": auc + 0.1}
    numbers = {name: str(number) for name, number in ends.items()}
    return {"method": method, "test": test, "result": result, "monotone": monotone, "train_accuracy": "0.99"} | numbers


ROWS = [
    row("mean", "one_concept", "fail", 0.2),
    row("mean", "false_frequency", "pass", 0.8),
    row("many_concepts", "one_concept", "pass", 0.7, "monotone"),
    row("many_concepts", "false_frequency", "pass", 0.8, "monotone"),
    row("max", "one_concept", "undecided", 0.5, "monotone"),
    row("max", "false_frequency", "pass", 0.8),
]


def test_a_table_has_a_line_for_each_method_and_a_column_for_each_test() -> None:
    lines = markdown_table(*table_of(ROWS)).splitlines()
    assert lines[0] == "| method | one concept | false frequency | monotone |"
    assert lines[2] == "| mean | fail, 0.200 (0.100 – 0.300) | pass, 0.800 (0.700 – 0.900) | no |"
    assert lines[3] == "| many concepts | pass, 0.700 (0.600 – 0.800) | pass, 0.800 (0.700 – 0.900) | yes |"
    assert lines[4].endswith("| no |"), "it is not monotone in all tests"
    assert table_of([]) == ({}, [])


def test_words_follow_the_results() -> None:
    assert told(ROWS) == [
        "Pass every test: many concepts.",
        "Fail at least one: mean.",
        "Monotone on the bags measured: many concepts.",
        "Less than 95% right on the last bags of training: none.",
    ]
    poorly = [ROWS[0] | {"train_accuracy": "0.94"}, ROWS[2] | {"train_accuracy": "0.95"}, ROWS[4]]
    assert told(poorly)[3] == "Less than 95% right on the last bags of training: mean on one concept."
    assert told(ROWS[:2])[0] == "Pass every test: none."
