"""A model takes bags in several forms, says what its network says of them, and names each mistake in one line."""

from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from masked_bags import with_any_weights
from mlflow.exceptions import MlflowException
from predicted_tables import BAGS, NETWORK, OUTPUTS, check, table_of
from torch import Tensor, nn
from tracked_results import interface

from permset.networks.networks import MLP, DeepSet
from permset.networks.standardization import Standardized
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import GroupAverage
from permset.tracking import served
from permset.tracking.costs import Announced
from permset.tracking.served import OBJECTS_AT_ONCE


class Model:
    """As MLflow loads it, from the file alone: without the checks of types that tests add to the package."""

    def __init__(self, network: nn.Module, **changes: Any):
        spec = spec_from_file_location("served", served.__file__)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        self.inner = module.BagModel()
        self.inner.network, self.inner.interface = network, interface(**changes)

    def predict(self, bags: Any) -> pd.DataFrame:
        return self.inner.predict(None, bags)


def test_bags_of_mixed_sizes_come_in_four_forms() -> None:
    model = Model(NETWORK)
    x, mask = np.full((4, 6, 3), np.nan), np.zeros((4, 6), bool)
    for i, bag in enumerate(BAGS):
        places = np.random.default_rng(i).permutation(6)[: len(bag)]
        x[i, places], mask[i, places] = bag, True
    shuffled = table_of(BAGS, list("dbac")).sample(frac=1, random_state=0)[["w", "more", "bag", "v", "u"]]
    order = shuffled["bag"].unique().tolist()
    assert order != list("dbac")
    rows = torch.tensor(["dbac".index(name) for name in order])
    for given, outputs in (
        (BAGS, OUTPUTS),
        ([torch.from_numpy(bag) for bag in BAGS], OUTPUTS),
        ([bag.tolist() for bag in BAGS], OUTPUTS),
        ({"x": x, "mask": mask}, OUTPUTS),
        ({"x": x, "mask": mask.astype(int)}, OUTPUTS),
        (table_of(BAGS, [3, 7, 1, 2]), OUTPUTS),
        (shuffled, OUTPUTS[rows]),
    ):
        check(model.predict(given), outputs, ["no", "yes"])
    assert model.predict(shuffled)["bag"].tolist() == order
    assert model.predict(table_of(BAGS, [3, 7, 1, 2]))["bag"].tolist() == [3, 7, 1, 2]
    assert list(model.predict(BAGS)) == ["predicted", "probability of no", "probability of yes"]


def test_bags_may_be_empty_and_there_may_be_none() -> None:
    model, empty = Model(NETWORK), np.zeros((0, 3))
    nothing = NETWORK(torch.zeros(1, 0, 3))
    outputs = torch.cat([nothing, OUTPUTS, nothing])
    check(model.predict([empty, *BAGS, empty]), outputs, ["no", "yes"])
    row = np.full((1, 3), np.nan)
    check(model.predict(table_of([row, *BAGS, row], list("abcdef"))), outputs, ["no", "yes"])
    check(model.predict([empty]), nothing, ["no", "yes"])
    assert model.predict([]).shape == model.predict(np.zeros((0, 6, 3))).shape == (0, 3)


