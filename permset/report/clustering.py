"""Log-likelihoods of mixtures that networks give, beside those of a paper, as a table and in words."""

from collections.abc import Sequence

from permset.figures.clustering import NETWORKS, ORACLE, below_the_paper, steps_of
from permset.figures.sentences import listed
from permset.report.tables import Columns, Row, with_interval

METHODS = {"oracle": ORACLE} | {method: label for method, (label, *_) in NETWORKS.items()}


def _nats(value: str) -> str:
    return f"{float(value):.3f}" if value else ""


COLUMNS: Columns = {
    "method": lambda row: METHODS[row["method"]],
    "log-likelihood (95% interval)": lambda row: with_interval(row, "network", _nats),
    "paper": lambda row: _nats(row["paper"]),
    "after a step of EM": lambda row: with_interval(row, "with_em", _nats) if row["with_em"] else "",
    "paper, after a step of EM": lambda row: _nats(row["paper_with_em"]),
}


def told(rows: Sequence[Row]) -> str:
    """How far the networks are from the oracle and from the paper, and whether they were still learning."""
    if not rows:
        return ""
    oracle, *networks = rows
    names = [METHODS[row["method"]] for row in networks]
    gaps = [f"{float(oracle['network']) - float(row['network']):.2f}" for row in networks]
    gained = [f"{float(row['gained']):.2f}" for row in networks]
    below = listed(below_the_paper(rows)) or "none"
    return (
        f"After {steps_of(rows)} steps, {listed(names)} are {listed(gaps)} nats behind the mixtures that made the "
        f"bags. Those whose 95% interval lies below the number of the paper: {below}. In the second half of their "
        f"training they gained {listed(gained)} nats on bags of validation."
    )
