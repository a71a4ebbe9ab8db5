"""`make mutants`: are the tests strict? A sample of one-line mutants of the core, each run against its module's tests.

    python -m verification.mutants                     # the whole sample
    python -m verification.mutants symmetry data/bags  # of these rooms and modules alone

The exit status is 0 if at least nine in ten are killed, and survivors.toml says of every other one why it is harmless.
"""

import argparse
import contextlib
import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import entry_points
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from hypothesis import Phase, settings
from tqdm import tqdm

from permset import PermsetError
from verification.mutations import Mutant, mutants_of, mutated

ROOT = Path(__file__).resolve().parent.parent
SURVIVORS = Path(__file__).with_name("survivors.toml")
ROOMS = "symmetry", "networks", "data", "training", "evaluation", "studies"
SIZE, SEED, LEAST = 320, 0, 0.9
LANES = 2
# A mutant may never end, wait for ever or fill the memory. Its time is the processor's, whatever else the machine does.
SLOWER, SECONDS, WAITING, BYTES = 5, 10, 20, 8 * 2**30
# A failing example is enough; looking for the shortest one takes minutes.
settings.register_profile("mutants", deadline=None, phases=[Phase.explicit, Phase.generate])
OPTIONS = "-x", "-n0", "-pno:cacheprovider", "--hypothesis-seed=0", "--hypothesis-profile=mutants"
# What takes seconds to load, and is loaded once for all mutants.
LOADED = (
    *["hypothesis.extra.numpy", "jaxtyping", "beartype", "pydantic", "yaml"],
    *["scipy.sparse.csgraph", "scipy.special", "sklearn.datasets", "sklearn.svm", "sympy.combinatorics"],
    *["torch.fx.experimental.proxy_tensor", "torch.utils.flop_counter"],
)
# What is tested by the tests of other modules, besides those in a file of its own.
TESTS = {
    "data/batches": ["data/test_randomness"],
    "data/drawn": [
        "data/test_batches",
        "data/test_mixtures",
        "data/test_population",
        "data/test_randomness",
        "data/test_tasks",
    ],
    "data/tasks": ["data/test_randomness"],
    "evaluation/invariance": ["evaluation/test_certificate"],
    "evaluation/metrics": ["evaluation/test_intervals"],
    "evaluation/probes": ["evaluation/test_certificate"],
    "training/blocks": ["training/test_train", "training/test_compiled", "training/test_learning_curves"],
    "training/stack": ["training/test_train"],
    "training/units": ["training/test_finished"],
    "training/train": ["training/test_flops"],
    "networks/networks": ["data/test_masks"],
    "networks/attention": ["data/test_masks", "networks/test_attention_weights"],
    "symmetry/symmetrizers": ["data/test_masks"],
}

T = TypeVar("T")


@dataclass
class Lane:
    """A copy of a project, in which one mutant after another takes the place of its module."""

    tree: Path
    written: int = 0

    def survives(self, path: str, source: str, tests: Sequence[str], seconds: float) -> bool:
        """Whether the tests pass with this source of a module, within so many seconds of a processor."""
        original = (self.tree / path).read_text()
        self._write(path, source)
        try:
            return self.seconds(tests, seconds) is not None
        finally:
            self._write(path, original)

    def seconds(self, tests: Sequence[str], limit: float) -> float | None:
        """A processor's time for the tests, in a fork that has loaded what they need; None if they fail."""
        shutil.rmtree(self.tree / ".hypothesis", ignore_errors=True)  # what it remembers of other mutants
        process = os.fork()
        if process == 0:
            _test(self.tree, tests, math.ceil(limit))
        status, used = _wait(process, WAITING * limit)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)  # processes that its tests have left
        return used.ru_utime + used.ru_stime if status == 0 else None

    def _write(self, path: str, source: str) -> None:
        """With a time of its own, by which Python knows that what it has compiled is out of date."""
        (self.tree / path).write_text(source)
        self.written += 1
        os.utime(self.tree / path, (self.written, self.written))


def _wait(process: int, seconds: float) -> tuple[int, resource.struct_rusage]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status, used = os.wait4(process, os.WNOHANG)
        if done:
            return status, used
        time.sleep(0.02)
    os.kill(process, signal.SIGKILL)
    return os.wait4(process, 0)[1:]


