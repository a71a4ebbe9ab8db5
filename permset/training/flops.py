"""The cost of a computation in floating-point operations, which are the same on every machine."""

from collections.abc import Callable

from torch.utils.flop_counter import FlopCounterMode


def flops(work: Callable[[], object]) -> int:
    """Floating-point operations of the matrix products in some work, its backward passes included.

    They are nearly all there are in a network's layers; activations, sums and sorting are not counted.
    """
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())
