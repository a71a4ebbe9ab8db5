"""An ONNX file gives what its network gives, for bags of all shapes that the network takes, or is not kept."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from masked_bags import with_any_weights
from torch import nn
from tracked_results import interface

from permset import PermsetError
from permset.data.bags import Bags
from permset.data.randomness import generator
from permset.networks.kernel_machine import KernelMachine
from permset.networks.networks import MLP, DeepSet, EquivariantNetwork, MultiChannelNetwork, SetTransformer
from permset.networks.standardization import Standardized
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import Canonicalization, GroupAverage, PermutationAugmentation, SampledGroupAverage
from permset.tracking import onnx
from permset.tracking.onnx import write_onnx

GROUP = PermutationGroup.symmetric(6)
ANY_SIZE = {
    "deepset": DeepSet(3, [4], [3], pooling=["sum", "mean", "max", "min", "lse", "attention"], norm="set"),
    "svm": KernelMachine(3, ["mean", "min", "max"], 2),
    "equivariant": EquivariantNetwork(3, [4]),
    "set transformer": SetTransformer(3, 8, heads=2, blocks=1),
    "inducing points": SetTransformer(3, 8, heads=2, blocks=1, inducing=3, norm="layer"),
    "canonical deepset": Canonicalization(DeepSet(3, [4], [3])),
}
WITH_PLACES = {
    "mlp": MLP(6, 3, [4]),
    "multichannel": MultiChannelNetwork(6, 3, [[2, 4]]),
    "equivariant under a group": EquivariantNetwork(3, [4], group=PermutationGroup.cyclic(6)),
    "lexicographic": Canonicalization(MLP(6, 3, [4])),
    "norm": Canonicalization(MLP(6, 3, [4]), "norm"),
    "channels": Canonicalization(MLP(6, 3, [4]), "channels"),
    "sampled average": SampledGroupAverage(MLP(6, 3, [4]), GROUP, 9, 2, generator(0, "average")),
    "augmentation": PermutationAugmentation(MLP(6, 3, [4]), GROUP),
}
CASES: list[tuple[str, nn.Module, dict[str, Any]]] = [
    *((name, network, {}) for name, network in ANY_SIZE.items()),
    *((name, network, {"most": 6, "fewest": 0}) for name, network in WITH_PLACES.items()),
    *((f"{name}, one size", network, {"most": 6}) for name, network in WITH_PLACES.items()),
]
EXAMPLE = Bags(torch.randn(2, 6, 3, generator=generator(0, "example")), torch.zeros(2, 1))


@pytest.mark.parametrize(("network", "sizes"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_file_gives_what_the_network_gives(network: nn.Module, sizes: dict[str, Any], tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="the extra [onnx] is not installed")
    network = with_any_weights(Standardized(network, 3, 1)).float()  # type: ignore[arg-type]
    network.fit_scales(torch.randn(20, 3) + 1, None)
    taken, path = interface(**sizes), tmp_path / "network.onnx"
    assert 0 <= write_onnx(path, network, taken, EXAMPLE) <= 1e-5
    session = runtime.InferenceSession(path)
    assert json.loads(session.get_modelmeta().custom_metadata_map["answers"]) == ["no", "yes"]
    for sets, size in ((1, 6), (5, 6), *([(1, 1), (4, 3), (3, 57)] if taken.most is None else [])):
        x, mask = torch.randn(sets, size, 3).round(), torch.rand(sets, size) < 0.6
        mask[0] = False
        inputs = {"x": x, "mask": mask} if taken.masked else {"x": x}
        [outputs] = session.run(["outputs"], {name: tensor.numpy() for name, tensor in inputs.items()})
        np.testing.assert_allclose(outputs, network(**inputs).detach(), atol=1e-5)


def test_a_file_that_differs_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime", reason="the extra [onnx] is not installed")
    translations = onnx._translations()

    def wrong(x: Any, *arguments: Any, **options: Any) -> Any:
        return translations[torch.ops.aten.sort.stable](x, *arguments, descending=True)

    monkeypatch.setattr(onnx, "_translations", lambda: {**translations, torch.ops.aten.sort.stable: wrong})
    path = tmp_path / "canonical.onnx"
    with pytest.raises(PermsetError, match=r"canonical\.onnx: not written, for outputs would differ .*e"):
        write_onnx(path, with_any_weights(Canonicalization(MLP(6, 3, [4]))).float(), interface(6), EXAMPLE)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx, "find_spec", lambda package: None if package.startswith("onnxr") else package)
    with pytest.raises(PermsetError, match=r"a\.onnx: packages are missing .*: pip install onnxruntime$"):
        write_onnx(tmp_path / "a.onnx", DeepSet(3, [4], [3]), interface(), EXAMPLE)
    monkeypatch.setattr(onnx, "find_spec", str)
    average = GroupAverage(MLP(6, 3, [4]), GROUP)
    with pytest.raises(PermsetError, match=r"a\.onnx: not written, for its work depends on the values of a bag"):
        write_onnx(tmp_path / "a.onnx", average, interface(6), EXAMPLE)
