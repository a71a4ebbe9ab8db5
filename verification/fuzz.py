"""Random mutations of params.yaml and of files of bags: each is accepted, or refused in clear lines.

    python -m verification.fuzz 0 1000    # a seed, and how many of each kind

Every file is changed as bytes, as text, or as what it holds. The exit status is 0 if nothing else happens than that.
"""

import contextlib
import copy
import gzip
import io
import re
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import yaml
from tqdm import tqdm

from permset import PermsetError
from permset.config.experiment import load_params
from permset.reading.csv import read_csv_bags
from permset.reading.npz import read_npz_bags
from permset.studies.plan import plan

ROOT = Path(__file__).resolve().parent.parent
ACCEPTED, CLEAR, ELSE = OUTCOMES = "accepted", "one clear line", "anything else"
LONGEST = 600
"""characters of a clear line"""
MEMORY = 10_000_000
"""bytes that the bags of a file may take"""
ODD: list[Any] = [None, True, -1, 0, 1, 3.5, 10**12, 10**30, float("nan"), float("inf"), "", "x", "é" * 300, "a\nb"]
ODD += ["2024-01-01", "../x", "0x", "\0", [], {}, [[]], [1, "x"], {"kind": "x"}, {"kind": "svm"}, {1: 2}, ["x", "x"]]
WORDS = [
    "!!int x",
    "!!bool x",
    "!!timestamp x",
    "!!python/name:os.system",
    "&a [*a]",
    "*a",
    "9" * 5000,
    "0x" + "f" * 5000,
]
WORDS += [
    "[" * 300,
    "- - - -",
    "<<: 3",
    "<<: {seeds: 3}",
    "2024-13-45",
    "1e400",
    "1:00:00",
    "=",
    "nan",
    "|",
    ">-",
    "? a",
]
WORDS += [
    "---",
    "...",
    "%YAML 9.9",
    "\t",
    "'",
    '"',
    "#",
    ",",
    ";",
    ":",
    "{",
    "}",
    "a" * 300,
    "\u2028",
    "\ufeff",
    "٣",
    "1_0",
]

Mutation = Callable[[bytes, Random], bytes]


@dataclass(frozen=True)
class Kind:
    """A kind of file: a good one, ways to change it, and what reads it."""

    file: str
    content: bytes
    mutations: tuple[Mutation, ...]
    read: Callable[[Path], object]


def outcome(read: Callable[[Path], object], path: Path) -> tuple[str, str]:
    """What becomes of a file, and the message. Several mistakes make several lines, each of them clear."""
    try:
        read(path)
    except PermsetError as error:
        lines = str(error).split("\n")
        clear = all(line.startswith(f"{path}: ") and line.isprintable() and len(line) <= LONGEST for line in lines)
        return CLEAR if clear else ELSE, str(error)
    except Exception as error:
        return ELSE, repr(error)
    return ACCEPTED, ""


def fuzz(seed: int, count: int, kinds: Mapping[str, Kind] | None = None) -> dict[str, dict[str, int]]:
    """By kind of file, how many of so many mutations have each outcome; those of `anything else` are printed."""
    counts = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name, kind in (KINDS if kinds is None else kinds).items():
            draws, found = Random(f"{seed} {name}"), Counter(dict.fromkeys(OUTCOMES, 0))
            path = Path(kind.file)
            for number in tqdm(range(count), desc=name, disable=None):
                path.write_bytes(draws.choice(kind.mutations)(kind.content, draws))
                result, message = outcome(kind.read, path)
                found[result] += 1
                if result == ELSE:
                    tqdm.write(f"{name}, seed {seed}, mutation {number}: {message[:LONGEST]}")
            counts[name] = dict(found)
    return counts


def mutated_bytes(content: bytes, draws: Random) -> bytes:
    """A few places overwritten, removed, doubled, or the rest cut off."""
    for _ in range(draws.randint(1, 3)):
        start, other = draws.randrange(len(content) + 1), draws.randrange(len(content) + 1)
        end = start + draws.choice([1, 1, 4, 40])
        match draws.choice(["overwrite", "remove", "double", "cut"]):
            case "overwrite":
                content = content[:start] + draws.randbytes(end - start) + content[end:]
            case "remove":
                content = content[:start] + content[end:]
            case "double":
                content = content[:other] + content[start:end] + content[other:]
            case "cut":
                content = content[:start]
    return content


def encoded(content: bytes, draws: Random) -> bytes:
    """The whole file in another encoding."""
    text = content.decode() + "# é\n"
    return draws.choice(
        [text.encode("utf-16"), text.encode("latin-1", "replace"), gzip.compress(content, mtime=0), b""]
    )


def mutated_text(content: bytes, draws: Random) -> bytes:
    """Lines removed, doubled, moved or indented, or words replaced."""
    lines = content.decode().splitlines()
    for _ in range(draws.randint(1, 3)):
        i, j = draws.randrange(len(lines)), draws.randrange(len(lines))
        match draws.choice(["remove", "double", "swap", "indent", "word", "word", "word"]):
            case "remove" if len(lines) > 1:
                del lines[i]
            case "double":
                lines.insert(j, lines[i])
            case "swap":
                lines[i], lines[j] = lines[j], lines[i]
            case "indent":
                lines[i] = " " * draws.randrange(8) + lines[i].lstrip()
            case _:
                words = re.split(r"([\w.]+)", lines[i])
                words[draws.randrange(len(words))] = draws.choice(WORDS)
                lines[i] = "".join(words)
    return "\n".join([*lines, ""]).encode(errors="surrogatepass")


