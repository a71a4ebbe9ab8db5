"""What `dvc plots show` draws looks as the figures do."""

import re

from committed import ROOT

from permset.figures.looks import DASHES
from permset.figures.sentences import VERDICTS


def template(name: str) -> str:
    return (ROOT / f".dvc/plots/{name}.json").read_text()


def test_it_knows_all_dashes_of_the_figures() -> None:
    known = re.findall(r"'([-:.]+)': \[", template("runs"))
    assert sorted(known) == sorted(DASHES)


def test_it_knows_all_verdicts() -> None:
    [domain] = re.findall(r'"domain": \[(.*?)\]', template("invariance"))
    assert re.findall(r'"([\w ]+)"', domain) == list(VERDICTS)
