"""Means of outputs agree with their closed forms, however many elements come at once, and where sigmoids round to 1."""

import pytest
import torch
from torch import Tensor

from permset.symmetry.averages import Mean, mean_of


def logits(outputs: int, scale: float = 2.0) -> Tensor:
    return scale * torch.randn(3, 7, outputs, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_logits_are_averaged_as_they_are() -> None:
    given = logits(2)
    torch.testing.assert_close(mean_of(given, "logits"), given.mean(-2))


def test_of_one_logit_the_probability_is_averaged() -> None:
    given = logits(1)
    torch.testing.assert_close(mean_of(given, "probabilities").sigmoid(), given.sigmoid().mean(-2))


def test_of_several_logits_the_probabilities_are_averaged() -> None:
    given = logits(4)
    found = mean_of(given, "probabilities")
    torch.testing.assert_close(found, given.softmax(-1).mean(-2).log())
    torch.testing.assert_close(found.exp().sum(-1), torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize("averaged", ["logits", "probabilities"])
@pytest.mark.parametrize("outputs", [1, 4])
def test_it_does_not_matter_how_many_come_at_once(averaged: str, outputs: int) -> None:
    given, mean = logits(outputs), Mean(averaged)
    for part in given.split([1, 4, 2], dim=-2):
        mean.add(part)
    torch.testing.assert_close(mean.logits(), mean_of(given, averaged))


def test_equal_logits_are_their_own_mean_also_where_the_sigmoid_rounds_to_one() -> None:
    for value in (-200.0, -20.0, 20.0, 200.0):
        given = torch.full((1, 5, 1), value, requires_grad=True)
        found = mean_of(given, "probabilities")
        torch.testing.assert_close(found, torch.tensor([[value]]))
        found.sum().backward()
        torch.testing.assert_close(given.grad, torch.full((1, 5, 1), 0.2))
