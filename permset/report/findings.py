"""What the results say about the question of the page, in sentences that the numbers choose.

A run is better than another where the 95% interval of their difference, on the same test bags, does not reach zero;
where it does, the runs tie. The two are compared with the task's best run among them, which is what is known.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple

from permset.figures.sentences import listed
from permset.report.tables import Row, percent, three_digits

Outcome = Literal["better", "tie", "worse"]
BETTER: Outcome = "better"
WORSE: Outcome = "worse"
Tasks = Mapping[str, Sequence[Row]]


class Finding(NamedTuple):
    sentence: str
    anchor: str
    """where on the page its numbers are"""


def findings(tasks: Tasks) -> list[Finding]:
    """The answer first, then who leads on each task, the yardstick and the certificates."""
    found = [Finding(symmetry(tasks), "results"), Finding(ways(tasks), "results")]
    found += [Finding(f"On {task}, {leaders(rows)}", f"task-{task}") for task, rows in tasks.items()]
    found += [Finding(yardstick(tasks), "results"), Finding(certificates(tasks), "results")]
    return [finding for finding in found if finding.sentence]


def symmetry(tasks: Tasks) -> str:
    """On each task, the best run that is invariant against the best of those that are not."""
    sentences: dict[Outcome, str] = {
        "better": "Building the symmetry in pays on {}: the best invariant run is better than the best that is not.",
        "tie": "On {}, the best invariant run and the best that is not tie.",
        "worse": "On {}, the best invariant run is worse than the best that is not.",
    }
    return _told(
        sentences,
        "On {}, there are no two such runs to compare.",
        tasks,
        lambda row: row["verdict"] == "invariant",
        lambda row: row["verdict"] in ("approximate", "not invariant"),
    )


def ways(tasks: Tasks) -> str:
    """On how many tasks each way to build a network leads, of those on which it was tried."""
    tried, led = Counter[str](), Counter[str]()
    for rows in tasks.values():
        tried.update({_way(row) for row in rows})
        led.update({_way(row) for row in _level(rows)})
    order = sorted(led, key=lambda way: (-led[way], tried[way], way))
    shares = ", ".join(f"{way} on {led[way]} of {tried[way]}" for way in order)
    return shares and f"Best or tied for best, out of the tasks on which it was tried: {shares}."


def yardstick(tasks: Tasks) -> str:
    """The best network against the support-vector machine, on tasks that have one."""
    sentences: dict[Outcome, str] = {
        "better": "On {}, the best network is better than the support-vector machine.",
        "tie": "On {}, no network is better than the support-vector machine: the best of them ties with it.",
        "worse": "On {}, the best network is worse than the support-vector machine.",
    }
    with_one = {task: rows for task, rows in tasks.items() if any(_is_machine(row) for row in rows)}
    return _told(sentences, "", with_one, lambda row: not _is_machine(row), _is_machine)


def leaders(rows: Sequence[Row]) -> str:
    """Who is best or ties for it, what is possible, who is worse, and who is cheapest of those that tie."""
    first = best(rows)
    if first is None:
        return "no run has an interval, so that none can be called better than another."
    level = _level(rows)
    behind = [row["run"] for row in rows if _has_interval(row) and row not in level]
    names = listed([f"{row['run']} ({_score(row)})" for row in level])
    if len(level) > 1:
        text = f"{names} tie for the best {'mean absolute error' if first['mae'] else 'accuracy'}"
    else:
        text = f"{names} is best" if behind else f"{names} is the only run with an interval"
    if first["bayes_accuracy"]:
        text += f"; no classifier can do better than {percent(first['bayes_accuracy'])}"
    if behind:
        text += f". {listed(behind)} {_are(behind)} worse"
    if len(level) > 1:
        least = min(float(row["bag_kflop"]) for row in level)
        cheapest = [row["run"] for row in level if float(row["bag_kflop"]) == least]
        text += f". Of those that tie, {listed(cheapest)} {_are(cheapest)} the cheapest to use"
        text += f" ({three_digits(str(least))} kFLOP for a bag)"
    return f"{text}."


def certificates(tasks: Tasks) -> str:
    """How many runs have each verdict, and how far those that are not invariant are from it."""
    rows = [row for group in tasks.values() for row in group]
    words = {
        "invariant": "invariant up to rounding",
        "constant": "constant, with one output for all bags",
        "approximate": "approximately invariant",
        "not invariant": "not invariant",
    }
    parts = []
    for verdict, meaning in words.items():
        of_kind = [row for row in rows if row["verdict"] == verdict]
        if of_kind:
            part = f"{len(of_kind)} {_are(of_kind)} {meaning}"
            if verdict in ("approximate", "not invariant"):
                largest = max(float(row["invariance_float64"]) for row in of_kind)
                part += f" (reordering moves an output by up to {largest:.2g} of its spread over bags)"
            parts.append(part)
    return f"Of {len(rows)} runs, {listed(parts)}."


def decay(papers: Sequence[Row]) -> str:
    """What cosine decay does to the errors of the published networks, by their 95% intervals."""
    sentences = {
        "lower": "With cosine decay the error of {} is lower, and the 95% intervals do not overlap.",
        "higher": "With cosine decay the error of {} is higher, and the 95% intervals do not overlap.",
        "alike": "For {} the intervals overlap.",
    }
    found: dict[str, list[str]] = {outcome: [] for outcome in sentences}
    for row in papers:
        if float(row["cosine_high"]) < float(row["constant_low"]):
            outcome = "lower"
        elif float(row["cosine_low"]) > float(row["constant_high"]):
            outcome = "higher"
        else:
            outcome = "alike"
        found[outcome].append(row["method"])
    return " ".join(sentences[outcome].format(listed(methods)) for outcome, methods in found.items() if methods)


def compared(first: Row, second: Row) -> Outcome:
    """By the interval of what one falls short of the other, if that is the best of its task, or else by their own."""
    for best_run, other, outcome in ((first, second, BETTER), (second, first, WORSE)):
        if other["behind_low"] and float(best_run["behind"]) == 0:
            return outcome if float(other["behind_low"]) > 0 else "tie"
    (low, high), (other_low, other_high) = _interval(first), _interval(second)
    if low > other_high:
        return "better"
    return "worse" if high < other_low else "tie"


def best(rows: Sequence[Row]) -> Row | None:
    """The first of the best mean among runs that have an interval."""
    return max((row for row in rows if _has_interval(row)), key=lambda row: sum(_interval(row, "")), default=None)


def _level(rows: Sequence[Row]) -> list[Row]:
    """The best run, and after it those that tie with it."""
    first = best(rows)
    level = [row for row in rows if first and _has_interval(row) and compared(first, row) == "tie"]
    return sorted(level, key=lambda row: row is not first)


def _told(
    sentences: Mapping[Outcome, str],
    missing: str,
    tasks: Tasks,
    first_kind: Callable[[Row], bool],
    second_kind: Callable[[Row], bool],
) -> str:
    """A sentence for each outcome that comes about on some task between the best runs of two kinds."""
    found: dict[str, list[str]] = {sentence: [] for sentence in (*sentences.values(), missing)}
    for task, rows in tasks.items():
        first, second = best(list(filter(first_kind, rows))), best(list(filter(second_kind, rows)))
        if first is None or second is None:
            found[missing].append(task)
        else:
            found[sentences[compared(first, second)]].append(f"{task} ({_score(first)} against {_score(second)})")
    return " ".join(sentence.format(listed(names)) for sentence, names in found.items() if sentence and names)


def _interval(row: Row, *ends: str) -> tuple[float, ...]:
    """The ends of the score's interval, such that more is better."""
    name, sign = ("mae", -1) if row["mae"] else ("accuracy", 1)
    return tuple(sorted(sign * float(row[f"{name}{end}"]) for end in ends or ("_low", "_high")))


def _has_interval(row: Row) -> bool:
    return bool(row["mae_low"] if row["mae"] else row["accuracy_low"])


def _score(row: Row) -> str:
    return three_digits(row["mae"]) if row["mae"] else percent(row["accuracy"])


def _way(row: Row) -> str:
    """The symmetrizer, or the model where there is none."""
    return row["model"].partition("(")[0].replace("_", " ")


def _is_machine(row: Row) -> bool:
    return row["model"] == "svm"


def _are(things: Sequence[object]) -> str:
    return "is" if len(things) == 1 else "are"
