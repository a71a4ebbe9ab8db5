"""Titles say what the numbers say."""

from permset.figures.sentences import leaders, listed, verdicts


def test_the_best_is_the_highest_accuracy_and_the_lowest_loss() -> None:
    assert leaders({"a": 0.7, "b": 0.9}, "accuracy", "test accuracy") == "b has the highest test accuracy, 90.00%"
    assert leaders({"a": 0.7, "b": 0.9}, "regret", "regret") == "a has the lowest regret, 0.7"


def test_those_that_look_the_same_share_a_place() -> None:
    close = {"a": 0.99999, "b": 0.999991, "c": 0.5}
    assert leaders(close, "accuracy", "accuracy") == "2 of 3 methods share the highest accuracy, 100.00%"
    assert leaders({"a": 0.0, "b": 0.0}, "loss", "loss") == "All 2 methods have the same loss, 0"


def test_names_are_listed() -> None:
    assert [listed(["a", "b", "c"][:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_verdicts_are_counted() -> None:
    given = ["invariant", "not invariant", "invariant", "approximate", "constant"]
    assert verdicts(given) == (
        "Of 5 methods, 2 are invariant, 1 is constant, 1 is approximately invariant and 1 is not invariant"
    )
    assert verdicts(["invariant"] * 3) == "All methods are invariant"
    assert verdicts(["not invariant"]) == "The method is not invariant"
