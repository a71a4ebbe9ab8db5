"""Where the work is done, by params.yaml or by the environment."""

import pytest

from permset import PermsetError
from permset.config.workers import VARIABLE, check_workers, chosen_workers, is_address


@pytest.mark.parametrize("value", ["auto", 1, 64, "tcp://10.0.0.1:8786", "tls://node-7.cluster:1", "tcp://[::1]:8786"])
def test_workers_are_a_number_or_the_address_of_a_scheduler(value: int | str) -> None:
    assert check_workers(value) == value
    assert is_address(value) == ("://" in str(value))


@pytest.mark.parametrize(
    "value", [0, -1, True, 1.5, "2", "many", "tcp://10.0.0.1", "http://10.0.0.1:8786", "x tcp://a:1", None]
)
def test_anything_else_gets_one_line(value: object) -> None:
    kinds = r"auto, a whole number from 1 to \d+, or the address of a Dask scheduler such as \S+"
    with pytest.raises(ValueError, match=rf"^must be {kinds}, got [^\n]+$"):
        check_workers(value)
    assert not is_address(value)


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert chosen_workers(3) == 3
    for text, expected in (("7", 7), ("auto", "auto"), ("tcp://a:1", "tcp://a:1")):
        monkeypatch.setenv(VARIABLE, text)
        assert chosen_workers(3) == expected
    for text in ("", "0", "two", "-1"):
        monkeypatch.setenv(VARIABLE, text)
        with pytest.raises(PermsetError, match=r"^PERMSET_WORKERS in the environment: must be auto, "):
            chosen_workers(3)
