"""params.yaml as text → data: texts, numbers, booleans, lists and mappings, and one line for what is none of these."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import yaml

from permset import PermsetError
from permset.config.mistakes import show

DEEPEST = 50
"""lists and mappings within each other; whatever reads them later calls itself for each, until the stack ends"""
MOST_VALUES = 1_000_000
"""of the whole file; 30,000 runs are fewer"""
LARGEST = 2**63 - 1
"""the largest whole number; Python refuses to write out those of thousands of digits"""

TEXTS = "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:merge"
"""what stays a text that YAML has types for"""
MERGE = "<<"
"""the key of mappings whose entries come in where a mapping has none of that name"""


def parse(path: Path) -> Any:
    """The content of a YAML file; PermsetError where it cannot be read, has a key twice, or stands for too much."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PermsetError(f"{path}: cannot be read ({error.strerror}); run from the project's root") from error
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PermsetError(f"{path}: line {line}: not valid UTF-8; save the file as text in UTF-8") from error
    try:
        return _build(text)
    except _RefusedError as error:
        raise PermsetError(f"{path}: {error}") from error
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise PermsetError(f"{path}: {where}not valid YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise PermsetError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error


class _RefusedError(Exception):
    """What is YAML but not supported here, with its line, counted from 0."""

    def __init__(self, line: int, what: object):
        super().__init__(f"line {line + 1}: {what}")


@dataclass
class _Value:
    """A text, number or boolean, or a list or mapping that is being filled."""

    content: Any
    anchor: str | None = None
    values: int = 1
    """it and those in it, with aliases written out"""
    depth: int = 0
    """lists and mappings within each other, itself included"""
    lines: dict[Any, int] = field(default_factory=dict)
    """where each key of a mapping stands"""
    key: tuple[Any] | None = None
    """the one whose value comes next"""

    def take(self, value: "_Value", line: int) -> None:
        self.values += value.values
        self.depth = max(self.depth, value.depth + 1)
        if isinstance(self.content, list):
            self.content.append(value.content)
        elif self.key == (MERGE,):
            self.key = None
            for mapping in value.content if isinstance(value.content, list) else [value.content]:
                if not isinstance(mapping, dict):
                    raise _RefusedError(line, f"{MERGE} must name a mapping of keys to values, got {show(mapping)}")
                self.content |= {key: entry for key, entry in mapping.items() if key not in self.content}
        elif self.key is not None:
            self.content[self.key[0]] = value.content
            self.key = None
        else:
            if isinstance(value.content, list | dict):
                raise _RefusedError(line, f"a key must be a text, got {show(value.content)}")
            if value.content in self.lines:
                lines = f"lines {self.lines[value.content] + 1} and {line + 1}"
                raise _RefusedError(line, f"the key {show(value.content)} is given twice, in {lines}; remove one")
            self.lines[value.content] = line
            self.key = (value.content,)


def _build(text: str) -> Any:
    """PyYAML's loader is several times slower, keeps the last of equal keys, and dies of 100,000 nested lists."""
    documents = _Value([])
    inside = [documents]
    named: dict[str, _Value] = {}
    scalar = cache(partial(_scalar, yaml.CSafeLoader("")))
    events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
    for event in events:
        line = event.start_mark.line
        if getattr(event, "tag", None) is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            raise _RefusedError(line, f"tags such as {tag} are not supported; write the value alone")
        match event:
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                inside.append(_Value({} if isinstance(event, yaml.MappingStartEvent) else [], event.anchor, depth=1))
                _check_depth(len(inside) - 1, line)
                continue
            case yaml.ScalarEvent():
                try:
                    value = _Value(scalar(event.value, event.implicit[0]), event.anchor)
                except ValueError as error:
                    raise _RefusedError(line, error) from None
            case yaml.CollectionEndEvent():
                value = inside.pop()
            case yaml.AliasEvent():
                if event.anchor not in named:
                    raise _RefusedError(line, f"the alias *{event.anchor} must come after what it stands for; move it")
                value = named[event.anchor]
            case yaml.DocumentStartEvent() if documents.content:
                raise _RefusedError(line, "a second document starts (---); remove it")
            case _:
                continue
        if value.anchor is not None:
            named[value.anchor] = value
        inside[-1].take(value, line)
        if inside[-1].values > MOST_VALUES:
            raise _RefusedError(line, f"more than {MOST_VALUES} values, with aliases written out; write fewer")
        _check_depth(len(inside) - 2 + inside[-1].depth, line)
    return documents.content[0] if documents.content else None


def _check_depth(depth: int, line: int) -> None:
    if depth > DEEPEST:
        raise _RefusedError(line, f"more than {DEEPEST} lists and mappings within each other; write fewer")


def _scalar(loader: yaml.CSafeLoader, text: str, plain: bool) -> Any:
    """What a text stands for that is plain, without quotes; dates stay texts. ValueError for what cannot be read."""
    tag = loader.resolve(yaml.ScalarNode, text, (plain, not plain))  # type: ignore[no-untyped-call]
    if tag in TEXTS:
        return text
    try:
        value = loader.construct_object(yaml.ScalarNode(tag, text))
    except (ValueError, OverflowError, yaml.YAMLError):
        raise ValueError(f"{show(text)} cannot be read as a value; correct it, or quote it if it is a text") from None
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ValueError(f"a whole number must lie between -{LARGEST} and {LARGEST}, got {show(text)}")
    return value
