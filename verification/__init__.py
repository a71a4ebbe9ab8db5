"""Checks that results are the same to the last byte elsewhere: on another processor, and all over again.

`make verify` and `make verify-cpus`; neither is part of the tests.
"""

from permset.portable import set_switches

set_switches()  # here, where every check passes before it loads numpy and torch
