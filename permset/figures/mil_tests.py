"""The AUC of every method in each test of multiple-instance learning."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from permset.figures.looks import Look
from permset.figures.names import plain
from permset.figures.styles import LABELS, WIDTH, caption, styled

CHANCE = 0.5


@styled
def mil_tests_figure(rows: Sequence[Mapping[str, Any]], named: Mapping[str, str], known: Mapping[str, Look]) -> Figure:
    """A panel for each test and a line in it for each method, which have names and looks."""
    tests = list(dict.fromkeys(row["test"] for row in rows))
    places = {method: place for place, method in enumerate(named)}
    figure = Figure(figsize=(WIDTH, 1.7 + 0.36 * len(places)))
    panels = dict(zip(tests, figure.subplots(1, len(tests), sharex=True, sharey=True, squeeze=False)[0], strict=True))
    for test, axes in panels.items():
        axes.set_title(plain(test))
        axes.axvline(CHANCE, color="black", linestyle="--", linewidth=1)
        axes.set_xlabel(LABELS["auc"])
    for row in rows:
        mean, low, high = (float(row[f"auc{end}"]) for end in ("", "_low", "_high"))
        look = known[row["method"]]
        panels[row["test"]].errorbar(
            mean,
            places[row["method"]],
            xerr=[[mean - low], [high - mean]],
            fmt=look.marker,
            color=look.colour,
            capsize=3,
            markersize=7,
            clip_on=False,
        )
    first = panels[tests[0]]
    first.set_yticks(list(places.values()), list(named.values()))
    first.set_ylim(len(places) - 0.5, -0.5)
    first.set_xlim(0, 1)
    first.set_xticks([0, 0.5, 1], ["0", "½", "1"])
    passing = [method for method in named if {row["result"] for row in rows if row["method"] == method} == {"pass"}]
    title = f"{len(passing)} of {len(named)} methods {'passes' if len(passing) == 1 else 'pass'} all tests"
    note = (
        "Test bags break a rule that holds in training. Left of the dashed line, at ½, a method has learnt that rule."
    )
    caption(figure, title, f"{note} Mean over seeds, with its 95% confidence interval.")
    return figure
