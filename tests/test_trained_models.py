"""From a run that was trained to the model that MLflow keeps of it, and to its ONNX file."""

import re
from functools import partial
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from clone import ROOT
from predicted_tables import check
from torch import nn
from tracked_results import result, runs

from permset.config.experiment import load_params
from permset.data.bags import Bags
from permset.store.arrays import read_model
from permset.tracking.mirror import mirror
from permset.tracking.models import best_network
from permset.tracking.results import log_inputs
from permset.tracking.served import Interface
from permset.training.run import open_run
from permset.training.stack import unstack
from stages.generate import generate
from stages.onnx import onnx
from stages.read import read
from stages.train import train

TINY = {"steps": 20, "batch_size": 10, "best_over": 10, "measure_every": 10, "measure_sets": 10}
FOLDS = {"kind": "folds", "folds": 2, "repeats": 1, "validation": 0.2, "seed": 0}


@pytest.fixture
def baskets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """A project with a run on this table, and one that draws its bags."""
    draws = np.random.default_rng(0)
    sizes = draws.integers(1, 6, 40)
    table = pd.DataFrame(draws.normal(size=(sizes.sum(), 2)), columns=["price", "weight"])
    table.insert(0, "basket", np.repeat(np.arange(40), sizes))
    table.insert(2, "returned", np.where(table["basket"] % 2, "yes", "no"))
    table.loc[table["returned"] == "yes", "price"] += 3
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    table.to_csv("baskets.csv", index=False)
    defaults = yaml.safe_load((ROOT / "params.yaml").read_text())
    file = {"kind": "csv", "path": "baskets.csv", "bag": "basket", "label": "returned", "target": "binary"}
    deepset = defaults["runs"]["musk1_deepset"]["model"]
    params = defaults | {"seeds": 2, "workers": 1, "studies": {}}
    params |= {"files": {"baskets": file | {"split": FOLDS}}, "train": params["train"] | TINY}
    params["tasks"] = {"gaussian_variance": params["tasks"]["gaussian_variance"] | {"test_sets": 20}}
    params["runs"] = {
        "table": {"task": "baskets", "model": deepset},
        "drawn": {"task": "gaussian_variance", "model": {"kind": "mlp", "widths": [4], "activation": "tanh"}},
    }
    Path("params.yaml").write_text(yaml.safe_dump(params))
    read("baskets")
    generate("gaussian_variance")
    for name in params["runs"]:
        train(name)
    return table


def test_a_run_is_logged_with_the_network_of_its_best_seed(
    baskets: pd.DataFrame, capfd: pytest.CaptureFixture[str]
) -> None:
    params = load_params()
    mirror([result(name, log_inputs=partial(log_inputs, params, name)) for name in params.runs])
    assert not re.search("Downloading|Validating", capfd.readouterr().err), "a line for each model"
    models = {
        run.info.run_name: mlflow.pyfunc.load_model(f"models:/{run.outputs.model_outputs[0].model_id}")
        for run in runs()
    }
    saved = read_model(Path("models/table.pt"))
    network = unstack(open_run(params, "table").network(), saved["state"], saved["best_seed"])
    bags = [torch.tensor(bag.to_numpy())[None].float() for _, bag in baskets.groupby("basket")[["price", "weight"]]]
    table = models["table"].predict(baskets)
    check(table, torch.cat([network(bag) for bag in bags]), ["no", "yes"])
    assert table["bag"].tolist() == list(range(40))
    other = unstack(open_run(params, "table").network(), saved["state"], 1 - saved["best_seed"])
    assert not torch.allclose(network(bags[0]), other(bags[0])), "the control"
    assert set(models["table"].input_example["basket"]) == {0, 1}
    drawn = models["drawn"].predict(np.zeros((3, 10, 5)))
    assert list(drawn) == ["predicted", "probability of class 0", "probability of class 1"]
    datasets = {run.info.run_name: run.inputs.dataset_inputs[0].dataset.name for run in runs()}
    assert datasets == {"table": "baskets", "drawn": "gaussian_variance"}


def test_an_onnx_file_is_of_the_network_of_the_best_seed(
    baskets: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = {}

    def write(path: Path, network: nn.Module, taken: Interface, example: Bags) -> float:
        written[path] = network, taken.channels, len(example)
        return 1.25e-7

    monkeypatch.setattr("stages.onnx.write_onnx", write)
    onnx("table")
    [(path, (network, *about))] = written.items()
    assert (str(path), about) == ("exported/table.onnx", [["price", "weight"], 2])
    expected, _, _ = best_network(load_params(), "table")
    x = torch.randn(2, 3, 2)
    torch.testing.assert_close(network(x), expected(x), rtol=0, atol=0)
    assert capsys.readouterr().out.endswith(
        "exported/table.onnx: its outputs differ from those of PyTorch by at most 1.2e-07\n"
    )