def test_many_bags_come_back_in_their_order() -> None:
    draws = np.random.default_rng(0)
    bags = [draws.normal(size=(size, 3)) for size in draws.integers(0, 60, 3 * OBJECTS_AT_ONCE // 60)]
    outputs = torch.cat([NETWORK(torch.from_numpy(bag).float()[None]) for bag in bags])
    portions = []

    def network(x: Tensor, mask: Tensor) -> Tensor:
        portions.append(x.shape[0] * x.shape[1])
        return NETWORK(x, mask)

    model = Model(NETWORK)
    model.inner.network = network
    check(model.predict(bags), outputs, ["no", "yes"])
    assert OBJECTS_AT_ONCE // 2 < max(portions) <= OBJECTS_AT_ONCE, "which bounds the memory"


def test_a_network_with_a_place_for_each_object_takes_smaller_bags_where_it_has_met_them() -> None:
    network = with_any_weights(Standardized(MLP(6, 3, [4]), 3, 1)).float()
    model = Model(network, most=6, fewest=0)
    padded = torch.stack([torch.from_numpy(np.pad(bag, ((0, 6 - len(bag)), (0, 0)))).float() for bag in BAGS])
    masks = torch.tensor([[i < len(bag) for i in range(6)] for bag in BAGS])
    check(model.predict(BAGS), network(padded, masks), ["no", "yes"])
    with pytest.raises(MlflowException, match=r"^bag 'a' has 7 objects, and this network takes at most 6$"):
        model.predict(table_of([np.zeros((7, 3))], ["a"]))


def test_numbers_have_their_names() -> None:
    network = with_any_weights(DeepSet(3, [4], [3], outputs=2)).float()
    outputs = torch.cat([network(torch.from_numpy(bag).float()[None]) for bag in BAGS])
    table = Model(network, answers=["weight", "age"], classes=False).predict(BAGS)
    assert list(table) == ["predicted weight", "predicted age"]
    np.testing.assert_allclose(table, outputs.detach(), atol=1e-6)


X, MASK = np.zeros((2, 4, 3)), np.ones((2, 4), bool)
MISTAKES = {
    "one bag": (X[0], r"^an array of bags must have shape \(sets, objects, channels\), got \(4, 3\)$"),
    "a number": (3, r"^bags must be an array .* or a data frame; got int \("),
    "ragged": ([[[1, 2, 3], [4]]], r"^bags must be an array .* or a data frame; got list \("),
    "channels": ([X[0], X[0, :, :2]], r"^bag 1 must have shape \(objects, 3\), got \(4, 2\)$"),
    "nothing": ([X[0], X[0] * np.nan], r"^bag 1 has a number that is missing, infinite or too large for float32$"),
    "beyond": ([[[10**400, 0, 0]]], r"^bags must be an array .* or a data frame; got list \(int too large"),
    "huge": ([X[0] + 1e300], r"^bag 0 has a number that is missing, infinite or too large for float32$"),
    "no mask": ({"x": X}, r"^a dictionary of bags must hold x and mask, got x$"),
    "mask": ({"x": X, "mask": MASK[:, :2]}, r"^x must have .*, got \(2, 4, 3\) and \(2, 2\)$"),
    "mask of numbers": ({"x": X, "mask": MASK * 0.5}, r"^mask must be true for objects and false for padding$"),
    "columns": (table_of(BAGS, [1, 2, 3, 4])[["bag", "v"]], r"^the data frame has no column 'u', 'w'$"),
    "text": (table_of(BAGS, [1, 2, 3, 4]).replace({"u": {BAGS[0][0, 0]: "x"}}), r"^column 'u' must hold numbers: "),
    "no bag": (table_of(BAGS, [1, 2, None, 4]), r"^column 'bag' says nothing in row 5$"),
    "a gap": (table_of(BAGS, list("abcd")).replace({"u": {BAGS[1][0, 0]: None}}), r"^bag 'b' has a number that is mis"),
}


@pytest.mark.parametrize(("given", "line"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_gets_one_line(given: Any, line: str) -> None:
    with pytest.raises(MlflowException, match=line) as error:
        Model(NETWORK).predict(given)
    assert len(error.value.message.splitlines()) == 1


def test_of_many_columns_that_are_missing_some_are_named() -> None:
    names = [f"c{i}" for i in range(9)]
    model = Model(NETWORK, channels=names, table=[{"name": name} for name in names])
    with pytest.raises(
        MlflowException, match=r"^the data frame has no column 'c0', 'c1', 'c2', 'c4', 'c5' and 3 more$"
    ):
        model.predict(pd.DataFrame({"bag": [1], "c3": [1.0]}))


def test_an_average_that_would_not_end_is_the_mistake_of_the_one_who_asks() -> None:
    model = Model(Announced(GroupAverage(MLP(43, 3, [4]), PermutationGroup.symmetric(43))), most=43, fewest=0)
    with pytest.raises(MlflowException, match=r"^a bag has .* different arrangements"):
        model.predict([np.arange(36).reshape(12, 3)])


MIXED = [
    {"name": "kind", "categories": ["food", "toy"], "mean": 0.0, "lacks": True},
    {"name": "price", "categories": None, "mean": 2.5, "lacks": True},
    {"name": "weight", "categories": None, "mean": 0.5, "lacks": False},
]


def mixed_frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "price": [1.0, np.nan, 3.0, np.nan],
            "bag": ["a", "a", "b", "c"],
            "kind": ["toy", "sofa", None, ""],
            "weight": [2, 3, np.nan, np.nan],
        }
    )


def test_a_frame_has_texts_and_lacks_numbers_as_the_file_of_training() -> None:
    """The channels: food, toy, kind missing, price, price missing, weight."""
    network = DeepSet(6, [4], [3])
    with_any_weights(network).float()
    model = Model(network, channels=list("abcdef"), table=MIXED, fills=True)
    bags = [[[0, 1, 0, 1, 0, 2], [0, 0, 0, 2.5, 1, 3]], [[0, 0, 1, 3, 0, 0.5]], np.zeros((0, 6))]
    found, expected = model.predict(mixed_frame()), model.predict([np.array(bag) for bag in bags])
    assert found.pop("bag").tolist() == ["a", "b", "c"]
    pd.testing.assert_frame_equal(found, expected)


def test_a_frame_lacks_nothing_where_the_file_of_training_must_not() -> None:
    model = Model(with_any_weights(DeepSet(6, [4], [3])).float(), channels=list("abcdef"), table=MIXED, fills=False)
    whole = pd.DataFrame({"bag": [1], "kind": ["toy"], "price": [1], "weight": [1]})
    model.predict(whole)
    for column in ("kind", "price"):
        with pytest.raises(MlflowException, match="bag 1 has a number that is missing"):
            model.predict(whole.assign(**{column: [None]}))
    with pytest.raises(MlflowException, match="column 'price' must hold numbers"):
        model.predict(whole.assign(price=["dear"]))
