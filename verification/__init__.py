"""Checks of results and of tests: the same bytes elsewhere and all over again, and tests that notice mutants.

`make verify`, `make verify-cpus`, `make verify-calls`, `make verify-cluster`, `make torture` and `make mutants`; none
is part of the tests. How often a difference is called that is none: `python -m verification.comparisons`.
"""

from permset.portable import set_switches

set_switches()  # here, where every check passes before it loads numpy and torch
