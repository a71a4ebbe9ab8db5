"""Networks that params.yaml names."""

import torch

from permset.config.networks import DeepSetParams, MLPParams
from permset.networks.build import build_model
from permset.networks.networks import MLP, DeepSet, count_params


def test_build_model_builds_what_params_say() -> None:
    widths = {"element_widths": [4, 2], "set_widths": [3], "element_activation": "relu", "set_activation": "tanh"}
    built = build_model(DeepSetParams(kind="deepset", pooling="mean", **widths), None, 10, 3)
    assert isinstance(built, DeepSet)
    assert count_params(built) == (3 * 4 + 4) + (4 * 2 + 2) + (2 * 3 + 3) + (3 + 1)
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(built(x), built.set(built.element(x).mean(1)))
    assert isinstance(build_model(MLPParams(kind="mlp", widths=[5], activation="tanh"), None, 10, 3), MLP)
