"""The best score that a symmetry leaves possible: what no rule can beat whose answers a group does not change."""

from math import factorial

import numpy as np
import torch
from jaxtyping import Int

from permset.data.subgroups import Blocks, Rotations
from permset.data.tasks import GaussianVariance, Task, UnitSum
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.least import least_arrangement


def best_accuracy(task: Task, group: PermutationGroup) -> float | None:
    """Of the rules that are invariant under a group; None where it is not known.

    Such a rule sees an orbit of the group. If the classes have the distributions P and Q of orbits, the best one is
    right with the probability (1 + Σ|P − Q|/2) / 2.
    """
    match task:
        case UnitSum() | GaussianVariance():
            return task.bayes_accuracy  # The objects come in any order, which says nothing.
        case Rotations():
            return _of_rotations(task, group)
        case Blocks():
            return _of_blocks(task, group)
        case _:
            return None


def _of_rotations(task: Rotations, group: PermutationGroup) -> float:
    """By the orbits of the orders in which a bag's numbers may come, which alone say something of its class."""
    n = task.set_size
    rotations = (np.arange(n)[:, None] + np.arange(n)) % n
    if task.negatives == "shuffled":
        orbits = len(_orbits(rotations, group))
        return 1 - orbits * group.order / (2 * factorial(n))
    swapped = np.tile(np.arange(n), (n, 1))
    places = np.arange(n), (np.arange(n) + 1) % n
    swapped[np.arange(n), places[0]], swapped[np.arange(n), places[1]] = places[1], places[0]
    positive, negative = _orbits(rotations, group), _orbits(swapped[:, rotations].reshape(-1, n), group)
    overlap = sum(min(positive[orbit], negative.get(orbit, 0.0)) for orbit in positive)
    return 1 - overlap / 2


def _orbits(orders: Int[np.ndarray, "orders n"], group: PermutationGroup) -> dict[tuple[int, ...], float]:
    """The share of the orders in each orbit, which the least arrangement names."""
    least = np.take_along_axis(orders, least_arrangement(torch.as_tensor(orders), group).numpy(), 1)
    found, counts = np.unique(least, axis=0, return_counts=True)
    return {tuple(order): count / len(orders) for order, count in zip(found.tolist(), counts.tolist(), strict=True)}


def _of_blocks(task: Blocks, group: PermutationGroup) -> float | None:
    """The Bayes accuracy where no object leaves its half, 1/2 for all permutations; not known for other groups."""
    half = np.arange(task.set_size) < task.set_size // 2
    if all((half == half[p]).all() for p in group.generators()):
        return task.bayes_accuracy
    return 0.5 if group.is_symmetric else None
