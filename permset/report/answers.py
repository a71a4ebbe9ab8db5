"""What the studies' tables say, in sentences that are chosen by the numbers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from permset.evaluation.comparisons import REGION, correlated_t
from permset.figures.sentences import listed
from permset.report.tables import are, percent

Rows = Sequence[Mapping[str, str]]
# Pooled values that differ by no more than this, relative to their size, agree to the rounding of float32 data.
ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class MeasuredPoint:
    """A run of a study at one value: every column of its table over the seeds."""

    run: str
    value: str
    rows: Rows

    def __getitem__(self, column: str) -> Float[np.ndarray, " seeds"]:
        return np.array([float(row[column] or "nan") for row in self.rows])

    def mean(self, column: str) -> float:
        return float(self[column].mean())

    @property
    def num_params(self) -> int:
        return int(self.rows[0]["num_params"])


@dataclass(frozen=True)
class Ranking:
    """Runs of a study by their regrets of the same seeds, on the same test bags.

    How much these bags favour a run is in no table of a study, so that what is said holds on them.
    """

    level: Sequence[str]
    """the run of the least mean, and those that are practically equal to it"""
    undecided: Sequence[str]
    """those of which it is not known whether they are worse"""

    @classmethod
    def of(cls, regrets: Mapping[str, Float[np.ndarray, " seeds"]]) -> "Ranking":
        best, *others = sorted(regrets, key=lambda run: regrets[run].mean())
        verdicts = {run: correlated_t(regrets[run] - regrets[best]).chances().verdict for run in others}
        level, undecided = ([run for run in others if verdicts[run] == which] for which in ("equal", "undecided"))
        return cls([best, *level], undecided)

    @property
    def has_winner(self) -> bool:
        return len(self.level) == 1 and not self.undecided

    @property
    def doubts(self) -> str:
        return f", and it is undecided whether {listed(self.undecided)} {are(self.undecided)} worse" * bool(
            self.undecided
        )


def points_of(rows: Rows) -> list[MeasuredPoint]:
    points: dict[tuple[str, str], list[Mapping[str, str]]] = {}
    for row in rows:
        points.setdefault((row["run"], row["value"]), []).append(row)
    return [MeasuredPoint(run, value, group) for (run, value), group in points.items()]


def runs_of(points: Sequence[MeasuredPoint]) -> dict[str, list[MeasuredPoint]]:
    return {run: [point for point in points if point.run == run] for run in dict.fromkeys(p.run for p in points)}


def mlp_capacity(points: Sequence[MeasuredPoint], deepset: Mapping[str, str], margin: float, share: float) -> str:
    """The smallest network whose accuracy is within a margin of the DeepSet's in a share of its seeds."""
    wanted = float(deepset["accuracy"]) - margin
    seeds = len(points[0].rows)
    needed = int(np.ceil(share * seeds))
    reached = {point: int((point["accuracy"] >= wanted).sum()) for point in points}
    enough = [point for point in points if reached[point] >= needed]
    largest = max(points, key=lambda point: point.num_params)
    goal = f"{percent(deepset['accuracy'])} to within {percent(margin)} in at least {needed} of {seeds} seeds"
    goal = f"the DeepSet's {goal}"
    if not enough:
        best = max(points, key=lambda point: point.mean("accuracy"))
        return (
            f"None up to {largest.num_params:,} parameters: no MLP reached {goal}; the best had {best.num_params:,} "
            f"parameters and {percent(best.mean('accuracy'))}."
        )
    smallest = min(enough, key=lambda point: point.num_params)
    ratio = smallest.num_params / int(deepset["num_params"])
    failed = [point for point in points if point.num_params > smallest.num_params and point not in enough]
    text = (
        f"About {ratio:.1f} times as many: the smallest MLP that reached {goal} has {smallest.num_params:,} parameters "
        f"(hidden layers {smallest.value}), and the DeepSet has {int(deepset['num_params']):,}."
    )
    if failed:
        larger = listed([f"{point.num_params:,} ({reached[point]} seeds)" for point in failed])
        text += f" More parameters alone do not do it: larger MLPs that fell short have {larger}."
    return text


def element_nonlinearity(points: Sequence[MeasuredPoint]) -> str:
    """Runs whose pooled values are the same for every bag against those whose are not."""
    flat = [point for point in points if point["pooled_spread"].max() <= ROUNDING]
    other = [point for point in points if point not in flat]
    if not flat or not other:
        networks = "every network" if flat else "no network"
        return f"Here it makes no difference: {networks} pools all bags to the same value."
    worst, best = (max(point.mean("accuracy") for point in group) for group in (flat, other))
    spread = max(point["pooled_spread"].max() for point in flat)
    learnt = "nothing can be learnt" if worst < 0.55 else "something is still learnt, which this does not explain"
    loss, least = min(point.mean("loss") for point in flat), min(point.mean("accuracy") for point in other)
    return (
        f"Without it, all bags pool to the same value (to {spread:.0e} of it), and {learnt}: at best over all widths, "
        f"the accuracy is {percent(worst)} and the loss {loss:.4f} (ln 2 = {np.log(2):.4f}). With it, the accuracy is "
        f"{_span(percent(least), percent(best))}."
    )


