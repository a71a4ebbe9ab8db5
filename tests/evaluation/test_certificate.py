"""Errors, verdicts and the generators that decide them."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from tqdm import tqdm

from permset import PermsetError
from permset.config.experiment import CertificateParams
from permset.data.bags import Bags, Collection
from permset.data.randomness import generator
from permset.data.targets import Classes, Real
from permset.evaluation import certificate
from permset.evaluation.certificate import Certificate, certified, certify, example, show_permutations
from permset.evaluation.invariance import invariance_error
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import Canonicalization

X = torch.randn(200, 6, 2, generator=torch.Generator().manual_seed(0))


def invariant(x: torch.Tensor) -> torch.Tensor:
    return x.exp().sum((1, 2), keepdim=False)[None, :, None]


def leaning(size: float):  # type: ignore[no-untyped-def]
    """Invariant but for a share of the first object."""
    return lambda x: invariant(x) + size * x[:, 0, :1][None]


def verdict(predict) -> str:  # type: ignore[no-untyped-def]
    return certify(predict, X, PermutationGroup.symmetric(6), 20, generator(0, "test")).verdict(1e-12, 0.1)


def test_the_verdict_tells_how_invariant_a_function_is() -> None:
    assert verdict(invariant) == "invariant"
    assert verdict(leaning(1e-6)) == "approximate"
    assert verdict(leaning(1e3)) == "not invariant"
    assert verdict(lambda x: invariant(x) * float("nan")) == "not invariant"


def test_one_bad_seed_or_a_not_finite_one_decides() -> None:
    mixed = lambda x: torch.cat([invariant(x), leaning(1e3)(x)])  # noqa: E731
    assert verdict(mixed) == "not invariant"
    broken = lambda x: torch.cat([invariant(x) * float("nan"), invariant(x)])  # noqa: E731
    assert verdict(broken) == "not invariant"


def claim(group: PermutationGroup | None):  # type: ignore[no-untyped-def]
    return lambda size: group


def test_the_parts_of_a_certificate_decide_about_its_verdict() -> None:
    parts = dict.fromkeys(("generators", "random", "probes", "padding", "generators_float32", "random_float32"), 0.0)
    about = {"rounding": 1.0, "constant": False, "bags": 9, "smallest": 1, "largest": 3}
    for part in ("generators", "random", "probes", "padding"):
        assert Certificate(**{**parts, part: 0.2}, **about).error == 0.2
        assert Certificate(**{**parts, part: 0.2}, **about).verdict(1e-12, 0.3) == "approximate"
        assert Certificate(**{**parts, part: 0.4}, **about).verdict(1e-12, 0.3) == "not invariant"
        assert Certificate(**{**parts, part: math.nan}, **about).verdict(1e-12, 0.3) == "not invariant"
    rounded = {**about, "rounding": 1e-12}
    assert Certificate(**{**parts, "random": 1e-9}, **rounded).verdict(1e-12, 0.3) == "invariant"
    assert Certificate(**parts, **{**rounded, "constant": True}).verdict(1e-12, 0.3) == "constant"
    assert Certificate(**{**parts, "random": 0.1}, **{**about, "constant": True}).verdict(1e-12, 0.3) == "approximate"


def test_targets_far_from_zero_or_in_small_units_are_certified_as_others_are() -> None:
    """An MLP on targets of 50 ± 0.5 is not invariant, in whatever unit, and a small lean is as approximate as it is."""
    for scale in (1.0, 1e-13, 1e13):
        assert verdict(lambda x, s=scale: (50 + 0.1 * leaning(1e3)(x)) * s) == "not invariant"
        assert verdict(lambda x, s=scale: (50 + 0.1 * leaning(1e-6)(x)) * s) == "approximate"
        assert verdict(lambda x, s=scale: (50 + 0.1 * invariant(x)) * s) == "invariant"


def test_a_network_that_gives_all_bags_one_output_is_called_constant() -> None:
    assert verdict(lambda x: torch.full((1, len(x), 1), 0.3).to(x)) == "constant"
    assert verdict(lambda x: x.softmax(1).sum((1, 2))[None, :, None] - 2) == "constant"
    assert verdict(lambda x: 1e-6 * invariant(x) + 1) == "invariant"
    first_of_one = certify(leaning(0.0), X[:1], PermutationGroup.symmetric(6), 2, generator(0, "test"))
    assert first_of_one.verdict(1e-12, 0.1) == "invariant"  # One bag tells nothing of others.


def sorted_by(channel: int, falling: bool):  # type: ignore[no-untyped-def]
    """Adds one to bags that happen to be sorted."""

    def predict(x: torch.Tensor) -> torch.Tensor:
        steps = x[:, 1:, channel] - x[:, :-1, channel]
        return invariant(x) + ((steps <= 0) if falling else (steps >= 0)).all(1)[None, :, None]

    return predict


@pytest.mark.parametrize("channel", [0, 1])
@pytest.mark.parametrize("falling", [False, True])
def test_a_network_that_notices_sorted_bags_is_caught(channel: int, falling: bool) -> None:
    assert (
        certify(sorted_by(channel, falling), X[1:51], PermutationGroup.symmetric(6), 20, generator(0, "test")).error
        > 0.01
    )
    few = X[1:51]  # none of which comes sorted, and a swap or a cycle sorts none
    assert invariance_error(sorted_by(channel, falling), few, PermutationGroup.symmetric(6).generators()).max() < 1e-12


@pytest.mark.parametrize("channel", [0, 1])
def test_a_network_that_breaks_ties_of_a_channel_by_place_is_caught(channel: int) -> None:
    def predict(x: torch.Tensor) -> torch.Tensor:
        order = x[..., channel].sort(dim=-1, stable=True).indices
        weights = torch.arange(6).to(x)
        return (x.gather(1, order[..., None].expand(x.shape)) * weights[:, None]).sum((1, 2))[None, :, None]

    assert verdict(predict) != "invariant"
    assert invariance_error(predict, X, PermutationGroup.symmetric(6).generators()).max() < 1e-12


COLLECTION = Collection(
    torch.randn(2000, 2, generator=torch.Generator().manual_seed(1)),
    torch.arange(20).repeat(10)[:190].clone(),
    torch.zeros(190, 1),
)


def portions(objects: int) -> list[Bags]:
    chosen = COLLECTION.of_all_sizes(objects)
    return [
        COLLECTION.bags(chosen[COLLECTION.sizes[chosen] <= 5], 5),
        COLLECTION.bags(chosen[COLLECTION.sizes[chosen] > 5], 19),
    ]


def masked(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return torch.where(mask[..., None], x.exp(), 0.0).sum((1, 2))[None, :, None]


def masked_verdict(predict) -> str:  # type: ignore[no-untyped-def]
    return str(certified("one", claim(None), predict, portions(100), LIMITS)["verdict"])


@pytest.mark.parametrize("size", [2, 7, 18])
def test_a_network_that_breaks_at_one_size_is_caught(size: int) -> None:
    def predict(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        first = torch.where(mask[..., None], x, 0.0)[:, 0, :1] * (mask.sum(-1, keepdim=True) == size)
        return masked(x, mask) + 100 * first[None]

    assert masked_verdict(masked) == "invariant"
    assert masked_verdict(predict) == "not invariant"


def test_a_network_that_notices_how_far_bags_are_padded_is_caught() -> None:
    assert masked_verdict(lambda x, mask: masked(x, mask) * x.shape[1]) == "not invariant"
    assert masked_verdict(lambda x, mask: masked(x, mask) + x[:, -1:, 0]) != "invariant"


def test_a_certificate_says_on_what_it_was_measured() -> None:
    found = certified("one", claim(None), masked, portions(100), LIMITS)
    sizes = torch.cat([bags.mask.sum(-1) for bags in portions(100)])  # type: ignore[union-attr]
    assert (found["invariance_bags"], found["invariance_smallest"], found["invariance_largest"]) == (len(sizes), 0, 19)
    assert certify(invariant, X, PermutationGroup.cyclic(6), 2, generator(0, "test")).bags == 200


def test_a_bag_is_shown_in_its_orders() -> None:
    first, second = show_permutations(leaning(1.0), X[:1], np.array([[5, 4, 3, 2, 1, 0]]), 0)
    assert first[0] == "0 1 2 3 4 5"
    assert second[0] == "5 4 3 2 1 0"
    assert first[1] != second[1]
    assert first[2] == pytest.approx(1 / (1 + math.exp(-first[1])))
    assert first[3] == "probability of class 1"


LIMITS = CertificateParams(objects=100, permutations=7, shown=2, seed=3, invariant=1e-12, approximate=0.1)


def test_a_certificate_has_the_errors_of_its_generators_and_of_the_elements_of_its_seed() -> None:
    group, network = PermutationGroup.cyclic(6), leaning(1e-3)
    certificate = certify(network, X, group, 7, generator(3, "certificate"))
    elements = group.sample(7, generator(3, "certificate")).numpy()
    assert certificate.generators == invariance_error(network, X, group.generators()).max()
    assert certificate.random == invariance_error(network, X, elements).max()
    single = torch.float32
    assert certificate.generators_float32 == invariance_error(network, X, group.generators(), dtype=single).max()
    assert certificate.random_float32 == invariance_error(network, X, elements, dtype=single).max()
    assert certificate.error == max(certificate.generators, certificate.random)
    assert certificate.error_float32 == max(certificate.generators_float32, certificate.random_float32)


def test_a_certificate_names_its_group_and_measures_all_permutations_too() -> None:
    cyclic, every = PermutationGroup.cyclic(6), PermutationGroup.symmetric(6)

    def turning(x: torch.Tensor) -> torch.Tensor:
        """Invariant under rotations alone."""
        return (x[..., :1] * x.roll(1, -2)[..., :1]).sum(-2)[None]

    found = certified("turning", claim(cyclic), turning, [Bags(X, X[:, 0, :1])], LIMITS)
    assert found["group"] == "C_6"
    assert found["verdict"] == "invariant"
    draws = generator(LIMITS.seed, "certificate")
    expected = certify(turning, X, cyclic, 7, draws)
    assert {key: found[key] for key in expected.as_dict()} == expected.as_dict()
    more = every.sample(7, draws).numpy()
    assert found["invariance_symmetric"] == invariance_error(turning, X, more).max() > 0.1
    unclaimed = certified("turning", claim(None), turning, [Bags(X, X[:, 0, :1])], LIMITS)
    assert unclaimed["group"] == "S_6"
    assert unclaimed["invariance_symmetric"] == unclaimed["invariance_float64"] > 0.1


def test_a_lost_claim_is_an_error_and_a_missing_one_is_not() -> None:
    bags = [Bags(X, X[:, 0, :1])]
    for size in (1e-6, 1e3):
        with pytest.raises(PermsetError, match="leaning: claims to be invariant under S_6, but its outputs change by"):
            certified("leaning", claim(PermutationGroup.symmetric(6)), leaning(size), bags, LIMITS)
    assert certified("leaning", claim(None), leaning(1e3), bags, LIMITS)["verdict"] == "not invariant"
    assert certified("constant", claim(PermutationGroup.symmetric(6)), lambda x: 0 * leaning(0.0)(x), bags, LIMITS)


def first_objects(x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """Two networks, of opposite signs, whose output is the first object."""
    return torch.stack([x[:, 0], -x[:, 0]])


def test_the_bag_that_is_shown_is_the_one_nearest_to_even_odds() -> None:
    x = torch.tensor([[3.0, 1.0], [-0.5, 2.0], [0.6, 3.0], [0.5, 4.0]]).unsqueeze(-1)
    bags = Bags(x, x[:, 0])
    assert torch.equal(example(first_objects, [bags], 0), x[1:2]), "the first of two that are equally near"
    assert torch.equal(example(first_objects, [bags[:1], bags[2:]], 0), x[3:]), "of all portions"
    assert torch.equal(example(lambda x: first_objects(x) - 3, [bags], 0), x[:1])
    assert torch.equal(example(lambda x: first_objects(x) - 3, [bags], 1), x[1:2]), "of the seed that is shown"


def test_the_bag_that_is_shown_has_two_objects_where_one_has() -> None:
    mask = torch.tensor([[True, False, False], [True, True, False], [True, True, True]])
    x = torch.tensor([0.0, 1.0, 2.0]).view(3, 1, 1) + torch.arange(3.0).view(1, 3, 1)
    assert torch.equal(example(first_objects, [Bags(x, x[:, 0], mask)], 0), x[1:2, :2])
    mask = torch.tensor([[False, False, False], [True, False, False]])
    assert torch.equal(example(first_objects, [Bags(x[:2], x[:2, 0], mask)], 0), x[1:2, :1]), "none has two"


def test_the_bag_that_is_shown_is_in_the_middle_of_real_numbers() -> None:
    x = torch.tensor([0.0, 70.0, 90.0]).view(3, 1, 1)
    bags = Bags(x.expand(3, 2, 1), x[:, 0])
    assert torch.equal(example(first_objects, [bags], 0, Real(1)), bags.x[1:2])


def test_the_bag_that_is_shown_is_one_whose_class_is_in_doubt() -> None:
    x = torch.tensor([[0.0, 9.0, 1.0], [0.0, 0.1, -9.0], [2.0, 0.0, 1.0]]).view(3, 1, 3).expand(3, 2, 3)
    assert torch.equal(example(first_objects, [Bags(x, x[:, 0])], 0, Classes(3)), x[1:2])


def test_a_module_is_certified_as_it_is_used_and_stays_as_it_is() -> None:
    """In training mode BatchNorm makes outputs of a bag depend on the others, and Dropout on chance."""
    network = nn.Sequential(
        Canonicalization(nn.Sequential(nn.Flatten(), nn.Linear(12, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Tanh())),
        nn.Linear(8, 2),
    )
    network(X * 3 + 1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    for mode in (True, False):
        network.train(mode)
        found = certify(network, X, PermutationGroup.symmetric(6), 5, generator(0, "test"))
        assert found.verdict(1e-12, 0.1) == "invariant"
        assert network.training == network[0].network[2].training == mode
        assert next(network.parameters()).dtype == torch.float32
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    in_training = lambda x: network.train().to(x)(x)[None]  # noqa: E731  the control
    control = certify(in_training, X, PermutationGroup.symmetric(6), 5, generator(0, "test"))
    assert control.verdict(1e-12, 0.1) != "invariant"


def test_progress_is_shown_under_a_name_and_ends_at_the_number_of_calls_foreseen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = []

    def bar(**settings: object) -> tqdm:  # type: ignore[type-arg]
        shown.append(settings)
        return tqdm(**settings)

    def counted(*inputs: torch.Tensor) -> torch.Tensor:
        calls.append(inputs)
        return masked(*inputs) if len(inputs) == 2 else invariant(*inputs)

    monkeypatch.setattr(certificate, "tqdm", bar)
    for name, mask in (("one", None), (None, torch.ones(200, 6, dtype=torch.bool))):
        calls: list[object] = []
        certify(counted, X, PermutationGroup.dihedral(6), 7, generator(0, "test"), mask, name)
        assert shown[-1]["total"] == len(calls) == 3 * 2 + 2 * 7 + 11
    assert shown[0]["desc"] == "one: certificate"
    assert [settings["disable"] for settings in shown] == [None, True]