def _test(tree: Path, tests: Sequence[str], seconds: int) -> None:
    """Ends this process, with status 0 if the tests pass."""
    try:
        os.setsid()
        os.chdir(tree)
        resource.setrlimit(resource.RLIMIT_DATA, (BYTES, BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(silence, stream)
        # The project is loaded again, from the copy.
        os.environ["PYTHONPATH"] = str(tree)
        sys.path[:] = [str(tree), *(place for place in sys.path if Path(place).resolve() != ROOT)]
        for name in [name for name in sys.modules if name.partition(".")[0] in ("permset", "stages", "verification")]:
            del sys.modules[name]
        import pytest

        os._exit(pytest.main([*OPTIONS, *tests]))
    finally:
        os._exit(1)


def files_testing(module: str) -> list[str]:
    """The test files of a module: the one of its name, and others where TESTS names them."""
    room, _, name = module.partition("/")
    files = [f"tests/{file}.py" for file in (*TESTS.get(module, []), f"{room}/test_{name}")]
    return [file for file in files if (ROOT / file).is_file()]


def sample(chosen: Sequence[str] = ROOMS, size: int = SIZE) -> dict[Mutant, str]:
    """The source of each mutant: those of lowest rank in the whole core, and of these the ones in chosen places."""
    paths = [path.relative_to(ROOT / "permset") for room in ROOMS for path in (ROOT / "permset" / room).glob("*.py")]
    sources = {str(path.with_suffix("")): (ROOT / "permset" / path).read_text() for path in paths}
    numbers = {mutant: n for name, source in sources.items() for mutant, n in mutants_of(name, source).items()}
    lowest = sorted(numbers, key=lambda mutant: mutant.rank(SEED))[:size]
    return {
        mutant: mutated(sources[mutant.module], numbers[mutant])
        for mutant in sorted(lowest)
        if any(f"{mutant.module}/".startswith(f"{place}/") for place in chosen)
    }


_lane: Lane  # of this process


def _open_lane(place: str) -> None:
    global _lane
    os.nice(10)
    tree = Path(tempfile.mkdtemp(dir=place))
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tree / name)
    _lane = Lane(tree)


def _seconds(module: str) -> float | None:
    """A processor's time for the tests of a module without any mutant; None if they fail."""
    return _lane.seconds(files_testing(module), 3600)


def _survives(mutant: Mutant, source: str, seconds: float) -> bool:
    return _lane.survives(f"permset/{mutant.module}.py", source, files_testing(mutant.module), seconds)


def survivors(mutants: Mapping[Mutant, str]) -> list[Mutant]:
    """Those that pass their tests; PermsetError if tests fail without any mutant."""
    load()
    modules = sorted({mutant.module for mutant in mutants})
    with (
        tempfile.TemporaryDirectory() as place,
        ProcessPoolExecutor(LANES, get_context("fork"), _open_lane, (place,)) as lanes,
    ):
        seconds = dict(zip(modules, _shown(lanes.map(_seconds, modules), len(modules), "tests"), strict=True))
        for module, needed in seconds.items():
            if needed is None:
                raise PermsetError(f"{' '.join(files_testing(module))}: fail without any mutant; mend them first")
        limits = [SLOWER * (seconds[mutant.module] or 0) + SECONDS for mutant in mutants]
        lived = lanes.map(_survives, mutants, mutants.values(), limits)
        return [mutant for mutant, alive in zip(mutants, _shown(lived, len(mutants), "mutants"), strict=True) if alive]


def load() -> None:
    """What tests and pytest import from elsewhere."""
    for name in LOADED:
        import_module(name)
    for plugin in entry_points(group="pytest11"):
        plugin.load()


def _shown(results: Iterable[T], total: int, title: str) -> Iterable[T]:
    return tqdm(results, total=total, desc=title, disable=None)


def listed() -> dict[Mutant, str]:
    """The survivors that were looked at, and why each is harmless."""
    entries = tomllib.loads(SURVIVORS.read_text()).get("survivor", [])
    return {Mutant(**{key: value for key, value in entry.items() if key != "why"}): entry["why"] for entry in entries}


def entry(mutant: Mutant) -> str:
    """A survivor, as survivors.toml lists it."""
    fields = {**asdict(mutant), "why": ""}
    return "\n".join(
        ["[[survivor]]", *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items())]
    )


def verdict(total: int, alive: Sequence[Mutant], reasons: Mapping[Mutant, str]) -> tuple[int, str]:
    """The exit status, and what to print."""
    unlisted = [mutant for mutant in alive if not reasons.get(mutant)]
    killed = total - len(alive)
    lines = [entry(mutant) + "\n" for mutant in unlisted]
    lines += [
        f"{SURVIVORS.name} lists what does not survive: {mutant}" for mutant in sorted(reasons.keys() - set(alive))
    ]
    lines.append(
        f"{killed} of {total} mutants are killed ({killed / total:.1%}); of {len(alive)} survivors "
        f"{len(alive) - len(unlisted)} are listed as harmless in {SURVIVORS.name}"
    )
    return int(bool(unlisted) or killed < LEAST * total), "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("places", nargs="*", default=ROOMS, help="rooms and modules, the whole core by default")
    places = parser.parse_args().places
    mutants = sample(places)
    try:
        alive = survivors(mutants)
    except PermsetError as error:
        print(f"error: {error}")
        return 2
    reasons = {mutant: why for mutant, why in listed().items() if places == ROOMS or mutant in mutants}
    status, report = verdict(len(mutants), alive, reasons)
    print(report)
    return status


if __name__ == "__main__":
    sys.exit(main())
