"""What methods reach with the right group, a smaller and a larger one, in a table and in words."""

from permset.report.subgroups import table_of, told
from permset.report.tables import markdown_table


def row(task: str, method: str, fit: str, accuracy: float, possible: str, bayes: float = 1.0) -> dict[str, str]:
    numbers = {"accuracy": accuracy, "accuracy_low": accuracy - 0.01, "accuracy_high": accuracy + 0.01}
    texts = {name: str(number) for name, number in {**numbers, "bayes_accuracy": bayes}.items()}
    return {"task": task, "method": method, "fit": fit, "possible": possible, "continuous": ""} | texts


ROWS = [
    row("rotations", "group_average", "right", 0.99, "1.0"),
    row("rotations", "group_average", "large", 0.505, "0.5"),
    row("rotations", "deepset", "large", 0.52, "0.5"),
    row("rotations", "mlp", "small", 0.9, "1.0"),
    row("blocks", "group_average", "right", 0.6, "0.7", 0.7),
    row("blocks", "cyclic", "large", 0.7, "", 0.7),
]


def test_a_table_has_a_line_for_each_method_on_each_task() -> None:
    lines = markdown_table(*table_of(ROWS)).splitlines()
    assert lines[0] == "| task, method | too small a group | the right group | too large a group |"
    average = "| rotations, group average |  | 99.00% (98.00% – 100.00%) | 50.50% (49.50% – 51.50%) |"
    assert lines[2] == average
    assert lines[4].startswith("| rotations, mlp | 90.00%")
    assert len(lines) == 7
    assert table_of([]) == ({}, [])


def test_words_follow_the_numbers() -> None:
    begin = "On rotations, whose Bayes accuracy is 100.00%, these come within 0.01 of it with"
    assert told(ROWS)[:4] == [
        f"{begin} too small a group: none; these do not: mlp.",
        f"{begin} the right group: group average; these do not: none.",
        f"{begin} too large a group: none; these do not: group average and deepset.",
        "On rotations, no rule that is invariant under the too large group can be right more often than 50.00%; "
        "whose 95% interval is above that: deepset.",
    ]
    assert told(ROWS)[-1].endswith("with too large a group: cyclic; these do not: none."), "where no limit is known"
    assert told([]) == []


def test_words_say_whose_outputs_jump() -> None:
    sorts = [ROWS[0] | {"continuous": "not continuous"}, ROWS[1] | {"continuous": "continuous"}, *ROWS[2:]]
    assert told(sorts)[4] == (
        "On rotations, of the methods that put objects in order, the outputs of these jump: group average with the "
        "right group; those of these are continuous: group average with too large a group."
    )
    assert not any("jump" in line for line in told(ROWS))
