"""What the fields of params.yaml have in common: positive numbers, counts, names, and strict entries."""

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator

from permset.config.mistakes import show

# YAML 1.1, which PyYAML reads, takes 1e-3 for a text; pydantic's lax mode reads it as the number it is.
Positive = Annotated[float, Field(gt=0, strict=False, allow_inf_nan=False)]
# More bags, objects or weights than this do not fit into memory, and more steps never end.
MOST = 10_000_000
Count = Annotated[int, Field(ge=1, le=MOST)]
# Class balance is exact in every draw, so their sizes are even.
EvenCount = Annotated[int, Field(ge=2, le=MOST, multiple_of=2)]
# Objects in a bag, and so the degree of a group, whose permutations are lists of as many numbers.
LARGEST_DEGREE = 100_000
SetSize = Annotated[int, Field(ge=1, le=LARGEST_DEGREE)]
# Names become file names, which have at most 255 bytes, and what is appended to them has up to 55: `_curves.csv`, say,
# and what the pipeline and DVC add while they write a file.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=200)]


def or_number(word: str, multiple_of: int) -> PlainValidator:
    """A word, or a positive number; by one validator, since a union of types would give a line of error for each."""

    def check(value: Any) -> Any:
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if value != word and not (is_number and 0 < value <= MOST and value % multiple_of == 0):
            number = "an even number" if multiple_of == 2 else "a whole number"
            raise ValueError(f"must be {word}, or {number} from {multiple_of} to {MOST}, got {show(value)}")
        return value

    return PlainValidator(check)


def one_or_several(allowed: Iterable[str] | None = None) -> PlainValidator:
    """A text, or a list of different ones, of those allowed; by one validator too."""
    known = None if allowed is None else list(allowed)

    def check(value: Any) -> Any:
        several = value if isinstance(value, list) else [value]
        texts = all(isinstance(one, str) and (known is None or one in known) for one in several)
        if not several or not texts or len(set(several)) < len(several):
            what = "a text" if known is None else f"one of {', '.join(known)}"
            raise ValueError(f"must be {what}, or a list of different ones, got {show(value)}")
        return value

    return PlainValidator(check)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
