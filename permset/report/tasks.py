"""What tasks are, in words."""

from permset.config.data import AnySource, ColumnParams, DigitsParams, FoldsParams, SplitParams
from permset.config.tasks import (
    BlocksTaskParams,
    GaussianMixturesParams,
    GaussianVarianceParams,
    MaximumParams,
    MILTestParams,
    PopulationParams,
    RotationsParams,
    UnitSumParams,
)
from permset.figures.names import plain
from permset.report.tables import percent


def about(task: AnySource) -> str:
    """What its bags are, and what is to be found, in a sentence."""
    match task:
        case UnitSumParams():
            first, second = task.subset_sizes
            return (
                f"Bags of {task.set_size} numbers that sum to 1; {first} of them are 1/{first} in class 0, "
                f"{second} of them are 1/{second} in class 1, and the rest are 0."
            )
        case GaussianVarianceParams():
            return (
                f"Bags of {task.set_size} objects with {task.channels} independent normal channels of mean zero; their "
                f"variance is {task.variances[0]:g} in class 0 and {task.variances[1]:g} in class 1."
            )
        case MILTestParams():
            return (
                f"Test {plain(task.test)} of multiple-instance learning: bags of objects of {task.channels} channels, "
                f"of which up to {task.background} do not matter. Bags of the test are unlike those of training."
            )
        case RotationsParams():
            other = "with two neighbours swapped" if task.negatives == "swapped" else "in random order"
            return (
                f"{task.set_size} numbers, uniform in [0, 1]: in class 1 a rotation of an increasing sequence, in "
                f"class 0 {other}."
            )
        case BlocksTaskParams():
            one, swapped = task.variances
            return (
                f"{task.set_size} objects of {task.channels} normal channels of mean zero, in two halves: the variance "
                f"is {one:g} in the first and {swapped:g} in the second in class 0, the other way round in class 1."
            )
        case PopulationParams():
            smallest, largest = task.set_sizes
            return (
                f"Samples of {smallest} to {largest} objects of normal distributions; a number that the covariance has "
                f"is to be found ({plain(task.statistic)}: Zaheer et al. 2017, section 4.1.1)."
            )
        case GaussianMixturesParams():
            smallest, largest = task.set_sizes
            return (
                f"{smallest} to {largest} points of mixtures of {task.components} normal distributions in the plane; "
                "which mixture it was is to be found."
            )
        case MaximumParams():
            return f"Bags of 1 to {task.set_size} numbers, uniform in [0, {task.high:g}]; the largest is to be found."
        case DigitsParams():
            what = f"Scikit-learn's 8 × 8 digits as clouds of the pixels (row, column, intensity) ≥ {task.threshold}"
        case _:
            what = f"The bags of {task.path}"
    return f"{what}; {divided(task.split)}."


def divided(split: SplitParams) -> str:
    """How bags are divided, in words."""
    if isinstance(split, ColumnParams):
        return f"its column {split.column} says which bags are for training, validation and test"
    if isinstance(split, FoldsParams):
        how = f"{split.repeats} × {split.folds} stratified folds, a network for each"
    else:
        how = f"{percent(split.test, 0)} of the bags are for test"
    together = f"; bags of one {split.group} stay together" if split.group else ""
    return f"{how}; {percent(split.validation, 0)} of the others are for validation{together}"
