"""Networks that params.yaml names."""

from typing import Any

import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

from permset import PermsetError
from permset.config.networks import DeepSetParams, MLPParams, ModelParams, SymmetrizerParams
from permset.data.randomness import generator
from permset.networks.build import build_model, is_exportable
from permset.networks.kernel_machine import KernelMachine
from permset.networks.monotone import MonotoneSet
from permset.networks.networks import (
    MLP,
    DeepSet,
    EquivariantNetwork,
    MultiChannelNetwork,
    SetTransformer,
    count_params,
)
from permset.networks.standardization import Standardized
from permset.symmetry.frames import WeightedFrame
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import (
    Canonicalization,
    GroupAverage,
    PermutationAugmentation,
    SampledGroupAverage,
)


def test_build_model_builds_what_params_say() -> None:
    widths = {"element_widths": [4, 2], "set_widths": [3], "element_activation": "relu", "set_activation": "tanh"}
    built = build_model(DeepSetParams(kind="deepset", pooling="mean", **widths), None, 10, 3)
    assert isinstance(built, DeepSet)
    assert count_params(built) == (3 * 4 + 4) + (4 * 2 + 2) + (2 * 3 + 3) + (3 + 1)
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(built(x), built.set(built.element(x).mean(1)))
    assert isinstance(build_model(MLPParams(kind="mlp", widths=[5], activation="tanh"), None, 10, 3), MLP)


WIDTHS = {"widths": [5, 3], "activation": "relu"}
CYCLES = {"kind": "generated", "cycles": [[[0, 1, 2]], [[3, 4]]]}


def model(**entry: Any) -> Any:
    return TypeAdapter(ModelParams).validate_python(entry)


def symmetrizer(**entry: Any) -> Any:
    return TypeAdapter(SymmetrizerParams).validate_python(entry)


def same(built: nn.Module, expected: nn.Module) -> bool:
    """The same parts with weights of the same shapes, and with these weights the same outputs."""
    assert str(built) == str(expected)
    built.load_state_dict(expected.state_dict())
    x = torch.randn(6, 5, 2)
    return torch.equal(built(x), expected(x))


def test_every_model_has_its_settings() -> None:
    group = PermutationGroup([[1, 2, 0, 3, 4], [0, 1, 2, 4, 3]])
    transformer = {"kind": "set_transformer", "width": 8, "heads": 2, "blocks": 2, "inducing": 3, "seeds": 2}
    monotone = {"kind": "monotone", "element_widths": [5, 3], "concepts": 4, "set_widths": [6], "pooling": "sum"}
    monotone |= {"element_activation": "silu", "set_activation": "relu"}
    expected: list[tuple[Any, nn.Module]] = [
        (model(kind="mlp", **WIDTHS), MLP(5, 2, [5, 3], "relu", 3)),
        (model(kind="svm", statistics=["mean", "max"], penalty=2.0), KernelMachine(2, ["mean", "max"], 3)),
        (model(**monotone), MonotoneSet(2, [5, 3], 4, [6], "silu", "relu", "sum", 3)),
        (model(**transformer, norm="layer"), SetTransformer(2, 8, 2, 2, 3, 2, "layer", 3)),
        (model(**transformer, blocks_of_seeds=2), SetTransformer(2, 8, 2, 2, 3, 2, "none", 3, 2)),
        (model(kind="equivariant", **WIDTHS, channels="mean"), EquivariantNetwork(2, [5, 3], "relu", "mean", None, 3)),
        (
            model(kind="equivariant", **WIDTHS, group=CYCLES),
            EquivariantNetwork(2, [5, 3], "relu", "scaled", group, 3),
        ),
        (
            model(kind="multichannel", shapes=[[3, 4]], activation="silu"),
            MultiChannelNetwork(5, 2, [[3, 4]], "silu", 3),
        ),
    ]
    for params, network in expected:
        assert same(build_model(params, None, 5, 2, 3), network)
        standardized = build_model(params, None, 5, 2, 3, standardize=True)
        assert same(standardized, Standardized(network, 2, 3))  # type: ignore[arg-type]


def test_every_symmetrizer_has_its_settings() -> None:
    mlp, cyclic = model(kind="mlp", **WIDTHS), {"kind": "cyclic"}
    canonical = build_model(mlp, symmetrizer(kind="canonical", order="norm"), 5, 2)
    assert isinstance(canonical, Canonicalization)
    assert canonical.order == "norm"
    assert canonical.group is None
    least = build_model(mlp, symmetrizer(kind="canonical", order="lexicographic", group=cyclic), 5, 2)
    assert isinstance(least, Canonicalization)
    assert (least.order, least.group) == ("lexicographic", PermutationGroup.cyclic(5))
    frame = build_model(mlp, symmetrizer(kind="frame", directions=3, seed=7), 5, 2)
    assert isinstance(frame, WeightedFrame)
    assert torch.equal(frame.directions, torch.randn(3, 2, generator=generator(7, "directions")))
    average = build_model(mlp, symmetrizer(kind="average", group=cyclic, of="probabilities", train_samples=4), 5, 2)
    assert isinstance(average, GroupAverage)
    assert (average.group, average.averaged) == (PermutationGroup.cyclic(5), "probabilities")
    assert average.train_samples == 4
    entry = {"kind": "sampled_average", "group": cyclic, "samples": 6, "train_samples": 2, "of": "probabilities"}
    sampled = build_model(mlp, symmetrizer(**entry, seed=7), 5, 2)
    assert isinstance(sampled, SampledGroupAverage)
    drawn = PermutationGroup.cyclic(5).sample(6, generator(7, "average"))
    assert torch.equal(sampled.permutations, drawn)
    assert (sampled.train_samples, sampled.averaged) == (2, "probabilities")
    augmented = build_model(mlp, symmetrizer(kind="augmentation", group={"kind": "blocks", "sizes": [2, 3]}), 5, 2)
    assert isinstance(augmented, PermutationAugmentation)
    assert augmented.group == PermutationGroup.blocks([2, 3])
    for network in (canonical, least, frame, average, sampled, augmented):
        assert isinstance(network.network, MLP)
        assert is_exportable(network) == (network not in (average, least))


def test_a_group_that_cannot_act_on_bags_is_refused() -> None:
    blocks = symmetrizer(kind="augmentation", group={"kind": "blocks", "sizes": [2, 2]})
    with pytest.raises(PermsetError, match=r"sizes must add up to the set size 5, got \[2, 2\]"):
        build_model(model(kind="mlp", **WIDTHS), blocks, 5, 2)
