"""How long things take, and how much memory; `make bench` runs the most important ones."""

from permset.portable import set_switches

set_switches()  # the arithmetic of the pipeline, here, where every benchmark passes before it loads numpy and torch
