"""permset: learning on bags of objects, measured against the best score that is possible at all."""


class PermsetError(ValueError):
    """A user's mistake, in one line: where, what was expected, what came, what to do."""


class Absent(Exception):
    """Something is not here, and nobody made a mistake. What depends on it is left out, and the rest goes on."""
