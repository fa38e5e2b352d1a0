"""Which files of the package a piece of code is made of.

Snakemake reruns a job when its script changes, but not when a module changes that the
script imports. Rules therefore take these files as input. Standard library only.
"""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

PACKAGE = Path(__file__).parent


def _file_of(module: str) -> Path | None:
    parts = module.split(".")[1:]
    as_file = PACKAGE.joinpath(*parts).with_suffix(".py")
    as_package = PACKAGE.joinpath(*parts, "__init__.py")
    return as_file if parts and as_file.exists() else as_package if as_package.exists() else None


@lru_cache(maxsize=None)
def _direct(path: Path) -> frozenset[Path]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.update([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
    ours = (_file_of(name) for name in names if name == "stfuse" or name.startswith("stfuse."))
    return frozenset(f for f in ours if f)


@lru_cache(maxsize=None)
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
