"""Networks on bags, and the one registry of them."""
