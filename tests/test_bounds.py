"""No compiled kernel reads or writes beyond its arrays: what happens then is not an error but anything."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_kernels_of_methods_stay_within_their_arrays(tmp_path: Path) -> None:
    """The contract of the methods once more, with kernels compiled to look at every index."""
    checked = os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path / "compiled")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += ["tests/test_methods.py", "-k", "(tiles or nothing or shape) and not srcnn"]
    run = subprocess.run(command, cwd=ROOT, env=checked, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]
