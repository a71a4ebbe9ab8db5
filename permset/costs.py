"""What a computation costs, in a unit that no machine changes."""

from collections.abc import Callable

from torch.utils.flop_counter import FlopCounterMode


def flops(work: Callable[[], object]) -> int:
    """Floating-point operations of the matrix products in some work, its backward passes included.

    They are nearly all there are in a network's layers; activations, sums and sorting are not counted.
    """
    with FlopCounterMode(display=False) as counter:
        work()
    return int(counter.get_total_flops())
