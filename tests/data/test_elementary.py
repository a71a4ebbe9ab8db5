"""Logarithms in another form, against torch's own."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from permset.data.elementary import log_sum_exp

ROWS = st.lists(st.lists(st.floats(-800, 800), min_size=4, max_size=4), min_size=1, max_size=4)


@settings(deadline=None)
@given(ROWS, st.sampled_from([0, 1, -1, -2]))
def test_it_is_torchs_logsumexp_to_rounding(rows: list[list[float]], dim: int) -> None:
    x = torch.tensor(rows, dtype=torch.float64)
    torch.testing.assert_close(log_sum_exp(x, dim), x.logsumexp(dim), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_its_gradient_is_the_softmax(dtype: torch.dtype) -> None:
    x = torch.tensor([[0.0, 1.0, -3.0], [1000.0, 999.0, -torch.inf], [-200.0, -200.0, -200.0]], dtype=dtype)
    x.requires_grad_(True)
    log_sum_exp(x, -1).sum().backward()
    torch.testing.assert_close(x.grad, x.detach().softmax(-1))


def test_of_one_number_it_is_that_number() -> None:
    x = torch.tensor([[-1e30], [0.1], [3e38]])
    assert torch.equal(log_sum_exp(x, -1), x[:, 0])
