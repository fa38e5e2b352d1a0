"""Commands that measure: `make bench`, `worldbench`, `methodbench`, `tilebench`, `realpairs` and `orderings`."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]


def environment(**more: str) -> dict[str, str]:
    """Variables for a process of its own: where it finds the package, the scripts and these commands."""
    places = (ROOT / "tests", ROOT / "workflow", ROOT / "workflow/scripts")
    return os.environ | {"PYTHONPATH": os.pathsep.join(map(str, places))} | more
