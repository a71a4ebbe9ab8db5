"""The schema of params.yaml, checked before anything runs."""
