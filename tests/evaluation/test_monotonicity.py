"""How far outputs fall when an object is added, and the verdict."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from permset import PermsetError
from permset.config.experiment import CertificateParams
from permset.evaluation.invariance import Predict, yardstick
from permset.evaluation.monotonicity import falls_by_adding, monotonicity
from permset.evaluation.probes import Inputs

LIMITS = CertificateParams(objects=1, permutations=1, shown=1, seed=0, invariant=1e-12, approximate=0.3)
X = torch.randn(40, 5, 2, generator=torch.Generator().manual_seed(0))
ALL = torch.ones(40, 5, dtype=torch.bool)
MASK = torch.arange(5) < (torch.arange(40) % 5 + 1)[:, None]


def total(of_object: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """The sum over the objects of a bag of a number that each has."""
    return lambda x, mask=ALL: (of_object(x) * mask).sum(-1)[None, :, None]


def first_channel(x: Tensor) -> Tensor:
    return x[..., 0]


def size(x: Tensor) -> Tensor:
    return x.abs().sum(-1)


def measured(predict: Predict, inputs: Inputs, claimed: bool = False) -> dict[str, Any]:
    return monotonicity("a_run", claimed, predict, [inputs], yardstick(predict, [inputs]), LIMITS)


def test_the_fall_is_what_the_lowest_object_takes_away() -> None:
    x = X.double()
    found = falls_by_adding(total(first_channel), [(x,)])
    torch.testing.assert_close(found[0, :, 0], (-x[..., 0]).amax(1).clamp(min=0))
    assert found.shape == (1, 40, 1)


def test_padding_is_no_object() -> None:
    x = torch.where(MASK[..., None], X, -1e6).double()
    lowest = torch.where(MASK, -x[..., 0], 0.0).amax(1)
    torch.testing.assert_close(falls_by_adding(total(first_channel), [(x, MASK)])[0, :, 0], lowest.clamp(min=0))


def test_every_portion_and_seed_counts() -> None:
    two = lambda x, mask: torch.cat([total(size)(x, mask), total(first_channel)(x, mask)])  # noqa: E731
    found = falls_by_adding(two, [(X[:30].double(),), (X[30:].double(), MASK[30:])])
    assert found.shape == (2, 40, 1)
    assert not found[0].any()
    torch.testing.assert_close(found[1, :30], falls_by_adding(total(first_channel), [(X[:30].double(),)])[0])
    assert measured(two, (X.double(), MASK))["monotone"] == "not monotone"


def test_the_error_is_relative_to_the_spread_of_outputs_over_bags() -> None:
    found = measured(total(first_channel), (X.double(),))
    outputs = X.double()[..., 0].sum(1).sort().values
    spread = outputs[-4] - outputs[3]
    assert found["monotonicity"] == pytest.approx(float((-X.double()[..., 0]).max() / spread))
    assert found["monotone"] == "not monotone"


def test_rounding_is_no_fall() -> None:
    nearly = lambda x, mask: total(size)(x, mask) * (1 - 1e-15 * mask.sum(-1)[None, :, None])  # noqa: E731
    found = measured(nearly, (X.double(), MASK), claimed=True)
    assert found["monotone"] == "monotone"
    assert 0 <= float(found["monotonicity"]) < 1e-12


def test_a_network_that_claims_to_be_monotone_and_is_not_is_an_error_in_one_line() -> None:
    with pytest.raises(PermsetError, match=r"^a_run: claims that an added object never lowers its outputs, but .*$"):
        measured(total(first_channel), (X.double(),), claimed=True)


def test_an_output_that_is_no_number_is_not_monotone() -> None:
    broken = lambda x, mask=ALL: torch.where(mask.all(-1), math.nan, 1.0)[None, :, None].double()  # noqa: E731
    assert measured(broken, (X.double(),))["monotone"] == "not monotone"
