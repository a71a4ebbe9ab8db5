"""A network that is loaded from MLflow answers as the one that was logged, and insists on a mask where sizes vary."""

import re
from functools import partial
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from clone import ROOT
from torch import nn
from tracked_results import result, runs

from permset.data.bags import Bags, Collection
from permset.data.batches import Split
from permset.data.targets import Binary
from permset.data.tasks import Collected, GaussianVariance, Maximum
from permset.networks.kernel_machine import KernelMachine
from permset.networks.networks import MLP, DeepSet
from permset.networks.standardization import Standardized
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import Canonicalization, GroupAverage
from permset.tracking.mirror import mirror
from permset.tracking.models import example_of, log_network

SIZES = torch.tensor([0, 1, 3, 6])
PADDED = torch.arange(6) < SIZES.unsqueeze(-1)
NETWORKS = {
    "deepset": (DeepSet(3, [4, 2], [3], pooling=["mean", "max", "attention"], norm="set"), True),
    "svm": (KernelMachine(3, ["mean", "min", "max"], 1), True),
    "canonical": (Canonicalization(MLP(6, 3, [4])), False),
    "average": (GroupAverage(MLP(6, 3, [4]), PermutationGroup.cyclic(6)), False),
}


def logged(network: nn.Module, example: Bags, any_set_size: bool) -> str:
    """Where the model is."""
    mirror([result("one", log_inputs=partial(log_network, network, example, any_set_size, "one"))])
    [run] = runs()
    [model] = mlflow.search_logged_models(experiment_ids=[run.info.experiment_id], output_format="list")
    return model.model_uri


@pytest.mark.parametrize("network", [DeepSet(3, [4, 2], [3]), MLP(5, 3, [4])], ids=["deepset", "mlp"])
def test_a_logged_network_takes_any_batch_and_a_deepset_any_set_size(network: nn.Module) -> None:
    any_size = isinstance(network, DeepSet)
    place = logged(network, Bags(torch.randn(2, 5, 3), torch.zeros(2, 1)), any_size)
    loaded = mlflow.pytorch.load_model(place)
    for shape in ((1, 5, 3), (7, 5, 3), *([(4, 1, 3), (3, 17, 3)] if any_size else [])):
        x = torch.randn(shape)
        torch.testing.assert_close(loaded(x), network(x))
    served = mlflow.pyfunc.load_model(place).predict(np.zeros((6, 5, 3), np.float32))
    assert served.shape == (6, 1)


@pytest.mark.parametrize(("network", "any_size"), NETWORKS.values(), ids=NETWORKS)
def test_a_network_of_bags_of_many_sizes_takes_them_with_their_mask_and_not_without(
    network: nn.Module, any_size: bool
) -> None:
    standardized = Standardized(network, 3, 1)
    standardized.fit_scales(torch.randn(50, 3) + 5, None)
    for weight in standardized.parameters():
        nn.init.normal_(weight)
    x = torch.randn(4, 6, 3) + 5
    loaded = mlflow.pytorch.load_model(logged(standardized, Bags(x, torch.zeros(4, 1), PADDED)[2:], any_size))
    expected = standardized(x, PADDED)
    torch.testing.assert_close(loaded(x, PADDED), expected)
    padding = torch.where(PADDED.unsqueeze(-1), x, torch.nan)
    torch.testing.assert_close(loaded(padding, PADDED), expected)
    assert not torch.allclose(standardized(x), expected), "the control: padding taken for objects"
    if any_size:
        alone = x[2:3, :3]
        torch.testing.assert_close(loaded(alone, torch.ones(1, 3, dtype=torch.bool)), expected[2:3])
    for arguments in ((x,), (x, None)):
        with pytest.raises((ValueError, TypeError, AttributeError)):
            loaded(*arguments)


def test_the_lines_of_the_readme_load_the_network_of_a_run(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [lines] = [
        block
        for block in re.findall(r"```py\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
        if "load" in block
    ]
    network, x = DeepSet(3, [4, 2], [3]), torch.randn(4, 6, 3)
    log = partial(log_network, network, Bags(x, torch.zeros(4, 1), PADDED), True, "baskets_deepset")
    mirror([result("baskets_deepset", log_inputs=log), result("other")])
    monkeypatch.chdir(store)
    names = {"x": x, "mask": PADDED}
    exec(lines, names)
    torch.testing.assert_close(names["outputs"], network(x, PADDED))


def test_the_example_is_of_the_largest_bags_and_has_a_mask_where_sizes_vary() -> None:
    """At least two of them, since an exported graph takes only one bag where the example is one."""
    sizes = torch.tensor([2, 9, 1, 4])
    collection = Collection(torch.randn(int(sizes.sum()), 3), sizes, torch.zeros(4, 1))
    example = example_of(Collected(Split(collection, torch.zeros(1, 4, dtype=torch.long)), Binary()))
    assert example.x.shape == (2, 9, 3)
    assert example.mask is not None
    assert example.mask.sum(1).tolist() == [4, 9]
    assert example_of(Maximum()).mask is not None
    assert example_of(GaussianVariance()).mask is None
