"""Tests compute as the stages do: with the switches for portable arithmetic, which processes of tests inherit."""

import pytest
from hypothesis import settings

# A machine may be loaded: what counts is what a test finds, not how long it takes.
settings.register_profile("permset", deadline=None)
settings.load_profile("permset")


@pytest.hookimpl(trylast=True)  # after jaxtyping has put its checks into what is imported from here on
def pytest_configure() -> None:
    import stages  # noqa: F401  sets the switches
