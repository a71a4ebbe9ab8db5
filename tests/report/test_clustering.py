"""Log-likelihoods of mixtures beside those of a paper, in a table and in words."""

from permset.report.clustering import COLUMNS, told
from permset.report.tables import markdown_table


def row(method: str, network: float, paper: str, gained: float = 0.25) -> dict[str, str]:
    return {
        "method": method,
        "steps": "1000",
        "network": str(network),
        "network_low": str(network - 0.1),
        "network_high": str(network + 0.1),
        "with_em": str(network + 0.3),
        "with_em_low": str(network + 0.2),
        "with_em_high": str(network + 0.4),
        "gained": str(gained),
        "paper": paper,
        "paper_with_em": paper and "-1.6",
    }


ORACLE = dict.fromkeys(row("oracle", 0, ""), "") | {"method": "oracle", "network": "-1.4", "paper": "-1.4726"}
ROWS = [ORACLE, row("mean", -2.5, "-2.0006"), row("isab", -1.5, "-1.5009", 0.5)]


def test_a_table_has_the_paper_beside_ours_before_and_after_a_step() -> None:
    assert markdown_table(COLUMNS, ROWS).splitlines()[2:] == [
        "| the mixture that made the bag | -1.400 | -1.473 |  |  |",
        "| DeepSet, mean (rFF + pooling) | -2.500 (-2.600 – -2.400) | -2.001 | -2.200 (-2.300 – -2.100) | -1.600 |",
        "| Set Transformer (ISAB + PMA) | -1.500 (-1.600 – -1.400) | -1.501 | -1.200 (-1.300 – -1.100) | -1.600 |",
    ]


def test_words_follow_the_numbers() -> None:
    assert told(ROWS) == (
        "After 1,000 steps, DeepSet, mean (rFF + pooling) and Set Transformer (ISAB + PMA) are 1.10 and 0.10 nats "
        "behind the mixtures that made the bags. Those whose 95% interval lies below the number of the paper: DeepSet, "
        "mean (rFF + pooling). In the second half of their training they gained 0.25 and 0.50 nats on bags of "
        "validation."
    )
    third = told([*ROWS, row("sab", -2.0, "-1.5145")])
    assert "Set Transformer (SAB + PMA) are 1.10, 0.10 and 0.60 nats" in third
    assert "number of the paper: none." in told([ORACLE, ROWS[2]])
    assert told([]) == ""
