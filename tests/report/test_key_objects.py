"""The bags that are shown are those with the strongest objects, with what was predicted for them."""

import math
from collections.abc import Iterator

from permset.figures.key_objects import KeyBag, KeyObject
from permset.report.key_objects import SHOWN, key_bags
from permset.report.tables import Row


def objects(effects: dict[str, list[str]], of: str = "", spread: str = "0.5") -> Iterator[Row]:
    row = 1
    for bag, values in effects.items():
        for value in values:
            row += 1
            of_number = {f"effect on {name}": x for name, x in {of: value, "other": "99"}.items()}
            of_number |= {f"spread of {name}": x for name, x in {of: spread, "other": "7"}.items()}
            yield {"bag": bag, "row": str(row), **(of_number if of else {"effect": value, "spread": spread})}


def answers(bags: list[str], of: str = "") -> Iterator[Row]:
    yield from ({"bag": bag, f"predicted {of}".strip(): f"of {bag}"} for bag in bags)


def test_the_strongest_bags_and_objects_come_first_whatever_the_sign() -> None:
    found = key_bags(objects({"a": ["0.1"], "b": ["0.2", "-0.3"], "c": ["0.25"]}), answers(["a", "empty", "b", "c"]))
    assert [bag.bag for bag in found] == ["b", "c", "a"]
    assert found[0] == KeyBag("b", "of b", [KeyObject("4", -0.3, 0.5), KeyObject("3", 0.2, 0.5)], "")


def test_only_a_few_are_shown() -> None:
    many = {str(i): [f"{i / 100}"] for i in range(1, 50)}
    assert [bag.bag for bag in key_bags(objects(many), answers(list(many)))] == ["49", "48", "47", "46"][:SHOWN]


def test_of_several_real_targets_it_is_the_first() -> None:
    [bag] = key_bags(objects({"a": ["0.1"]}, "lift on wings"), answers(["a"], "lift on wings"))
    assert bag == KeyBag("a", "of a", [KeyObject("2", 0.1, 0.5)], "lift on wings")


def test_bags_without_a_known_effect_are_left_out() -> None:
    effects = {"a": [""], "b": ["0", "0"], "c": ["", "0.1"]}
    [bag] = key_bags(objects(effects, spread=""), answers(["a", "b", "c"]))
    assert (bag.bag, len(bag.objects)) == ("c", 1)
    assert math.isnan(bag.objects[0].spread)
    assert key_bags(objects({"a": [""]}), answers(["a"])) == []
    assert key_bags(iter([]), answers(["empty"])) == []
