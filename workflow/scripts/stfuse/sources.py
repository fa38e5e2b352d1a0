"""Which files of the package a piece of code is made of.

Snakemake reruns a job when its script changes, but not when a module changes that the
script imports. Rules therefore take a digest of these files as a parameter: a checkout or a
touch changes nothing, and the list of a job's inputs holds data only. Standard library only.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parent
# By text, not by syntax tree: this runs at every start of Snakemake, and parsing took longer than all else.
IMPORT = re.compile(r"^[ \t]*(?:from (stfuse[\w.]*) import (\([^)]*\)|.*)|import (stfuse[\w.]*))", re.MULTILINE)


def _file_of(module: str) -> Path | None:
    parts = module.split(".")[1:]
    as_file = PACKAGE.joinpath(*parts).with_suffix(".py")
    as_package = PACKAGE.joinpath(*parts, "__init__.py")
    return as_file if parts and as_file.exists() else as_package if as_package.exists() else None


@cache
def _direct(path: Path) -> frozenset[Path]:
    names: set[str] = set()
    for module, imported, plain in IMPORT.findall(path.read_text(encoding="utf-8")):
        names.update([module, *(f"{module}.{name}" for name in re.findall(r"\w+", imported))] if module else [plain])
    return frozenset(f for f in map(_file_of, names) if f)


@cache
def sources(*starts: Path) -> tuple[str, ...]:
    """Paths of all package files that the given files import, directly or not, with those in the package.

    Parameters
    ----------
    *starts : Path
        Scripts or package files.
    """
    found: set[Path] = set()
    queue = list(starts)
    while queue:
        path = queue.pop()
        if path not in found:
            found.add(path)
            queue += _direct(path)
    return tuple(sorted(str(f) for f in found if f.is_relative_to(PACKAGE)))


@cache
def digest(*starts: Path) -> str:
    """A short fingerprint of the given files and the package files that they are made of, by name and content."""
    total = hashlib.sha256()
    for path in sorted({*map(str, starts), *sources(*starts)}):
        total.update(Path(path).name.encode() + b"\0" + Path(path).read_bytes())
    return total.hexdigest()[:12]
