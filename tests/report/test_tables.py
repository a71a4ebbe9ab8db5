"""The full tables of the report."""

from permset.evaluation.summary import COLUMNS
from permset.report import elephant
from permset.report.tables import chosen, columns, markdown_table, measured_on, score_of, small, subscripted

ROW = {"mae": "", "bayes_accuracy": "1.0", "invariance_bags": "200", "verdict": "invariant", "group": "C_10"}


def sizes(smallest: int, largest: int, bags: int = 92) -> dict[str, str]:
    numbers = {"bags": bags, "smallest": smallest, "largest": largest}
    return ROW | {f"invariance_{name}": str(number) for name, number in numbers.items()}


def test_a_table_says_on_how_many_bags_and_of_which_sizes_invariance_was_measured() -> None:
    assert columns([ROW])["measured on"](sizes(10, 10, 200)) == "200 bags of 10"
    assert measured_on(sizes(2, 40)) == "92 bags of 2 to 40 objects"
    assert measured_on(sizes(500, 500, 1)) == "1 bag of 500"
    assert {f"invariance_{name}" for name in ("bags", "smallest", "largest")} <= set(COLUMNS)


def test_calibration_is_shown_as_trained_and_scaled_where_it_was_measured() -> None:
    row = ROW | {"calibration_error": "0.0123", "calibration_error_scaled": "0.00456", "posterior_error": ""}
    shown = columns([row])
    assert shown["calibration error (scaled)"](row) == "0.0123 (0.0046)"
    assert "posterior error (scaled)" not in shown
    row |= {"posterior_error": "0.2", "posterior_error_scaled": "0.1"}
    assert columns([row])["posterior error (scaled)"](row) == "0.2000 (0.1000)"
    assert not any("scaled" in title for title in columns([ROW]))
    assert {name for name in row if name.startswith(("calibration", "posterior"))} <= set(COLUMNS)


def test_how_far_outputs_fall_is_shown_where_a_network_is_monotone() -> None:
    falling = ROW | {"monotone": "not monotone", "monotonicity": "0.123"}
    monotone = ROW | {"monotone": "monotone", "monotonicity": "0"}
    assert "largest fall" not in columns([falling])
    shown = columns([falling, monotone])
    assert [shown["largest fall"](row) for row in (falling, monotone)] == ["0.1", "0"]
    assert shown["verdict"](falling) == "invariant under C₁₀"
    assert shown["verdict"](monotone) == "invariant under C₁₀, monotone"
    assert {"monotone", "monotonicity"} <= set(COLUMNS)


def test_runs_without_classes_and_numbers_are_compared_by_their_loss() -> None:
    mixture = ROW | {"run": "one", "accuracy": "", "bayes_accuracy": "", "validation": "2.5", "loss": "2.25"}
    mixture |= {"loss_low": "2.125", "loss_high": "2.5"}
    assert {"loss", "loss_low", "loss_high"} <= set(COLUMNS)
    shown = columns([mixture])
    assert shown["validation loss"](mixture) == "2.5"
    assert small([mixture])["loss (95% interval)"](mixture) == "2.25 (2.12 – 2.5)"
    assert not any("accuracy" in title for title in shown)
    assert chosen([mixture, mixture | {"run": "other", "validation": "2.4"}]) == "other", "the lower one"
    names = {score_of(row).name for row in (ROW | {"accuracy": "0.5"}, ROW | {"mae": "3"}, mixture)}
    assert names == {"accuracy", "mean absolute error", "loss"}


def test_a_verdict_names_its_group_as_mathematicians_write_it() -> None:
    assert columns([ROW])["verdict"](ROW) == "invariant under C₁₀"
    assert subscripted("S_12 × S_3") == "S₁₂ × S₃"
    assert subscripted("⟨(0 1)⟩") == "⟨(0 1)⟩"


def of_elephant(method: str, low: float, high: float, paper: str = "") -> dict[str, str]:
    numbers = {"accuracy": (low + high) / 2, "accuracy_low": low, "accuracy_high": high, "auc": 0.9376}
    return {"method": method, "paper": paper, "spread": paper and "0.027"} | {k: str(v) for k, v in numbers.items()}


def test_accuracies_on_elephant_are_beside_those_of_the_paper() -> None:
    rows = [of_elephant("attention", 0.8, 0.9, "0.857"), of_elephant("set_transformer", 0.75, 0.8525)]
    assert markdown_table(elephant.COLUMNS, rows).splitlines() == [
        "| method | accuracy (95% interval) | AUC | paper |",
        "| --- | ---: | ---: | ---: |",
        "| attention | 85.00% (80.00% – 90.00%) | 0.938 | 85.7% ± 2.7% |",
        "| set transformer | 80.12% (75.00% – 85.25%) | 0.938 |  |",
    ]


def test_where_the_accuracy_of_the_paper_lies_is_said_of_each_method_that_has_one() -> None:
    papers = {"max_pooling": "0.8", "mean": "0.9", "sum": "0.95", "svm": "", "attention": "0.75", "lse": "0.85"}
    assert elephant.told([of_elephant(method, 0.8, 0.9, paper) for method, paper in papers.items()]) == (
        "For max pooling, mean and lse, the paper's accuracy lies within our 95% interval. "
        "For sum, the paper's accuracy lies above our 95% interval. "
        "For attention, the paper's accuracy lies below our 95% interval."
    )
    assert elephant.told([of_elephant("svm", 0.8, 0.9)]) == ""
