"""code_<stage>: the modules that a stage imports, each with its hash, and its arithmetic → results/code/<stage>"""

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

from permset.store.files import write
from stages import run

PACKAGES = "permset", "stages"
# They only print messages; the switches that they set are in results/params.ok.
NOT_LISTED = {Path("permset/__init__.py"), Path("permset/portable.py"), Path("stages/__init__.py")}


def code(stage: str) -> None:
    hashes = (f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path}\n" for path in modules(f"stages.{stage}"))
    text = Path("results/params.ok").read_text() + "".join(hashes)
    write(Path(f"results/code/{stage}"), lambda path: path.write_text(text))


def modules(name: str) -> list[Path]:
    """The files of a module and of all that it imports from this project, directly or not."""
    found: set[Path] = set()
    waiting = [name]
    while waiting:
        path = _file(waiting.pop())
        if path is not None and path not in found:
            found.add(path)
            waiting += _imports(path)
    return sorted(found - NOT_LISTED)


def _imports(path: Path) -> Iterator[str]:
    """Names that may be modules; those of functions and classes are no files."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _file(module: str) -> Path | None:
    if module.partition(".")[0] not in PACKAGES:
        return None
    path = Path(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


if __name__ == "__main__":
    run(code)
