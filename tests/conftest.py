"""Tests compute as the stages do: with the switches for portable arithmetic, which processes of tests inherit."""

from pathlib import Path

import pytest
from hypothesis import settings

# A machine may be loaded: what counts is what a test finds, not how long it takes. The same code always has the same
# verdict; `pytest --hypothesis-profile=search` looks for examples that were never tried.
settings.register_profile("search", deadline=None)
settings.register_profile("permset", deadline=None, derandomize=True)
settings.load_profile("permset")


# Files that take longest, longest first: whatever is left for the end is short, and no worker waits for the other.
LONGEST = (
    "test_pipeline.py",
    "test_own_bags.py",
    "test_predictions.py",
    "test_portable.py",
    "test_bare_parameters.py",
    "test_estimators.py",
    "studies/test_measure.py",
    "symmetry/test_symmetrizers.py",
    "training/test_train.py",
    "prediction/test_forecast.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With --no-loadscope-reorder, workers take files in this order, and not those of the most tests first."""
    places = {Path(__file__).parent / name: i for i, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.hookimpl(tryfirst=True)  # before any fixture draws
def pytest_runtest_setup() -> None:
    """Numbers that a test draws do not depend on the tests before it, nor on the day."""
    import torch  # not before pytest_configure has set the switches

    torch.manual_seed(0)


@pytest.hookimpl(trylast=True)  # after jaxtyping has put its checks into what is imported from here on
def pytest_configure() -> None:
    import stages  # noqa: F401  sets the switches