def mutated_tree(content: bytes, draws: Random) -> bytes:
    """Entries of a YAML file removed, renamed, moved, or with other values."""
    data = yaml.safe_load(content)
    for _ in range(draws.randint(1, 2)):
        places = list(_places(data))
        if not places:
            break
        (inside, key), (elsewhere, other) = draws.choice(places), draws.choice(places)
        match draws.choice(["remove", "rename", "move", "replace", "replace", "replace"]):
            case "remove":
                del inside[key]
            case "rename" if isinstance(inside, dict):
                inside[draws.choice(["x", "kind", "é", 3, None, "a" * 300, "a\nb", "A"])] = inside.pop(key)
            case "move":
                inside[key] = copy.deepcopy(elsewhere[other])
            case _:
                inside[key] = draws.choice(ODD)
    return yaml.safe_dump(data, allow_unicode=True).encode()


def _places(data: Any) -> Any:
    """Each list or mapping with each of its indices or keys."""
    if isinstance(data, dict | list):
        for key in data if isinstance(data, dict) else range(len(data)):
            yield data, key
            yield from _places(data[key])


def mutated_table(content: bytes, draws: Random) -> bytes:
    """Fields of a CSV removed, doubled, or with other values."""
    rows = [line.split(",") for line in content.decode().splitlines()]
    for _ in range(draws.randint(1, 3)):
        row = draws.choice(rows[: draws.choice([1, len(rows)])])
        i = draws.randrange(len(row) + 1)
        row[i : i + draws.randint(0, 1)] = draws.choice([[], [str(draws.choice(ODD))], [draws.choice(WORDS)]])
    return "\n".join([*map(",".join, rows), ""]).encode(errors="surrogatepass")


def mutated_arrays(content: bytes, draws: Random) -> bytes:
    """Arrays of an npz file removed, renamed, of another type or shape, or with other values."""
    arrays = dict(np.load(io.BytesIO(content)))
    for _ in range(draws.randint(1, 2)):
        name = draws.choice(list(arrays) or ["x"])
        array = arrays.pop(name, np.zeros(3))
        match draws.choice(["remove", "rename", "type", "shape", "value"]):
            case "rename":
                arrays[draws.choice(["x", "mask", "labels", "../y"])] = array
            case "type":
                arrays[name] = array.astype(draws.choice(["?", "u1", "f2", "f8", "c8", "U3", "S3", "O", "M8[s]", "i8"]))
            case "shape":
                arrays[name] = draws.choice(
                    [array[:0], array[1:], array[None], array.ravel(), array[..., None], array.T]
                )
            case "value" if array.size:
                array = array.copy()
                array.flat[draws.randrange(array.size)] = draws.choice([-1, 0, 99, 10**9])
                arrays[name] = array
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def mutated_members(content: bytes, draws: Random) -> bytes:
    """The arrays as they lie in an npz file, headers included, with the checksums of what they are now."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        chosen = draws.choice(old.namelist())
        for name in old.namelist():
            member = old.read(name)
            if name == chosen:
                header, values = member[:128], member[128:]
                member = mutated_bytes(header, draws) + values if draws.random() < 0.7 else mutated_bytes(member, draws)
            new.writestr(name, member)
    return file.getvalue()


def read_params(path: Path) -> None:
    params = load_params(path)
    for name in params.studies:
        plan(params, name)


def _npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, objects=np.arange(60, dtype=np.float32).reshape(20, 3), sizes=np.full(10, 2), y=np.arange(10) % 2)
    return file.getvalue()


TABLE = "\n".join(["bag,label,a,b", *(f"{i // 2},{i // 2 % 2},{i / 7:.3f},{i * i}" for i in range(20)), ""]).encode()
PARAMS = (ROOT / "params.yaml").read_bytes()
KINDS = {
    "params.yaml": Kind(
        "params.yaml", PARAMS, (mutated_bytes, encoded, mutated_text, mutated_tree, mutated_tree), read_params
    ),
    "CSV": Kind(
        "bags.csv",
        TABLE,
        (mutated_bytes, encoded, mutated_text, mutated_table, mutated_table),
        lambda path: read_csv_bags(path, "bag", ["label"], None, "binary", most_bytes=MEMORY),
    ),
    "npz": Kind(
        "bags.npz",
        _npz(),
        (mutated_bytes, mutated_bytes, mutated_arrays, mutated_arrays, mutated_members, mutated_members),
        lambda path: read_npz_bags(path, "binary", most_bytes=MEMORY),
    ),
}


def main(seed: str = "0", count: str = "1000") -> int:
    counts = fuzz(int(seed), int(count))
    print(f"{'':12}" + "".join(f"{name:>16}" for name in OUTCOMES))
    for kind, found in counts.items():
        print(f"{kind:12}" + "".join(f"{found[name]:16,}" for name in OUTCOMES))
    return 1 if any(found[ELSE] for found in counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
