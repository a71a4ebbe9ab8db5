"""Studies: one setting of some runs, varied over values."""
