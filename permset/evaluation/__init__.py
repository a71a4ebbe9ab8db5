"""How good a network is, and how invariant."""
