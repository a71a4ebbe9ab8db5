"""Losses and scores against torch's and scikit-learn's own."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from drawn_outputs import SEEDS, TARGETS, draw
from sklearn.metrics import (
    accuracy_score,
    mean_absolute_error,
)
from torch import Tensor
from torch.nn import functional as F

from permset.config.kinds import TargetKind
from permset.data.targets import Binary, Classes, Real, Target, build_target, weighted

KINDS_WITH_NAMES: list[tuple[TargetKind, list[str]]] = [
    ("classes", ["elm", "oak", "fir"]),
    ("binary", ["no", "yes"]),
    ("real", ["mass"]),
]


def torchs(target: Target, outputs: Tensor, labels: Tensor) -> Tensor:
    """The loss of one network by torch.nn.functional."""
    match target:
        case Binary():
            return F.binary_cross_entropy_with_logits(outputs, labels)
        case Classes():
            return F.cross_entropy(outputs, labels[:, 0].long())
        case Real():
            return (F.mse_loss if target.error == "squared" else F.l1_loss)(outputs, labels)


def scikit_learns(target: Target, outputs: Tensor, labels: Tensor) -> float:
    """The score of one network by scikit-learn."""
    if isinstance(target, Real):
        unit = 1 if target.outputs == 1 else labels.std(0, correction=0).numpy()
        return float(np.mean(mean_absolute_error(labels, outputs, multioutput="raw_values") / unit))
    return accuracy_score(labels[:, 0], outputs[:, 0] > 0 if isinstance(target, Binary) else outputs.argmax(1))


@pytest.mark.parametrize("own_labels", [False, True], ids=["same bags", "own bags"])
@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_losses_and_scores_of_a_stack_are_those_of_each_network(target: Target, own_labels: bool) -> None:
    outputs, labels = draw(target, *SEEDS)
    if own_labels:
        labels = torch.stack([labels.roll(i, 0) for i in range(math.prod(SEEDS))]).unflatten(0, SEEDS)
    losses, scores = target.loss(outputs, labels), target.score(outputs, labels)
    assert losses.shape == scores.shape == SEEDS
    for index in np.ndindex(*SEEDS):
        mine = labels[index] if own_labels else labels
        torch.testing.assert_close(losses[index], torchs(target, outputs[index], mine))
        assert scores[index].item() == pytest.approx(scikit_learns(target, outputs[index], mine))
    assert losses.flatten().unique().numel() == math.prod(SEEDS), "the control: networks differ"


@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_gradients_are_torchs_where_outputs_are_extreme(target: Target) -> None:
    outputs, labels = draw(target, sets=9)
    outputs = outputs.float() * torch.logspace(-2, 4, 9).unsqueeze(-1)
    gradients = []
    for loss in (target.loss, lambda z, y: torchs(target, z, y)):
        leaf = outputs.clone().requires_grad_()
        value = loss(leaf, labels.float())
        (gradient,) = torch.autograd.grad(value, leaf)
        assert torch.isfinite(gradient).all()
        gradients += [value.detach(), gradient]
    torch.testing.assert_close(gradients[0], gradients[2])
    torch.testing.assert_close(gradients[1], gradients[3])


def test_a_reading_is_a_probability_or_the_first_number() -> None:
    binary, classes, real = (draw(target, *SEEDS) for target in TARGETS[:3])
    torch.testing.assert_close(Binary().reading(binary[0]), 1 / (1 + (-binary[0][..., 0]).exp()))
    likeliest = classes[0].exp().amax(-1) / classes[0].exp().sum(-1)
    torch.testing.assert_close(Classes(4).reading(classes[0]), likeliest)
    assert torch.equal(Real(3).reading(real[0]), real[0][..., 0])


def test_a_reading_has_the_name_of_what_it_is() -> None:
    outputs = torch.tensor([[0.1, 2.0, 0.3], [0.1, -2.0, 0.3]])
    three, two, one = (build_target(kind, names, "squared") for kind, names in KINDS_WITH_NAMES)
    assert three.meanings(outputs) == ["probability of oak", "probability of fir"]
    assert two.meanings(outputs[:, :1]) == ["probability of yes"] * 2
    assert one.meanings(outputs[:, :1]) == ["mass"] * 2
    assert Binary(("0", "1")).meanings(outputs[:, :1]) == ["probability of class 1"] * 2
    assert Classes(3, ("7", "8", "9")).meanings(outputs) == ["probability of class 8", "probability of class 9"]
    assert Classes(3).meanings(outputs) == ["probability of class 1", "probability of class 2"]
    assert (Real(1).meanings(outputs), Binary().meanings(outputs[:1])) == (["target"] * 2, ["probability of class 1"])


@pytest.mark.parametrize("target", TARGETS)
def test_a_weighted_loss_is_the_mean_of_each_bags_loss_times_its_weight(target: Target) -> None:
    outputs, labels = draw(target)
    weights = torch.rand(len(outputs), dtype=torch.float64)
    one_by_one = [target.loss(outputs[[i]], labels[[i]]) for i in range(len(outputs))]
    expected = (weights * torch.stack(one_by_one)).mean()
    torch.testing.assert_close(weighted(target.loss, outputs, labels, weights), expected)
    assert torch.equal(weighted(target.loss, outputs, labels, None), target.loss(outputs, labels))


def test_names_tell_the_scores_apart() -> None:
    assert [t.loss_name for t in TARGETS] == [
        "binary cross-entropy (nats)",
        "cross-entropy (nats)",
        "mean squared error",
        "mean absolute error",
    ]
    assert [t.score_name for t in TARGETS] == ["accuracy", "accuracy", "mae", "mae"]


def test_scores_of_classes_are_logarithms_of_probabilities_up_to_what_all_bags_share() -> None:
    logits = torch.tensor([[1.0, 2.0, 4.0], [0.0, -3.0, 50.0]])
    probabilities = logits.double().exp() / logits.double().exp().sum(1, keepdim=True)
    torch.testing.assert_close(Classes(3).class_scores(logits), probabilities.log())
    assert Binary().class_scores(logits[:, 2:]).tolist() == [[-4, 4], [-50, 50]]


def test_a_machine_is_for_two_classes_or_one_against_the_rest_or_one_number() -> None:
    labels = torch.tensor([[0.0], [2.0], [1.0], [2.0]])
    assert [column.tolist() for column in Binary().columns(labels)] == [[0, 2, 1, 2]]
    assert [column.int().tolist() for column in Classes(3).columns(labels)] == [
        [1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 1],
    ]  # fmt: skip
    numbers = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert [column.tolist() for column in Real(2).columns(numbers)] == [[1, 3], [2, 4]]


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("binary", Binary(("no", "yes"))),
        ("classes", Classes(2, ("no", "yes"))),
        ("real", Real(2, "absolute", ("no", "yes"))),
    ],
)
def test_a_target_is_built_by_its_kind(kind: Any, target: Target) -> None:
    assert build_target(kind, ["no", "yes"], "absolute") == target
    assert target.alternating == (2 if kind == "binary" else 1)
