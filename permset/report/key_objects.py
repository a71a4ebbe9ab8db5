"""The bags of a prediction in which a single object matters most, for a picture of them."""

import heapq
import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter

from permset.figures.key_objects import KeyBag, KeyObject
from permset.report.tables import Row

SHOWN = 4
"""bags"""


def key_bags(objects: Iterable[Row], answers: Iterable[Row]) -> list[KeyBag]:
    """The strongest first, from the tables of objects and of bags, in both of which bags have the same order.

    By the first target where there are several. None where no effect is known, or all are zero.
    """
    bags = (_key_bag(name, list(rows), answers) for name, rows in groupby(objects, itemgetter("bag")))
    strongest = heapq.nlargest(SHOWN, (bag for bag in bags if bag.objects), key=_strength)
    return list(filter(_strength, strongest))


def _key_bag(name: str, rows: Sequence[Row], answers: Iterable[Row]) -> KeyBag:
    """Takes the answers up to that for this bag."""
    answer = next(answer for answer in answers if answer["bag"] == name)
    predicted, effect, spread = (
        next(title for title in row if title.startswith(kind))
        for row, kind in ((answer, "predicted"), (rows[0], "effect"), (rows[0], "spread"))
    )
    objects = [KeyObject(row["row"], float(row[effect]), float(row[spread] or math.nan)) for row in rows if row[effect]]
    return KeyBag(
        name, answer[predicted], sorted(objects, key=lambda one: -abs(one.effect)), effect.partition(" on ")[2]
    )


def _strength(bag: KeyBag) -> float:
    return abs(bag.objects[0].effect)
