"""`make mutants` counts as killed what a test notices and nothing else; what it runs is for it alone."""

from pathlib import Path

import pytest

from verification.mutants import Lane, entry, files_testing, listed, sample, verdict
from verification.mutations import Mutant, mutants_of, mutated

TOY = '''
def larger(a, b):
    """The larger one."""
    if a > b:
        return a
    return b

def countdown(n):
    while n > 0:
        n -= 1
    return n
'''
TEST = """
from toy import countdown, larger

def test_it():
    assert (larger(1, 2), larger(2, 1), larger(3, 3)) == (2, 2, 3)
    assert countdown(3) == 0
"""


def mutant(before: str, after: str, function: str = "larger") -> Mutant:
    return Mutant("toy", function, before, after)


def test_a_mutant_that_tests_notice_is_killed_and_another_survives(tmp_path: Path) -> None:
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "test_toy.py").write_text(TEST)
    numbers, lane = mutants_of("toy", TOY), Lane(tmp_path)
    assert lane.seconds(["test_toy.py"], 60) is not None
    lives = {one: lane.survives("toy.py", mutated(TOY, number), ["test_toy.py"], 3) for one, number in numbers.items()}
    alive = [one for one, survives in lives.items() if survives]
    assert alive == [mutant("if a > b:", "if a >= b:")]
    assert not lives[mutant("n -= 1", "pass", "countdown")], "it never ends"
    assert (tmp_path / "toy.py").read_text() == TOY
    assert lane.seconds(["test_toy.py"], 60) is not None
    assert verdict(len(lives), alive, {})[0] == 1, "it is not listed"
    assert verdict(len(lives), alive, {alive[0]: "equal numbers are each the larger one"})[0] == int(len(lives) < 10)


def test_less_than_nine_in_ten_killed_is_not_enough() -> None:
    alive = [mutant("a", "b")]
    status, report = verdict(10, alive, {alive[0]: "harmless"})
    assert (status, report.startswith("9 of 10 mutants are killed (90.0%)")) == (0, True)
    assert verdict(9, alive, {alive[0]: "harmless"})[0] == 1
    assert entry(alive[0]) in verdict(10, alive, {alive[0]: ""})[1]


@pytest.mark.parametrize(("source", "lines"), [
    ("x = a < b", ["x = a <= b"]),
    ("x = a + b * 2", ["x = a - b * 2", "x = a + b / 2", "x = a + b * 3"]),
    ("x = not a and -b", ["x = not a or -b", "x = not a and +b"]),
    ("x = f(a, b=True)", ["x = f(a)", "x = f(a, b=False)"]),
    ("x = a.max() if b else 'c'", ["x = a.min() if b else 'c'", "x = a.max() if not b else 'c'",
                                   "x = a.max() if b else 'c!'"]),
    ("def f(a: int = 1):\n    return a", ["def f(a: int=2):", "return None"]),
    ("f(1)", ["pass", "f(2)"]),
    ("if a:\n    raise ValueError('text', 1)", ["if not a:", "pass"]),
    ('x: Float[Tensor, "n c"] = f"{1}"', []),
])  # fmt: skip
def test_mutants_differ_in_one_line(source: str, lines: list[str]) -> None:
    found = mutants_of("toy", source)
    assert sorted(one.after for one in found) == sorted(lines)
    for one, number in found.items():
        text = mutated(source, number)
        assert text != source
        assert one.after in [line.strip() for line in text.splitlines()]


def test_every_module_of_the_core_has_tests_and_every_listed_survivor_a_reason() -> None:
    mutants = sample()
    assert len(mutants) >= 300
    assert all(files_testing(one.module) for one in mutants)
    assert all(listed().values())
