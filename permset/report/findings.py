"""What the results say about the question of the page, in sentences that the numbers choose.

Which of two runs is better is what results/comparisons.csv says of them. Runs that are practically equal tie; of two
that are undecided nothing is said but that.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from permset.evaluation.comparisons import Verdict
from permset.figures.sentences import listed
from permset.report.comparisons import Pairs
from permset.report.tables import Row, are, percent, score_of, three_digits

Tasks = Mapping[str, Sequence[Row]]


class Finding(NamedTuple):
    sentence: str
    anchor: str
    """where on the page its numbers are"""


def findings(tasks: Tasks, pairs: Pairs) -> list[Finding]:
    """The answer first, then who leads on each task, the yardstick and the certificates."""
    found = [Finding(symmetry(tasks, pairs), "results"), Finding(ways(tasks, pairs), "results")]
    found += [Finding(f"On {task}, {leaders(rows, pairs)}", f"task-{task}") for task, rows in tasks.items()]
    found += [Finding(yardstick(tasks, pairs), "results"), Finding(certificates(tasks), "results")]
    return [finding for finding in found if finding.sentence]


def symmetry(tasks: Tasks, pairs: Pairs) -> str:
    """On each task, the best run that is invariant against the best of those that are not."""
    sentences: dict[Verdict, str] = {
        "better": "Building the symmetry in pays on {}: the best invariant run is better than the best that is not.",
        "equal": "On {}, the best invariant run and the best that is not tie.",
        "undecided": "On {}, it is undecided whether the best invariant run or the best that is not is better.",
        "worse": "On {}, the best invariant run is worse than the best that is not.",
    }
    return _told(
        sentences,
        "On {}, there are no two such runs to compare.",
        tasks,
        pairs,
        lambda row: row["verdict"] == "invariant",
        lambda row: row["verdict"] in ("approximate", "not invariant"),
    )


def ways(tasks: Tasks, pairs: Pairs) -> str:
    """On how many tasks each way to build a network is not known to be worse than the best one."""
    tried, led = Counter[str](), Counter[str]()
    for rows in tasks.values():
        tried.update({_way(row) for row in rows})
        led.update({_way(row) for row in _unbeaten(rows, pairs)})
    order = sorted(led, key=lambda way: (-led[way], tried[way], way))
    shares = ", ".join(f"{way} on {led[way]} of {tried[way]}" for way in order)
    return shares and f"Not known to be worse than the best run, out of the tasks on which it was tried: {shares}."


def yardstick(tasks: Tasks, pairs: Pairs) -> str:
    """The best network against the support-vector machine, on tasks that have one."""
    sentences: dict[Verdict, str] = {
        "better": "On {}, the best network is better than the support-vector machine.",
        "equal": "On {}, the best network ties with the support-vector machine.",
        "undecided": "On {}, it is undecided whether the best network or the support-vector machine is better.",
        "worse": "On {}, the best network is worse than the support-vector machine.",
    }
    with_one = {task: rows for task, rows in tasks.items() if any(_is_machine(row) for row in rows)}
    return _told(sentences, "", with_one, pairs, lambda row: not _is_machine(row), _is_machine)


def leaders(rows: Sequence[Row], pairs: Pairs) -> str:
    """Who is best or ties for it, what is possible, who is worse, and who is cheapest of those that tie."""
    first = best(rows)
    if first is None:
        return "no run has an interval, so that none can be called better than another."
    against = {row["run"]: pairs[first["run"], row["run"]].verdict for row in rows if row is not first}
    level = [first, *(row for row in rows if against.get(row["run"]) == "equal")]
    names, score = listed([_with_score(row) for row in level]), score_of(first).name
    behind, undecided = ([run for run in against if against[run] == verdict] for verdict in ("better", "undecided"))
    if len(level) > 1:
        text = f"{names} tie for the best {score}"
    elif undecided:
        text = f"{names} has the best {score}"
    else:
        text = f"{names} is best" if behind else f"{names} is the only run"
    if first["bayes_accuracy"]:
        text += f"; no classifier can do better than {percent(first['bayes_accuracy'])}"
    if behind:
        text += f". {listed(behind)} {are(behind)} worse"
    if undecided:
        named = listed([_with_score(row) for row in rows if row["run"] in undecided])
        text += f". Whether {named} {are(undecided)} worse is undecided"
    if len(level) > 1:
        least = min(float(row["bag_kflop"]) for row in level)
        cheapest = [row["run"] for row in level if float(row["bag_kflop"]) == least]
        text += f". Of those that tie, {listed(cheapest)} {are(cheapest)} the cheapest to use"
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
            part = f"{len(of_kind)} {are(of_kind)} {meaning}"
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


def best(rows: Sequence[Row]) -> Row | None:
    """The first of the best mean among runs that have an interval."""
    if not rows:
        return None
    name, _, sign, _ = score_of(rows[0])
    return max((row for row in rows if row[f"{name}_low"]), key=lambda row: sign * float(row[name]), default=None)


def _unbeaten(rows: Sequence[Row], pairs: Pairs) -> list[Row]:
    """The best run, and those that are not known to be worse."""
    first = best(rows)
    return [row for row in rows if first and (row is first or pairs[first["run"], row["run"]].verdict != "better")]


def _told(
    sentences: Mapping[Verdict, str],
    missing: str,
    tasks: Tasks,
    pairs: Pairs,
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
            verdict = pairs[first["run"], second["run"]].verdict
            found[sentences[verdict]].append(f"{task} ({_score(first)} against {_score(second)})")
    return " ".join(sentence.format(listed(names)) for sentence, names in found.items() if sentence and names)


def _with_score(row: Row) -> str:
    return f"{row['run']} ({_score(row)})"


def _score(row: Row) -> str:
    score = score_of(row)
    return score.show(row[score.column])


def _way(row: Row) -> str:
    """The symmetrizer, or the model where there is none."""
    return row["model"].partition("(")[0].replace("_", " ")


def _is_machine(row: Row) -> bool:
    return row["model"] == "svm"
