"""One colour for each kind of method, which everybody can tell apart, and a look of its own for each run."""

import numpy as np
import pytest
import yaml
from committed import committed
from jaxtyping import Float

from permset.config.experiment import Params
from permset.figures.looks import COLOURS, DASHES, MARKERS, looks
from permset.figures.names import kind_of

DEEPSET = {"task": "t", "model": {"kind": "deepset", "pooling": "sum"}, "symmetrizer": None, "train": {}}
SVM = {"task": "t", "model": {"kind": "svm"}, "symmetrizer": None, "train": {}}
# What is seen of linear RGB without cones of one kind (Machado, Oliveira & Fernandes 2009, severity 1).
SEEN = {
    "all": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
# Oklab (Ottosson 2020).
LMS = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566]]
LMS += [[0.0883024619, 0.2817188376, 0.6299787005]]
OKLAB = [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099]]
OKLAB += [[0.0259040371, 0.7827717662, -0.8086757660]]


def linear(colour: str) -> Float[np.ndarray, "3"]:
    share = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("seen", SEEN)
def test_colours_of_methods_are_told_apart_also_without_cones_of_one_kind(seen: str) -> None:
    seen_as = np.clip([np.array(SEEN[seen]) @ linear(colour) for colour in COLOURS.values()], 0, 1)
    places = np.cbrt(seen_as @ np.transpose(LMS)) @ np.transpose(OKLAB)
    distances = np.linalg.norm(places[:, None] - places, axis=-1)[~np.eye(len(places), dtype=bool)]
    assert distances.min() > 0.1


def test_colours_are_seen_on_white() -> None:
    for colour in COLOURS.values():
        assert 1.05 / (linear(colour) @ [0.2126, 0.7152, 0.0722] + 0.05) >= 3, colour


def test_every_run_has_a_look_of_its_own_that_later_runs_do_not_change() -> None:
    runs = {f"run{i}": (DEEPSET, SVM)[i % 2] for i in range(2 * len(DASHES) * len(MARKERS))}
    many = looks(runs)
    assert len(set(many.values())) == len(runs)
    assert list(looks(dict(list(runs.items())[:5])).values()) == list(many.values())[:5]


def test_a_method_has_one_colour_in_all_tasks() -> None:
    params = Params.model_validate(yaml.safe_load(committed("params.yaml")))
    seen: dict[str, set[str]] = {}
    for task in params.sources:
        entries = {name: run.model_dump() for name, run in params.runs.items() if run.task == task}
        for run, look in looks(entries).items():
            seen.setdefault(look.colour, set()).add(kind_of(entries[run]))
    assert all(len(kinds) == 1 for kinds in seen.values())
    assert len(seen) == len(COLOURS)


def test_a_known_run_keeps_its_look_and_others_get_none_that_is_known() -> None:
    known = looks({"a": DEEPSET, "b": DEEPSET})
    more = looks({"c": DEEPSET, "b": DEEPSET, "d": SVM}, known)
    assert more["b"] == known["b"]
    assert more["c"] not in known.values()
    assert more["c"].colour == known["a"].colour
    assert more["d"].colour == COLOURS["svm"]