def channel_reduction(points: Sequence[MeasuredPoint]) -> str:
    parts, regrets = [], {}
    for run, line in runs_of(points).items():
        saturated = [point.mean("initial_saturated") for point in line]
        regret = [point.mean("regret") for point in line]
        regrets[run] = np.mean([point["regret"] for point in line], axis=0)
        parts.append(
            f"With {run}, {_span(percent(min(saturated), 0), percent(max(saturated), 0))} of the outputs are saturated "
            f"before training, and the regret after it is {_span(f'{min(regret):.3f}', f'{max(regret):.3f}')}."
        )
    ranking = Ranking.of(regrets)
    verb = "does best" if ranking.has_winner else "leads" if len(ranking.level) == 1 else "do equally well"
    return f"On average over all widths and depths, {listed(ranking.level)} {verb}{ranking.doubts}. {' '.join(parts)}"


def fresh_or_fixed(points: Sequence[MeasuredPoint]) -> str:
    parts = []
    for run, line in runs_of(points).items():
        gaps = {json.loads(point.value): point.mean("loss") - point.mean("train_loss") for point in line}
        fixed = {value: gap for value, gap in gaps.items() if value != "fresh"}
        said = [f"{gap:z.3f} at {value:,} bags" for value, gap in sorted(fixed.items())]
        said += [f"{gaps['fresh']:z.3f} with fresh bags"] if "fresh" in gaps else []
        parts.append(f"for {run} it is {listed(said)}")
    smallest = min(points, key=lambda point: (json.loads(point.value) == "fresh", json.loads(point.value)))
    memorised = smallest.mean("train_loss") < 0.1 < np.log(2) < smallest.mean("loss")
    verdict = "A small fixed sample is memorised" if memorised else "No sample was memorised here"
    return f"{verdict}. This is the test loss minus the training loss, in nats: {'; '.join(parts)}."


def sample_efficiency(points: Sequence[MeasuredPoint], tasks: Mapping[str, str]) -> str:
    """For each task, the run with the least regret at each size of the sample, and those that tie with it."""
    parts = []
    for task in dict.fromkeys(tasks.values()):
        on_task = [point for point in points if tasks[point.run] == task]
        wins = []
        for value in dict.fromkeys(point.value for point in on_task):
            at_value = {point.run: point["regret"] for point in on_task if point.value == value}
            ranking = Ranking.of(at_value)
            verb = "wins" if ranking.has_winner else "leads" if len(ranking.level) == 1 else "tie"
            means = sorted(at_value[run].mean() for run in ranking.level)
            regrets = _span(f"{means[0]:.4f}", f"{means[-1]:.4f}")
            who = f"{listed(ranking.level)} {verb} at {_count(value)} bags (regret {regrets})"
            wins.append(who + ranking.doubts)
        parts.append(f"On {task}, {'; '.join(wins)}.")
    return " ".join(parts)


def set_size(points: Sequence[MeasuredPoint]) -> str:
    parts, at_worst = [], {}
    for run, line in runs_of(points).items():
        worst = max(line, key=lambda point: point.mean("regret"))
        at_worst[run] = worst["regret"]
        size = json.loads(worst.value)
        parts.append(f"{run} pooling loses at most {max(worst.mean('regret'), 0):.3f}, at {size} objects")
    working = [run for run, regret in at_worst.items() if regret.mean() <= REGION]
    if working:
        said = f"{listed(working)} pooling {'works' if len(working) == 1 else 'work'} on all of them"
    else:
        ranking = Ranking.of(at_worst)
        said = f"{listed(ranking.level)} pooling {'comes' if len(ranking.level) == 1 else 'come'} closest"
        said += ranking.doubts
    return f"Against the Bayes accuracy of each size, {'; '.join(parts)}: {said}."


def averaging_samples(points: Sequence[MeasuredPoint], close: float = 0.002) -> str:
    parts = []
    for run, line in runs_of(points).items():
        samples = np.array([json.loads(point.value) for point in line], dtype=float)
        slope = np.polyfit(np.log(samples), np.log([point.mean("invariance") for point in line]), 1)[0]
        most = line[int(samples.argmax())]
        gaps = [abs(point.mean("accuracy") - most.mean("accuracy")) for point in line]
        near = [k for k, gap in zip(samples, gaps, strict=True) if gap <= close]
        parts.append(
            f"{run}: the error falls as k to the power −{-slope:.2f}, and from k = {min(near):.0f} on the accuracy is "
            f"within {percent(close)} of that at k = {samples.max():.0f}"
        )
    return "; ".join(parts) + "."


def in_general(points: Sequence[MeasuredPoint]) -> str:
    """For any other study: where each run did best, by regret, or by test loss where no limit is known."""
    by = "loss" if np.isnan([point.mean("regret") for point in points]).any() else "regret"
    parts = []
    for run, line in runs_of(points).items():
        best = min(line, key=lambda point: point.mean(by))
        more = "" if by == "loss" else f", loss {best.mean('loss'):.4f}"
        parts.append(f"{run} at {best.value} ({by} {best.mean(by):.4f}{more})")
    return f"Least {by}: {'; '.join(parts)}."


def _span(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


def _count(value: str) -> str:
    """A number of bags, or `fresh`."""
    size = json.loads(value)
    return f"{size:,}" if isinstance(size, int) else str(size)
