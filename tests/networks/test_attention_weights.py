"""Weights of attention are those with which a network pools."""

import pytest
import torch
from masked_bags import C, bags, padded, relative, with_any_weights
from torch import Tensor, nn

from permset.networks.attention_weights import AttentionWeights
from permset.networks.kernel_machine import KernelMachine
from permset.networks.networks import DeepSet, SetTransformer
from permset.networks.standardization import Standardized
from permset.symmetry.symmetrizers import Canonicalization

SIZES = [4, 1, 7]


def pooled_by(network: DeepSet | SetTransformer, weights: Tensor, x: Tensor, mask: Tensor) -> Tensor:
    """What a network of one head and one seed gives if it pools by these weights."""
    features = network.features(x, mask)
    if isinstance(network, DeepSet):
        return network.set((weights[..., None] * features).sum(-2))
    mab = network.pool.mab
    h = mab.query(network.pool.seeds) + (weights[..., None, :] @ mab.value(features))
    return network.linear((h + torch.relu(mab.out(h))).flatten(-2))


@pytest.mark.parametrize(
    "network",
    [
        DeepSet(C, [5], [4], pooling="attention"),
        DeepSet(C, [5, 5], [4], pooling="attention", norm="set"),
        SetTransformer(C, 6, 1, 1),
        SetTransformer(C, 6, 1, 1, inducing=2),
    ],
)
def test_the_network_pools_by_them(network: DeepSet | SetTransformer) -> None:
    network = with_any_weights(network)
    x, mask = padded(bags(SIZES, 0), 9, 0, float("nan"))
    weights = AttentionWeights(network)(x, mask)
    assert (weights[mask] > 0).all()
    assert (weights[~mask] == 0).all()
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, dtype=torch.float64))
    assert weights[0, mask[0]].std() > 1e-3
    assert relative(pooled_by(network, weights, torch.where(mask[..., None], x, 0.0), mask), network(x, mask)) <= 1e-12
    alone = x[2, mask[2]][None]
    assert relative(AttentionWeights(network)(alone), weights[2:, mask[2]]) <= 1e-12


def test_of_many_heads_and_seeds_it_is_the_mean() -> None:
    network = with_any_weights(SetTransformer(C, 6, 2, 1, seeds=3))
    x, mask = padded(bags(SIZES, 0), 8, 0)
    mab, features = network.pool.mab, network.features(x, mask)
    queries, keys = mab.query(network.pool.seeds).unflatten(-1, (2, 3)), mab.key(features).unflatten(-1, (2, 3))
    scores = torch.einsum("shd,bnhd->bshn", queries, keys) / 3**0.5
    expected = scores.masked_fill(~mask[:, None, None], -torch.inf).softmax(-1).mean((1, 2))
    assert relative(AttentionWeights(network)(x, mask), expected) <= 1e-12


def test_a_standardized_network_weighs_what_it_sees() -> None:
    network = with_any_weights(DeepSet(C, [5], [4], pooling="attention"))
    wrapped = Standardized(network, C, 1).double()
    wrapped.mean, wrapped.deviation = torch.full((C,), 2.0).double(), torch.full((C,), 0.5).double()
    x, mask = padded(bags(SIZES, 0), 8, 0, 0.0)
    assert torch.equal(AttentionWeights(wrapped)(x, mask), AttentionWeights(network)((x - 2) / 0.5, mask))


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (DeepSet(C, [4], [], pooling=["max", "attention"]), True),
        (SetTransformer(C, 4, 2, 0), True),
        (DeepSet(C, [4], []), False),
        (KernelMachine(C, ["mean"]), False),
        (Canonicalization(SetTransformer(C, 4, 2, 1)), False),  # which weighs objects in another order
    ],
)
def test_only_a_network_that_pools_by_attention_has_weights(network: nn.Module, expected: bool) -> None:
    assert AttentionWeights.takes(network) == AttentionWeights.takes(Standardized(network, C, 1)) == expected
