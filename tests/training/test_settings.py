"""Learning rates, optimizers and points of curves, in closed form."""

import math

import pytest
import torch

from permset import PermsetError
from permset.training.settings import Settings


def test_the_cosine_starts_at_the_full_rate_and_falls_along_half_a_period() -> None:
    settings = Settings(steps=4, batch_size=2, learning_rate=0.2, schedule="cosine")
    expected = [0.2, 0.1 + 0.1 * math.sqrt(0.5), 0.1, 0.1 - 0.1 * math.sqrt(0.5)]
    assert [settings.rate(step) for step in range(4)] == pytest.approx(expected)
    assert [Settings(4, 2, 0.2).rate(step) for step in range(4)] == [0.2] * 4


@pytest.mark.parametrize(("decay", "kind"), [(0.0, torch.optim.Adam), (0.5, torch.optim.AdamW)])
def test_the_optimizer_is_adam_and_with_a_decay_adamw(decay: float, kind: type[torch.optim.Optimizer]) -> None:
    weight = torch.ones(3, requires_grad=True)
    optimizer = Settings(1, 2, 0.1, weight_decay=decay).optimizer([weight])
    assert type(optimizer) is kind
    weight.grad = torch.zeros(3)
    optimizer.step()
    torch.testing.assert_close(weight.detach(), torch.full((3,), 1 - 0.1 * decay))
    weight.grad = torch.full((3,), 7.0)
    before = weight.detach() * (1 - 0.1 * decay)
    optimizer.step()
    # Adam's first moments: with betas 0.9 and 0.999, 0.1·g/(1 − 0.9²) over the root of 0.001·g²/(1 − 0.999²).
    step = 0.1 * (0.1 / (1 - 0.9**2)) / math.sqrt(0.001 / (1 - 0.999**2))
    torch.testing.assert_close(weight.detach(), before - step, rtol=1e-5, atol=0)


def test_points_are_due_at_every_multiple_and_after_the_last_step() -> None:
    settings = Settings(110, 2, 0.1, measure_every=50)
    assert [done for done in range(1, 111) if settings.is_measured(done)] == [50, 100, 110]
    assert not any(Settings(110, 2, 0.1).is_measured(done) for done in range(1, 111))


def test_steps_are_taken_up_to_where_points_are_due() -> None:
    settings = Settings(110, 2, 0.1, measure_every=20)
    assert settings.spans(0, 20) == [(0, 20)]
    assert settings.spans(20, 50) == [(20, 40), (40, 60), (60, 70)]
    assert settings.spans(70, 7) == [(70, 77)]
    assert settings.spans(77, 33) == [(77, 80), (80, 100), (100, 110)]
    assert Settings(110, 2, 0.1).spans(30, 40) == [(30, 70)], "nothing is measured"


def test_the_best_weights_are_chosen_among_points_of_the_curves() -> None:
    with pytest.raises(
        PermsetError, match=r"^keep='best' chooses among the points of the curves; give measure_every too$"
    ):
        Settings(110, 2, 0.1, keep="best")
    assert Settings(110, 2, 0.1, keep="best", measure_every=5).keep == "best"
