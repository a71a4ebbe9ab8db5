"""Log-likelihoods of mixtures along the training, beside those of a paper."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from permset.figures.sentences import listed
from permset.figures.styles import WIDTH, caption, styled
from permset.figures.training import LossCurve

Rows = Sequence[Mapping[str, str]]
ORACLE = "the mixture that made the bag"
NETWORKS = {
    "mean": ("DeepSet, mean (rFF + pooling)", "#164887", "-"),
    "sab": ("Set Transformer (SAB + PMA)", "#EB6300", "--"),
    "isab": ("Set Transformer (ISAB + PMA)", "#008060", "-."),
}
"""label, colour and line of each"""


@styled
def clustering_figure(rows: Rows, losses: Mapping[str, LossCurve]) -> Figure:
    """Likelihoods on validation bags, the negative losses: mean and range over seeds; dotted, those of the paper."""
    figure = Figure(figsize=(WIDTH, 5.2))
    axes = figure.subplots()
    oracle, *networks = rows
    for row in networks:
        label, colour, line = NETWORKS[row["method"]]
        curve = losses[row["method"]]
        axes.plot(curve.step, -curve.loss, color=colour, linestyle=line, label=label)
        axes.fill_between(curve.step, -curve.loss_high, -curve.loss_low, color=colour, alpha=0.2, linewidth=0)
        if row["paper"]:
            axes.axhline(float(row["paper"]), color=colour, linestyle=":", linewidth=1.5)
    axes.axhline(float(oracle["network"]), color="black", linewidth=1.2, label=ORACLE)
    axes.set_xlabel("training step")
    axes.set_ylabel("log-likelihood of a point (nats)")
    axes.legend(loc="lower right")
    caption(figure, title_of(rows), "Mean and range over seeds, on bags of validation. Dotted: the paper.")
    return figure


def below_the_paper(rows: Rows) -> list[str]:
    """The networks whose 95% interval lies below the number of the paper."""
    low = [row for row in rows if row["network_high"] and row["paper"]]
    return [NETWORKS[row["method"]][0] for row in low if float(row["network_high"]) < float(row["paper"])]


def title_of(rows: Rows) -> str:
    return f"After {steps_of(rows)} steps, below the likelihood in the paper: {listed(below_the_paper(rows)) or 'none'}"


def steps_of(rows: Rows) -> str:
    return listed(sorted({f"{int(row['steps']):,}" for row in rows if row["steps"]}))
