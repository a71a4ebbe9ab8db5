"""Units of work, finished ahead of the stage that takes them, are kept under all that they depend on."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from permset.config.experiment import Params, files_of, load_params
from permset.training import finished
from permset.training.blocks import Trained
from permset.training.finished import FOLDER, forget, keep, kept, path_of
from permset.training.run import open_run
from permset.training.units import Unit, units_of
from stages import ahead as ahead_stage
from stages.ahead import ahead
from stages.generate import generate
from stages.train import train

MLP = {"kind": "mlp", "widths": [4], "activation": "tanh"}
SPLIT = {"kind": "folds", "folds": 3, "repeats": 3, "validation": 0.1, "seed": 0}
PARAMS: dict[str, Any] = {
    "seeds": 10,
    "device": "cpu",
    "workers": 1,
    "train": {
        **{"data": "fresh", "steps": 6, "batch_size": 8, "learning_rate": 0.01, "schedule": "constant"},
        **{"weight_decay": 0, "best_over": 2, "measure_every": 3, "measure_sets": 20},
    },
    "certificate": {"objects": 20, "permutations": 2, "shown": 2, "seed": 0, "invariant": 1e-12, "approximate": 0.3},
    "tasks": {
        "unit_sum": {"kind": "unit_sum", "set_size": 6, "subset_sizes": [2, 3], "test_sets": 20, "test_seed": 0},
        "digits": {"kind": "digits", "threshold": 15, "standardize": True, "split": SPLIT},
    },
    "runs": {
        "mlp": {"task": "unit_sum", "model": MLP},
        "wide": {"task": "unit_sum", "model": MLP | {"widths": [5]}},
        "digits": {"task": "digits", "model": MLP},
        "machine": {"task": "digits", "model": {"kind": "svm", "statistics": ["mean"], "penalty": 1.0}},
    },
}
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    params_with(lambda params: None)
    generate("digits")
    return tmp_path


def params_with(change: Change) -> Params:
    changed = copy.deepcopy(PARAMS)
    change(changed)
    Path("params.yaml").write_text(yaml.safe_dump(changed, sort_keys=False))
    return load_params()


def test_units_are_the_blocks_of_a_run_and_all_its_machines() -> None:
    params = load_params()
    seeds = {name: [list(unit.seeds) for unit in units_of(open_run(params, name))] for name in params.runs}
    blocks = [list(range(8)), [8, 9]]
    assert seeds == {"mlp": blocks, "wide": blocks, "digits": [list(range(8)), [8]], "machine": [list(range(9))]}
    assert [str(unit) for unit in units_of(open_run(params, "mlp"))] == ["mlp seeds 0–7", "mlp seeds 8–9"]
    for shown, rows in ((False, [None, None]), (True, [0, 1])):
        assert [unit.row for unit in units_of(open_run(params, "mlp"), shown)] == rows
    assert files_of(params, ["unit_sum", "digits", "digits"]) == [Path("data/digits.npz")]


def test_what_is_kept_comes_back_as_it_was() -> None:
    unit = units_of(open_run(load_params(), "digits"))[1]
    assert kept(unit) is None
    trained = unit()
    keep(unit, trained)
    found = kept(unit)
    assert found is not None
    assert found.state.keys() == trained.state.keys()
    assert all(torch.equal(found.state[name], trained.state[name]) for name in trained.state)
    for name in ("history", "measured", "curves", "kept"):
        np.testing.assert_array_equal(getattr(found, name), getattr(trained, name))
        assert getattr(found, name).dtype == getattr(trained, name).dtype
    content = path_of(unit).read_bytes()
    for damaged in (b"", b"garbage", content[: len(content) // 2]):
        path_of(unit).write_bytes(damaged)
        assert kept(unit) is None
    forget(unit)
    forget(unit)
    assert not path_of(unit).exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda params: params.update(seeds=9),
        lambda params: params["train"].update(steps=7),
        lambda params: params["runs"]["digits"]["model"].update(widths=[5]),
        lambda params: params["runs"]["digits"].update(train={"steps": 7}),
        lambda params: params["tasks"]["digits"].update(standardize=False),
    ],
)
def test_it_is_kept_under_all_that_it_depends_on(change: Change) -> None:
    before = path_of(Unit(load_params(), "digits", (0, 1)))
    assert path_of(Unit(params_with(change), "digits", (0, 1))) != before


def test_it_is_kept_under_its_seeds_and_its_bags_and_nothing_else() -> None:
    unit = Unit(load_params(), "digits", (0, 1))
    before = path_of(unit)
    assert path_of(Unit(load_params(), "digits", (0, 2))) != before
    others = params_with(lambda params: (params.update(workers=2), params["runs"].pop("mlp")))
    assert path_of(Unit(others, "digits", (0, 1))) == before
    params_with(lambda params: params["tasks"]["digits"].update(threshold=14))
    generate("digits")
    assert path_of(unit) != before


def test_dvc_finds_what_was_trained_ahead_and_trains_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    params = load_params()
    for name in params.runs:
        train(name)
    results = {path: path.read_bytes() for folder in ("models", "results") for path in Path(folder).rglob("*.*")}
    assert len(results) == 3 * 4
    called = []

    def dvc(*arguments: str) -> str:
        called.append(arguments)
        return json.dumps({"train@digits": [], "train@mlp": [], "train@machine": [], "generate@digits": []})

    monkeypatch.setattr(ahead_stage, "dvc", dvc)
    for workers in (1, 2):
        monkeypatch.setenv("PERMSET_WORKERS", str(workers))
        ahead()
        found = {name: [kept(unit) is not None for unit in units_of(open_run(params, name))] for name in params.runs}
        assert found == {"mlp": [True] * 2, "wide": [False] * 2, "digits": [True] * 2, "machine": [True]}
        for path in results:
            path.unlink()
        with monkeypatch.context() as patch:
            patch.setenv("PERMSET_WORKERS", "1")
            trained = noted(patch)
            for name in params.runs:
                train(name)
        assert trained == ["wide seeds 0–7", "wide seeds 8–9"]
        assert {path: path.read_bytes() for path in results} == results
        assert not list(FOLDER.iterdir()), "what was taken is not kept"
    assert called[0] == ("repro", "--quiet", "code_train", "generate")


def noted(patch: pytest.MonkeyPatch, interrupted: str = "") -> list[str]:
    """The units that are trained in this process from now on; Ctrl-C comes during one of them."""
    names: list[str] = []
    call = Unit.__call__

    def note(unit: Unit) -> Trained:
        if str(unit) == interrupted:
            raise KeyboardInterrupt
        names.append(str(unit))
        return call(unit)

    patch.setattr(Unit, "__call__", note)
    return names


@pytest.mark.parametrize("done", [0, 1])
def test_a_run_that_is_interrupted_goes_on_with_the_blocks_that_are_missing(
    done: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    train("mlp")
    expected = Path("models/mlp.pt").read_bytes()
    blocks = [str(unit) for unit in units_of(open_run(load_params(), "mlp"))]
    with monkeypatch.context() as patch:
        assert noted(patch, interrupted=blocks[done]) == []
        with pytest.raises(KeyboardInterrupt):
            train("mlp")
    trained = noted(monkeypatch)
    train("mlp")
    assert trained == blocks[done:]
    assert Path("models/mlp.pt").read_bytes() == expected
    assert not list(FOLDER.iterdir())


def test_blocks_are_put_in_their_order_whichever_was_finished_before(monkeypatch: pytest.MonkeyPatch) -> None:
    train("mlp")
    expected = Path("models/mlp.pt").read_bytes()
    first, last = units_of(open_run(load_params(), "mlp"))
    keep(last, last())
    trained = noted(monkeypatch)
    train("mlp")
    assert trained == [str(first)]
    assert Path("models/mlp.pt").read_bytes() == expected
    assert kept(last) is None


def test_the_largest_run_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr(
        ahead_stage, "dvc", lambda *arguments: '{"train@mlp": [], "train@wide": [], "train@digits": []}'
    )
    monkeypatch.setattr(finished, "keep", lambda unit, trained: order.append(str(unit)))
    ahead()
    assert [name.partition(" ")[0] for name in order] == ["digits", "digits", "wide", "wide", "mlp", "mlp"]
