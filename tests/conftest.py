"""Tests compute as the stages do: with the switches for portable arithmetic, which processes of tests inherit."""

import pytest


@pytest.hookimpl(trylast=True)  # after jaxtyping has put its checks into what is imported from here on
def pytest_configure() -> None:
    import stages  # noqa: F401  sets the switches
