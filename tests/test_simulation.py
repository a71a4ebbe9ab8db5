"""What is said of large clusters is a simulation; it gives what can be worked out by hand."""

import pytest

from benchmarks.simulation import busy_share


@pytest.mark.parametrize(
    ("workers", "seconds", "service", "share"),
    [
        (4, [1] * 100, 0, 1),  # nobody ever waits
        (4, [1] * 102, 0, 102 / (4 * 26)),  # two blocks are left for the end
        (1, [1] * 10, 0.1, 10 / 10.1),  # the first block has to be waited for; the others lie ready
        (2, [1] * 10, 0.1, 10 / (2 * 5.2)),  # the second worker starts when the second block is handed out
        (100, [1] * 1000, 0.1, 1000 / (100 * 101)),  # ten blocks a second are handed out, whoever waits
        (2, [3, 1, 1, 1], 0, 6 / (2 * 4)),  # the third block waits where the first is computed
        (2, [3, 1, 1, 1, 1, 1], 0, 8 / (2 * 4)),  # whoever is free has the next
        (1, [0, 0, 0, 4], 1, 4 / 8),  # no block starts before it is handed out
    ],
)
def test_busy_share(workers: int, seconds: list[float], service: float, share: float) -> None:
    assert busy_share(workers, seconds, service) == pytest.approx(share)
