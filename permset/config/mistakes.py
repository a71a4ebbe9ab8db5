"""A mistake in params.yaml as one line: where it is, what was expected, and what came."""

import reprlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic_core import ErrorDetails

LONGEST = 200
"""characters of a value in a message"""
MOST_NAMES = 40
_values = reprlib.Repr()
_values.maxlist, _values.maxstring = 12, 60


def show(value: object) -> str:
    """A value of a file in one line, shortened where it is long."""
    text = _values.repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def listed(names: Iterable[str]) -> str:
    """The names that there are to choose from, or the first of them."""
    names = list(names)
    more = f", … ({len(names)} in all)" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def _line(path: Path | str, data: Any, detail: ErrorDetails) -> str:
    """One pydantic error as one line. A union's tag is part of pydantic's place but not of the file's."""
    place, at, tag_is_due = [], data, False
    *inner, last = detail["loc"] or ("",)
    for part in inner:
        is_tag = tag_is_due and part == at.get("kind")  # which may be the name of a key as well
        if not is_tag and isinstance(at, dict | list) and _has(at, part):
            at = at[part]  # type: ignore[index]
            place.append(_name(part))
        tag_is_due = not is_tag and isinstance(at, dict)
    is_tag = tag_is_due and last not in at and last == at.get("kind")
    if last != "[key]" and not is_tag:
        place.append(_name(last))
    if detail["type"] == "extra_forbidden":
        return f"{path}: {'.'.join(place)}: unknown key; remove it or correct its spelling"
    if detail["type"] == "missing":
        return f"{path}: {'.'.join(place)}: missing; add it"
    return ": ".join([str(path), *filter(None, [".".join(place)]), describe(detail)])


def describe(detail: ErrorDetails) -> str:
    """What is wrong, without the place."""
    if detail["type"] == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "union_tag_not_found":
        return "kind is missing; add it"
    if detail["type"] == "union_tag_invalid":
        return f"kind must be one of {detail['ctx']['expected_tags']}, got {show(detail['input']['kind'])}"
    if detail["type"] in ("dict_type", "model_type", "model_attributes_type"):
        got = "nothing; write {} if it has no entries" if detail["input"] is None else show(detail["input"])
        return f"must be a mapping of keys to values, got {got}"
    return f"{detail['msg']}, got {show(detail['input'])}"


def _name(part: str | int) -> str:
    """As it is, unless it is long or has line breaks in it."""
    text = str(part)
    return text if text.isprintable() and len(text) <= 60 else show(text)


def _has(container: dict[Any, Any] | list[Any], part: str | int) -> bool:
    return part in container if isinstance(container, dict) else isinstance(part, int) and part < len(container)
