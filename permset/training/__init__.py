"""All seeds of a network, trained at once."""
