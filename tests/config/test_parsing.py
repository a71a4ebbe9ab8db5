"""Whatever is no plain YAML gives one clear line."""

import gzip
import re
from pathlib import Path

import pytest
import yaml

from permset import PermsetError
from permset.config.parsing import DEEPEST, LARGEST, parse

BOMB = "a0: &a0 [1, 1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 100))


DEEP = "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 100))


MERGES = BOMB.replace("[1, 1]", "{}").replace("[", "{<<: [").replace("]", "]}")


def parsed(tmp_path: Path, content: str | bytes) -> object:
    path = tmp_path / "params.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return parse(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("seeds: 16 # für alle\n".encode("latin-1"), "line 1: not valid UTF-8; save the file as text in UTF-8"),
        ("seeds: 16\n".encode("utf-16"), "line 1: not valid UTF-8"),
        (b"a: 1\nb: 2\nc: \xff\n", "line 3: not valid UTF-8"),
        (gzip.compress(b"seeds: 16", mtime=0), "line 1: not valid UTF-8"),
        (b"seeds: \x00", "not valid YAML: "),
        ("a: [1, 2", "line 2: not valid YAML: "),
        ("a: 1\n---\nb: 2\n", "line 2: a second document starts (---); remove it"),
        ("a: 1\nb: !!int x", "line 2: tags such as !!int are not supported; write the value alone"),
        ("a: !!bool x", "line 1: tags such as !!bool are not supported"),
        ("a: !!timestamp x", "line 1: tags such as !!timestamp are not supported"),
        ("a: !!python/object/apply:os.getcwd []", "line 1: tags such as !!python/object/apply:os.getcwd are not"),
        ("[" * 100_000 + "]" * 100_000, f"line 1: more than {DEEPEST} lists and mappings within each other"),
        ("- " * (DEEPEST + 1) + "x", f"line 1: more than {DEEPEST} lists and mappings within each other"),
        (BOMB, "line 18: more than 1000000 values, with aliases written out; write fewer"),
        (MERGES, "line 18: more than 1000000 values"),
        (DEEP, f"line {DEEPEST}: more than {DEEPEST} lists and mappings within each other"),
        ("a: &a [*a]", "line 1: the alias *a must come after what it stands for; move it"),
        ("a: *b", "line 1: the alias *b must come after what it stands for"),
        ("a: 1\nb: " + "9" * 5_000, "line 2: '9999"),
        ("a: 0x" + "f" * 5_000, "line 1: a whole number must lie between"),
        ("a: 0x_", "line 1: '0x_' cannot be read as a value; correct it, or quote it if it is a text"),
        (f"a: {LARGEST + 1}", "line 1: a whole number must lie between"),
        (f"a: {-LARGEST - 1}", "line 1: a whole number must lie between"),
        ("a: 1" + ":10" * 300 + ".5", "line 1: '1:10:10"),
        ("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", "line 5: the key 'c' is given twice, in lines 3 and 5; remove one"),
        ("{a: 1, a: 2}", "line 1: the key 'a' is given twice, in lines 1 and 1; remove one"),
        ("? [a]\n: 1", "line 1: a key must be a text, got ['a']"),
        ("a: =", "line 1: '=' cannot be read as a value"),
        ("a:\n  <<: [{}, 3]", "line 2: << must name a mapping of keys to values, got 3"),
    ],
)
def test_a_mistake_is_one_short_line(tmp_path: Path, content: str | bytes, expected: str) -> None:
    with pytest.raises(PermsetError, match=re.escape(f"params.yaml: {expected}")) as error:
        parsed(tmp_path, content)
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < len(str(tmp_path)) + 300


def test_what_is_there_comes_as_it_is(tmp_path: Path) -> None:
    """A key may come again elsewhere, and a date is a text, as names of columns may be."""
    text = f"a: {{b: 1, c: -0.5}}\nb: [2024-13-45, 2024-01-01, 1e-3, 1.0e-3, true, ~, 'x', {LARGEST}]\n"
    values = ["2024-13-45", "2024-01-01", "1e-3", 1e-3, True, None, "x", LARGEST]
    assert parsed(tmp_path, text) == {"a": {"b": 1, "c": -0.5}, "b": values}
    assert parsed(tmp_path, "- " * DEEPEST + "x") == eval("[" * DEEPEST + "'x'" + "]" * DEEPEST)
    assert parsed(tmp_path, "\ufeffa: 1") == {"a": 1}
    assert parsed(tmp_path, "a: [&a {x: 1}, *a]\nb: *a") == {"a": [{"x": 1}, {"x": 1}], "b": {"x": 1}}
    merged = {"a": {"x": 1, "y": 1}, "b": {"c": {"x": 1, "y": 2, "z": 2}}, "d": {"x": 1, "y": 2, "z": 3}}
    text = "a: &a {x: 1, y: 1}\nb: {c: &c {y: 2, <<: *a, z: 2}}\nd: {<<: [*c, *a], z: 3}"
    assert parsed(tmp_path, text) == merged == yaml.safe_load(text)
    assert parsed(tmp_path, "") is None


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(PermsetError, match=r"cannot be read \(Is a directory\); run from the project's root"):
        parse(tmp_path)
