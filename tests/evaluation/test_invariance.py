"""Changes of outputs, and what they are compared with."""

import math

import numpy as np
import pytest
import torch

from permset.evaluation.invariance import changes_by, changes_by_padding, invariance_error, yardstick
from permset.symmetry.groups import PermutationGroup

X = torch.randn(200, 6, 2, generator=torch.Generator().manual_seed(0))
SWAP = np.array([[1, 0, 2, 3, 4, 5]])


def leaning(size: float):  # type: ignore[no-untyped-def]
    """Invariant but for a share of the first object."""
    return lambda x: (x.mean((1, 2)) + size * x[:, 0, 0])[None, :, None]


def test_an_asymmetry_that_only_the_cycle_shows_is_found_by_the_generators() -> None:
    neighbours = lambda x: (x[:, 0, :1] * x[:, 1, :1] + x[:, 2, :1])[None]  # noqa: E731
    swap, cycle = PermutationGroup.symmetric(6).generators()
    assert invariance_error(neighbours, X, swap[None]).max() == 0
    assert invariance_error(neighbours, X, cycle[None]).max() > 0.1


def test_the_error_is_the_change_over_the_range_of_the_middle_eight_tenths() -> None:
    outputs = leaning(1.0)(X.double())[0, :, 0]
    ordered = outputs.sort().values
    spread = ordered[-20] - ordered[19]
    expected = (X[:, 0, 0] - X[:, 1, 0]).double().abs().max() / spread
    assert invariance_error(leaning(1.0), X, SWAP)[0] == pytest.approx(float(expected))


@pytest.mark.parametrize(("scale", "shift"), [(1e-13, 0.0), (1.0, 1e4), (1e9, -3.0)])
def test_neither_unit_nor_origin_of_an_output_changes_the_error(scale: float, shift: float) -> None:
    moved = lambda x: leaning(0.1)(x) * scale + shift  # noqa: E731
    expected = invariance_error(leaning(0.1), X, SWAP)[0]
    assert invariance_error(moved, X, SWAP)[0] == pytest.approx(expected, rel=1e-5)


def test_each_output_has_a_spread_of_its_own() -> None:
    """A large output that is invariant must not hide a small one that is not."""
    both = lambda x: torch.cat([1e6 * leaning(0.0)(x), leaning(1.0)(x)], -1)  # noqa: E731
    assert invariance_error(both, X, SWAP)[0] == pytest.approx(invariance_error(leaning(1.0), X, SWAP)[0])


def test_a_bag_far_away_does_not_hide_the_others() -> None:
    x = X.clone()
    x[7] += 1e13
    alone = invariance_error(leaning(0.1), X[:7], SWAP)[0]
    assert invariance_error(leaning(0.1), x, SWAP)[0] >= 0.1 * alone > 1e-3


def test_where_most_bags_have_the_same_output_the_whole_range_counts() -> None:
    rare = lambda x: (x[:, :, 0].amax(1) > 2.5).to(x)[None, :, None]  # noqa: E731
    assert 0 < rare(X).mean() < 0.1
    assert yardstick(rare, [(X,)]).spread.item() == 1


def test_a_seed_whose_outputs_are_not_finite_has_no_error_that_passes() -> None:
    def broken(x: torch.Tensor) -> torch.Tensor:
        outputs = leaning(0.0)(x)
        return torch.cat([torch.where(x[:, :1, 0].T[..., None] > 2, math.nan, outputs), outputs])

    bad, good = invariance_error(broken, X, SWAP)
    assert np.isnan(bad)
    assert good < 1e-12


def test_rounding_is_measured_where_large_numbers_cancel() -> None:
    cancelling = lambda x: (x.mean((1, 2)) * 1e-3 + 1e3 - 1e3)[None, :, None]  # noqa: E731
    yard = yardstick(cancelling, [(X,)])
    assert 10 < yard.usual.item() < 1e5
    assert yardstick(leaning(0.0), [(X,)]).usual.item() < 10


@pytest.mark.parametrize(("predict", "constant"), [
    (lambda x: torch.ones_like(x[:, :1, 0])[None] / 3, True),
    (lambda x: (x.softmax(1).sum((1, 2)) - 2)[None, :, None], True),
    (lambda x: leaning(0.0)(x) * 1e-4 + 1, False),
])  # fmt: skip
def test_outputs_that_differ_by_rounding_alone_are_constant(predict, constant: bool) -> None:  # type: ignore[no-untyped-def]
    """A sum of shares is 1 but for rounding, whatever is taken from it."""
    assert bool(yardstick(predict, [(X,)]).is_constant.all()) == constant


def test_portions_of_bags_have_permutations_of_their_own() -> None:
    portions = [(X[:, :3],), (X,)]
    swaps = [SWAP[:, :3], SWAP]
    changes = changes_by(leaning(1.0), portions, swaps, torch.float64)
    assert changes.shape == (1, 400, 1)
    expected = (X[:, 0, 0] - X[:, 1, 0]).abs().double()
    assert changes[0, :, 0].tolist() == pytest.approx([*expected.tolist(), *expected.tolist()])


def test_padding_that_counts_is_a_change() -> None:
    mask = torch.arange(6) < torch.arange(1, 201)[:, None] % 6 + 1

    def of_mask(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return (x * mask[..., None]).sum((1, 2))[None, :, None]

    assert changes_by_padding(of_mask, [(X, mask)]).max() < 1e-12
    assert changes_by_padding(lambda x, mask: of_mask(x, mask) / x.shape[1], [(X, mask)]).max() > 0.01
    assert changes_by_padding(lambda x, mask: of_mask(x, mask | True), [(X, mask)]).max() > 0.01
