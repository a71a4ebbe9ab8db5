"""What tasks are, in words."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from permset.config.data import SplitParams, TaskParams
from permset.report.tasks import about, divided


@pytest.mark.parametrize(
    ("split", "words"),
    [
        (
            {"kind": "folds", "folds": 5, "repeats": 2, "validation": 0.1},
            "2 × 5 stratified folds, a network for each; 10% of the others are for validation",
        ),
        (
            {"kind": "fraction", "test": 0.2, "validation": 0.1, "group": "shop"},
            "20% of the bags are for test; 10% of the others are for validation; bags of one shop stay together",
        ),
        ({"kind": "column", "column": "part"}, "its column part says which bags are for training, validation and test"),
    ],
)
def test_how_bags_are_divided_is_said(split: dict[str, Any], words: str) -> None:
    seed = {} if split["kind"] == "column" else {"seed": 0}
    assert divided(TypeAdapter(SplitParams).validate_python(split | seed)) == words


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (
            {"kind": "population", "statistic": "rank_one", "set_sizes": [300, 500], "family_seed": 0},
            "Samples of 300 to 500 objects of normal distributions; a number that the covariance has is to be found "
            "(rank one: Zaheer et al. 2017, section 4.1.1).",
        ),
        (
            {"kind": "gaussian_mixtures", "components": 4, "set_sizes": [100, 500], "high": 4, "deviation": 0.3},
            "100 to 500 points of mixtures of 4 normal distributions in the plane; which mixture it was is to be "
            "found.",
        ),
        (
            {"kind": "maximum", "set_size": 10, "high": 100, "loss": "absolute"},
            "Bags of 1 to 10 numbers, uniform in [0, 100]; the largest is to be found.",
        ),
    ],
)
def test_a_sentence_says_what_is_to_be_found(task: dict[str, Any], words: str) -> None:
    test = {"test_sets": 10, "test_seed": 0}
    params: Any = TypeAdapter(TaskParams).validate_python(task | test)
    assert about(params) == words
