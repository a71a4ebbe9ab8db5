"""Figures that compare the runs of a task: a row for each run."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from permset.figures.looks import Look
from permset.figures.sentences import HIGHER_IS_BETTER, leaders, listed, shown, verdicts
from permset.figures.styles import LABELS, WIDTH, caption, log_where_it_spans, styled

Rows = Sequence[Mapping[str, Any]]
# Where an error of 0 is drawn, and the least and the largest that is drawn in its place.
EXACT, LEAST, LARGEST = 1e-19, 1e-18, 1e5
# What is shown beside the score, the first of them that a task has, with as many decimals as in the tables.
BESIDE = {"regret": 4, "auc": 3, "r2": 3}


@styled
def accuracy_figure(rows: Rows, named: Mapping[str, str], known: Mapping[str, Look]) -> Figure:
    """The score of every run on the test set, best first: mean over seeds with its 95% interval, and the limit."""
    score = rows[0]["score"]
    sign = -1 if score in HIGHER_IS_BETTER else 1
    ranked = sorted(rows, key=lambda row: sign * row[score])
    figure, axes = _rows_of([named[row["run"]] for row in ranked], extra=1.9)
    other = next((name for name in BESIDE if rows[0].get(name) is not None), None)
    for place, row in enumerate(ranked):
        value, low, high = row[score], row.get(f"{score}_low"), row.get(f"{score}_high")
        ends = None if low is None or high is None else [[value - low], [high - value]]
        look = known[row["run"]]
        axes.errorbar(value, place, xerr=ends, fmt=look.marker, color=look.colour, capsize=4, markersize=8)
        more = "" if other is None or row.get(other) is None else f", {LABELS[other]} {row[other]:.{BESIDE[other]}f}"
        _beside(axes, place, shown(value, score) + more)
    limit = rows[0].get("bayes_accuracy")
    if limit is not None:
        axes.axvline(limit, color="black", linestyle="--", linewidth=1)
        axes.text(limit, 1.01, f"Bayes accuracy {limit:.2%}", transform=axes.get_xaxis_transform(), ha="right")
    values = [row[score] for row in rows]
    if score == "accuracy":
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_major_formatter(PercentFormatter(1))
    else:
        log_where_it_spans(axes.xaxis, values)
        if axes.get_xscale() == "log":  # An interval may reach zero.
            axes.set_xlim(left=min(values) / 3)
    axes.set_xlabel(LABELS[score])
    means = {named[row["run"]]: row[score] for row in rows}
    note = "Mean over seeds or folds, with its 95% confidence interval."
    if (majority := rows[0].get("majority")) is not None:
        note += f" Always the largest class: {majority:.2%}."
    caption(figure, leaders(means, score, LABELS[score]) + _level(ranked, score), note)
    return figure


def _level(ranked: Rows, score: str) -> str:
    """What the others are to the best on the same test bags, if one is the best."""
    best = [shown(row[score], score) for row in ranked]
    verdicts = [row.get("against_best") for row in ranked[1:]]
    if best.count(best[0]) > 1:
        return ""
    equal, undecided = verdicts.count("equal"), verdicts.count("undecided")
    parts = [f"{_of(equal, len(verdicts))} {'is' if equal == 1 else 'are'} practically equal to it"] if equal else []
    if undecided:
        parts.append(f"{undecided if equal else _of(undecided, len(verdicts))} may be as good")
    return f"; on the same bags {listed(parts)}" if parts else ""


def _of(times: int, others: int) -> str:
    if times == others:
        return "the other" if times == 1 else "all others"
    return f"{times} of the other {others}"


@styled
def invariance_figure(
    rows: Rows, named: Mapping[str, str], known: Mapping[str, Look], invariant: float, approximate: float
) -> Figure:
    """How far outputs of every run change when objects are reordered, in both precisions, over the verdicts' zones."""
    figure, axes = _rows_of([named[row["run"]] for row in rows], extra=2.2)
    axes.set(xscale="log", xlim=(EXACT / 10, 10 * LARGEST))
    zones = {"invariant": (EXACT / 10, invariant), "approximate": (invariant, approximate)}
    zones["not invariant"] = (approximate, 10 * LARGEST)
    for (zone, (low, high)), shade in zip(zones.items(), ("#DDEFE6", "#FFF3D6", "#F7DCDC"), strict=True):
        axes.axvspan(low, high, color=shade, zorder=0, linewidth=0)
        axes.text(math.sqrt(low * high), 1.01, zone, transform=axes.get_xaxis_transform(), ha="center", va="bottom")
    for place, row in enumerate(rows):
        look = known[row["run"]]
        for precision, face in (("float32", "white"), ("float64", look.colour)):
            x = place_of(row[f"invariance_{precision}"])
            axes.plot(x, place, look.marker, color=look.colour, markerfacecolor=face, markersize=8)
        _beside(axes, place, row["verdict"])
    ticks = [1e-16, 1e-12, 1e-8, 1e-4, 1]
    axes.set_xticks([EXACT, *ticks], ["exact", *(f"$10^{{{round(math.log10(tick))}}}$" for tick in ticks)])
    axes.minorticks_off()
    axes.set_xlabel("change of an output, relative to its spread over bags")
    caption(
        figure,
        verdicts([row["verdict"] for row in rows]),
        "The largest change when objects are reordered. Filled: in float64, which decides; hollow: in float32.",
    )
    return figure


def place_of(error: float) -> float:
    """Where an error is drawn: 0 at a place of its own, and what is not finite at the far end."""
    if not math.isfinite(error):
        return LARGEST
    return EXACT if error == 0 else min(max(error, LEAST), LARGEST)


def _rows_of(names: Sequence[str], extra: float) -> tuple[Figure, Axes]:
    """A row for each name, from the top."""
    figure = Figure(figsize=(WIDTH, extra + 0.5 * len(names)))
    axes = figure.subplots()
    axes.set_yticks(range(len(names)), [textwrap.fill(name, 26) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    return figure, axes


def _beside(axes: Axes, place: int, text: str) -> None:
    axes.text(1.02, place, text, transform=axes.get_yaxis_transform(), va="center")
