"""Layers, listing a group and averaging over it, each beside the notebook's formulation, written as plainly as it was.

    make bench

Ratios of times that were taken in turn in one process are what holds; absolute times change with the machine.
"""

import os
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.memory import keep_freed_memory, peak_memory
from permset.data.randomness import generator
from permset.data.tasks import make_data
from permset.networks.networks import MLP
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.layers import EquivariantLinear
from permset.symmetry.symmetrizers import GroupAverage


def notebook_equivariant(x: Tensor, alpha: Tensor, beta: Tensor, bias: Tensor) -> Tensor:
    """Mean over input channels i of α_ij·x_i + β_ij·Σx_i + b_ij, with all of (batch, n, c_in, c_out) in memory."""
    own = x.unsqueeze(-1) * alpha
    pooled = x.sum(-2, keepdim=True).unsqueeze(-1) * beta
    return (own + pooled + bias).mean(-2)


class NotebookPermutation:
    """One Python object a permutation, compared and hashed through its tensor."""

    def __init__(self, images: Tensor):
        self.images = images

    def __mul__(self, other: "NotebookPermutation") -> "NotebookPermutation":
        return NotebookPermutation(self.images[other.images])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NotebookPermutation) and bool(torch.equal(self.images, other.images))

    def __hash__(self) -> int:
        return hash(tuple(self.images.tolist()))


def notebook_closure(group: PermutationGroup) -> set[NotebookPermutation]:
    generators = [NotebookPermutation(torch.as_tensor(p)) for p in group.generators()]
    border = {NotebookPermutation(torch.arange(group.degree))}
    found = set(border)
    while border:
        border = {p * g for p in border for g in generators} - found
        found |= border
    return found


def seconds(work: Callable[[], object], repeat: int = 1) -> float:
    start = time.perf_counter()
    for _ in range(repeat):
        work()
    return (time.perf_counter() - start) / repeat


def ratio(slow: Callable[[], object], fast: Callable[[], object], repeat: int = 1, rounds: int = 5) -> str:
    """Median of slow / fast, taken in turn."""
    values = []
    for _ in range(rounds):
        taken = seconds(fast, repeat)
        values.append(seconds(slow) / taken)
    return f"{statistics.median(values):8.2f} ({min(values):.2f} to {max(values):.2f})"


def layers() -> None:
    x = torch.randn(64, 100, 64)
    layer = EquivariantLinear(64, 64, channels="mean").requires_grad_(False)
    alpha, beta = (part.T.contiguous() for part in layer.weight.chunk(2, -1))
    torch.testing.assert_close(layer(x), notebook_equivariant(x, alpha, beta, layer.bias), rtol=1e-3, atol=1e-3)
    print("EquivariantLinear, batch 64, n = 100, 64 → 64 channels")
    against = ratio(lambda: notebook_equivariant(x, alpha, beta, layer.bias), lambda: layer(x), repeat=20)
    print(f"  the notebook's form takes {against} times its time")
    against = ratio(lambda: layer(x), lambda: x @ alpha, rounds=50)
    print(f"  it takes {against} times the time of the bare matrix product")
    works = {
        "the layer": lambda: layer(x),
        "the bare product": lambda: x @ alpha,
        "the notebook's form": lambda: notebook_equivariant(x, alpha, beta, layer.bias),
    }
    peaks = ", ".join(f"{name} {peak_memory(work):.1f} MB" for name, work in works.items())
    print(f"  peak extra memory: {peaks}; an output is {x.numel() * 4 / 2**20:.1f} MB")


def listing() -> None:
    taken, memory = [], []
    for _ in range(3):
        taken.append(seconds(lambda: PermutationGroup.symmetric(10).elements()))
        memory.append(peak_memory(lambda: PermutationGroup.symmetric(10).elements()))
    print(f"all of S_10 from two generators: {statistics.median(taken):.2f} s, peak extra memory {max(memory):.0f} MB")
    s8 = PermutationGroup.symmetric(8)
    against = ratio(lambda: notebook_closure(s8), lambda: PermutationGroup.symmetric(8).elements(), rounds=3)
    print(f"  S_8: the notebook's closure takes {against} times its time")


def averaging() -> None:
    x, _ = make_data(1000, generator=generator(0, "bench"))
    average = GroupAverage(MLP(10, 1, [50, 50], "relu"), PermutationGroup.symmetric(10)).requires_grad_(False)
    print(f"exact S_10 average of an MLP over 1,000 unit_sum bags: {seconds(lambda: average(x)):.2f} s")
    s5 = PermutationGroup.symmetric(5)
    small = GroupAverage(MLP(5, 1, [50, 50], "relu"), s5).requires_grad_(False)
    bags, _ = make_data(200, 5, (2, 3), generator=generator(0, "bench"))
    elements = notebook_closure(s5)

    def notebook_average() -> Tensor:
        return torch.stack([small.network(bags[:, p.images]) for p in elements]).mean(0)

    torch.testing.assert_close(small(bags), notebook_average())
    print(
        f"  S_5, 200 bags: the notebook's average takes {ratio(notebook_average, lambda: small(bags))} times its time"
    )


def main() -> None:
    keep_freed_memory()
    all_cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(all_cores)[:1]))
    torch.set_num_threads(1)
    layers()
    listing()
    os.sched_setaffinity(0, all_cores)
    torch.set_num_threads(len(all_cores))
    averaging()


if __name__ == "__main__":
    main()
