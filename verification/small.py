"""The pipeline in small, in one process: a line `digest name` for everything that it computes.

    python -m verification.small              # elementary functions, and every stage on verification/params.yaml
    python -m verification.small functions    # elementary functions alone

Nothing is read from the project but code and verification/params.yaml, and nothing is written into it.
"""

import contextlib
import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from permset.config.experiment import load_params
from permset.data.elementary import log_sum_exp

PARAMS = Path(__file__).resolve().parent / "params.yaml"
NUMBERS = 1_000_000
# What of torch the package calls, on numbers of any size: (numbers,) or, as rows, (numbers / 10, 10).
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "exp": torch.exp,
    "gelu": F.gelu,
    "log1p": lambda x: torch.log1p(x.abs()),
    "logsigmoid": F.logsigmoid,
    "rsqrt": lambda x: torch.rsqrt(x.abs()),
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "softplus": F.softplus,
    "tanh": torch.tanh,
    "layer_norm": lambda x: F.layer_norm(x.view(-1, 10), (10,)),
    "log_softmax": lambda x: x.view(-1, 10).log_softmax(-1),
    "log_sum_exp": lambda x: log_sum_exp(x.view(-1, 10), -1),
    "logaddexp": lambda x: torch.logaddexp(x[:-1], x[1:]),
    "softmax": lambda x: x.view(-1, 10).softmax(-1),
    "sums of rows": lambda x: x.view(1000, -1).sum(1),
    "sums of columns": lambda x: x.view(1000, -1).sum(0),
    "deviations": lambda x: x.view(1000, -1).std(0),
    "product of matrices": lambda x: x.view(1000, -1)[:300] @ x.view(1000, -1)[:, :77],
    "products of matrices": lambda x: torch.bmm(x.view(-1, 50, 40), x.view(-1, 40, 50)[..., :9]),
}


def functions() -> Iterator[tuple[str, bytes]]:
    numbers = 3 * np.random.default_rng(0).standard_normal(NUMBERS)
    for dtype in (np.float32, np.float64):
        x = torch.from_numpy(numbers.astype(dtype))
        for name, function in FUNCTIONS.items():
            yield f"{name}, {dtype.__name__}", function(x).numpy().tobytes()
        matrix = x.numpy().reshape(1000, -1)
        yield f"numpy's products of matrices, {dtype.__name__}", (matrix[:300] @ matrix[:, :77]).tobytes()
        yield f"numpy's mean and deviation, {dtype.__name__}", np.stack([matrix.mean(0), matrix.std(0)]).tobytes()


def write_own_bags() -> None:
    """60 bags of 1 to 6 objects with 3 channels: for two classes as a CSV, for three and for two numbers as npz."""
    draws = np.random.default_rng(0)
    sizes = draws.integers(1, 7, 60)
    objects = draws.standard_normal((sizes.sum(), 3)).astype(np.float32)
    bag_of = np.repeat(np.arange(60), sizes)
    lines = [f"{bag},{bag % 2},{','.join(map(str, row))}" for bag, row in zip(bag_of, objects.tolist(), strict=True)]
    Path("binary.csv").write_text("\n".join(["bag,label,a,b,c", *lines, ""]))
    np.savez("classes.npz", objects=objects, sizes=sizes, y=np.arange(60) % 3)
    means = np.add.reduceat(objects, np.cumsum(sizes) - sizes)[:, :2] / sizes[:, None]
    np.savez("real.npz", objects=objects, sizes=sizes, y=means * [1.0, 100.0])


def pipeline() -> Iterator[tuple[str, bytes]]:
    """Every output of every stage that computes, by its path."""
    # Loading the stages takes a minute where a processor is emulated, which the functions alone need not pay.
    from stages.evaluate import evaluate
    from stages.generate import generate
    from stages.plot import plot
    from stages.plot_studies import plot_studies
    from stages.read import read
    from stages.study import study
    from stages.train import train

    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        shutil.copy(PARAMS, "params.yaml")
        params = load_params()
        write_own_bags()
        with contextlib.redirect_stdout(sys.stderr):
            for name in params.tasks:
                generate(name)
            for name in params.files:
                read(name)
            for name in params.runs:
                train(name)
                evaluate(name)
            for name in params.studies:
                study(name)
            plot()
            plot_studies()
        for top in ("data", "models", "results"):
            for path in sorted(Path(top).rglob("*")):
                if path.is_file():
                    yield str(path), path.read_bytes()


def main(part: str = "all") -> None:
    for name, content in [*functions(), *(pipeline() if part == "all" else [])]:
        print(hashlib.sha256(content).hexdigest()[:16], name, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
