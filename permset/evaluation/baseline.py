"""What a classifier must beat: to answer the same of every bag."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from permset.data.splits import TRAINING
from permset.data.targets import Binary, Classes
from permset.data.tasks import Collected, Task


def majority(task: Task, tested: Sequence[Float[Tensor, "_ targets"]]) -> float | None:
    """Accuracy on each seed's test bags of always the largest class of its bags of training; the mean over seeds.

    Of drawn bags all classes have as many, and the first stands for the largest. None where there are no classes.
    """
    if not isinstance(task.target, Binary | Classes):
        return None
    shares = []
    for seed, labels in enumerate(tested):
        trained = labels
        if isinstance(task, Collected):
            trained = task.split.collection.y[task.split.bags_of(seed, TRAINING)]
        largest = int(np.bincount(trained[:, 0].long().numpy()).argmax())
        shares.append(float((labels[:, 0].numpy() == largest).mean()))
    return float(np.mean(shares))


def doubts(metrics: Mapping[str, Any]) -> str | None:
    """In one line, that a classifier may have learnt nothing, by its 95% intervals; None if it did."""
    low, auc_low = metrics.get("accuracy_low"), metrics.get("auc_low")
    found = []
    if low is not None and low <= metrics["majority"]:
        found.append(f"an accuracy of {metrics['accuracy']:.2%} is no better than always the largest class")
    if auc_low is not None and auc_low <= 0.5:
        found.append("its AUC is no better than chance")
    if not found:
        return None
    auc = "" if metrics["auc"] is None else f" and AUC {metrics['auc']:.3f}"
    beside = f"balanced accuracy {metrics['balanced_accuracy']:.2%}{auc}, against {metrics['majority']:.2%}"
    return f"{', and '.join(found)}, by the 95% intervals ({beside} of the bags in that class)"
