"""The figure of log-likelihoods of mixtures along the training."""

import numpy as np
from figure_texts import drawn, faults

from permset.figures.clustering import ORACLE, below_the_paper, clustering_figure, title_of
from permset.figures.training import LossCurve


def row(method: str, network: float, paper: str, steps: str = "2500") -> dict[str, str]:
    ends = {"network_low": str(network - 0.1), "network_high": str(network + 0.1)}
    return {"method": method, "steps": steps, "network": str(network), "paper": paper} | ends


ROWS = [
    row("oracle", -1.4, "-1.4726", "") | {"network_low": "", "network_high": ""},
    row("mean", -2.5, "-2.0006"),
    row("isab", -1.55, "-1.5009"),
    row("sab", -1.7, ""),
]
STEP = np.array([0.0, 1000.0, 2500.0])
LOSSES = {
    method: LossCurve(
        STEP, last + np.array([2.0, 1.0, 0.0]), last + np.array([1.5, 0.8, -0.1]), last + 2.5 * np.ones(3)
    )
    for method, last in (("mean", 2.5), ("isab", 1.55), ("sab", 1.7))
}


def test_lines_are_likelihoods_and_levels_those_of_the_paper_and_the_oracle() -> None:
    figure = clustering_figure(ROWS, LOSSES)
    assert faults(figure) == []
    [axes] = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    curve = lines["DeepSet, mean (rFF + pooling)"]
    np.testing.assert_allclose(curve.get_xdata(), STEP)
    np.testing.assert_allclose(curve.get_ydata(), [-4.5, -3.5, -2.5])
    np.testing.assert_allclose(lines["Set Transformer (SAB + PMA)"].get_ydata(), [-3.7, -2.7, -1.7])
    assert lines[ORACLE].get_ydata()[0] == -1.4
    dotted = {line.get_color(): line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == ":"}
    assert dotted == {curve.get_color(): -2.0006, lines["Set Transformer (ISAB + PMA)"].get_color(): -1.5009}
    band = axes.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (-5.0, -2.4)


def test_its_legend_names_each_line_once() -> None:
    texts = [text.words for text in drawn(clustering_figure(ROWS, LOSSES))]
    for label in ("DeepSet, mean (rFF + pooling)", "Set Transformer (SAB + PMA)", ORACLE):
        assert texts.count(label) == 1


def test_the_title_says_what_is_below_the_paper_by_its_whole_interval() -> None:
    assert below_the_paper(ROWS) == ["DeepSet, mean (rFF + pooling)"]
    begin = "After 2,500 steps, below the likelihood in the paper:"
    assert title_of(ROWS) == f"{begin} DeepSet, mean (rFF + pooling)"
    assert title_of([ROWS[0], *ROWS[2:]]) == f"{begin} none"
