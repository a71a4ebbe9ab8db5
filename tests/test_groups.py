import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from permset.groups import SymmetricGroup, act


def test_acting_by_p_and_then_by_q_is_acting_by_p_of_q() -> None:
    rng = np.random.default_rng(0)
    x = torch.randn(2, 3, 6, 4)
    p, q = rng.permutation(6), rng.permutation(6)
    assert torch.equal(act(q, act(p, x)), act(p[q], x))
    assert not torch.equal(act(q, act(p, x)), act(q[p], x))
    assert torch.equal(act(p, x)[1, 2, 3], x[1, 2, p[3]])


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_the_generators_generate_every_permutation(n: int) -> None:
    found = {tuple(range(n))}
    border = list(found)
    while border:
        border = [
            t for p in border for g in SymmetricGroup(n).generators() if (t := tuple(np.array(p)[g])) not in found
        ]
        found |= set(border)
    assert found == set(itertools.permutations(range(n)))


def test_samples_are_uniform() -> None:
    sample = SymmetricGroup(4).sample(24_000, seed=0)
    _, counts = np.unique(sample, axis=0, return_counts=True)
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 1e-3
