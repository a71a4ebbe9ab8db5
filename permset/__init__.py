"""permset: learning on bags of objects, measured against the best score that is possible at all."""


class PermsetError(ValueError):
    """A user's mistake, told in one line: where, what was expected, what came, what to do."""


class Absent(PermsetError):
    """Something that is not here, through no mistake: what rests on it is left out, and the rest goes on."""
