"""Random mutations of params.yaml and files of bags are accepted or refused in clear lines, and nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest

from permset import PermsetError
from verification import fuzz as fuzzing
from verification.fuzz import ACCEPTED, CLEAR, ELSE, KINDS, fuzz, outcome

COUNT = 40


def test_no_mutation_has_another_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    counts = fuzz(1, COUNT)
    assert counts.keys() == {"params.yaml", "CSV", "npz"}
    for kind, found in counts.items():
        assert found[ELSE] == 0, f"{kind}: {capsys.readouterr().out}"
        assert found[ACCEPTED] > 0, kind
        assert found[CLEAR] > COUNT / 2, kind
        assert sum(found.values()) == COUNT


def test_a_seed_gives_the_same_mutations() -> None:
    def mutations(seed: int) -> list[bytes]:
        seen: list[bytes] = []
        fuzz(seed, COUNT, {"npz": replace(KINDS["npz"], read=lambda path: seen.append(path.read_bytes()))})
        return seen

    assert len(mutations(1)) == COUNT
    assert mutations(1) == mutations(1)
    assert mutations(1) != mutations(2)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (PermsetError("x.csv: line 3: wrong; correct it"), CLEAR),
        (PermsetError("x.csv: line 3: wrong; correct it\nx.csv: line 4: wrong; correct it"), CLEAR),
        (PermsetError("x.csv: line 3: wrong\nand more"), ELSE),
        (PermsetError("x.csv: got \x00"), ELSE),
        (PermsetError("x.csv: " + "a" * 600), ELSE),
        (PermsetError("somewhere: wrong"), ELSE),
        (PermsetError(""), ELSE),
        (ValueError("x.csv: line 3: wrong; correct it"), ELSE),
        (RecursionError(), ELSE),
        (None, ACCEPTED),
    ],
)
def test_what_is_a_clear_line(error: Exception | None, expected: str) -> None:
    def read(path: Path) -> None:
        if error is not None:
            raise error

    assert outcome(read, Path("x.csv"))[0] == expected


def test_a_broken_reader_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Which reads a good file, and raises whatever comes for another."""

    def read(path: Path) -> None:
        path.read_bytes().decode().index("bag,label,a,b\n0,0,")

    broken = {"CSV": replace(KINDS["CSV"], read=read)}
    found = fuzz(1, COUNT, broken)["CSV"]
    assert found[ELSE] > 0
    assert found[CLEAR] == 0
    assert "CSV, seed 1, mutation" in capsys.readouterr().out
    monkeypatch.setattr(fuzzing, "KINDS", broken)
    assert fuzzing.main("1", str(COUNT)) == 1


def test_files_that_are_not_changed_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for kind in KINDS.values():
        Path(kind.file).write_bytes(kind.content)
        assert outcome(kind.read, Path(kind.file)) == (ACCEPTED, "")
