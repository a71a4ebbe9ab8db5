"""Titles, made of the numbers that a figure shows."""

from collections.abc import Mapping, Sequence

VERDICTS = {
    "invariant": "invariant",
    "constant": "constant",
    "approximate": "approximately invariant",
    "not invariant": "not invariant",
}
HIGHER_IS_BETTER = {"accuracy", "auc", "r2"}


def leaders(values: Mapping[str, float], score: str, label: str) -> str:
    """DeepSet has the highest test accuracy, 71.05%; equal are those that are equal as they are shown."""
    value = shown((max if score in HIGHER_IS_BETTER else min)(values.values()), score)
    most = f"the {'highest' if score in HIGHER_IS_BETTER else 'lowest'} {label}, {value}"
    who = [name for name, other in values.items() if shown(other, score) == value]
    if len(who) == 1:
        return f"{who[0]} has {most}"
    if len(who) == len(values):
        return f"All {len(who)} methods have the same {label}, {value}"
    return f"{len(who)} of {len(values)} methods share {most}"


def verdicts(given: Sequence[str]) -> str:
    """Of 9 methods, 6 are invariant, 1 is approximately invariant and 2 are not invariant."""
    parts = [
        f"{times} {'is' if times == 1 else 'are'} {text}"
        for verdict, text in VERDICTS.items()
        if (times := given.count(verdict))
    ]
    if len(parts) == 1:
        return f"{'All methods are' if len(given) > 1 else 'The method is'} {VERDICTS[given[0]]}"
    return f"Of {len(given)} methods, {listed(parts)}"


def shown(value: float, score: str) -> str:
    return f"{value:.2%}" if score == "accuracy" else f"{value:.3g}"


def listed(parts: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
