"""Long checks, left out by default: `make soak`."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import rasterio

ROOT = Path(__file__).parents[1]
TARGET = "results/scores/all.csv"

pytestmark = pytest.mark.soak


def start(folder: Path) -> subprocess.Popen[bytes]:
    """The smallest road in a folder, in a process group of its own."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        TARGET,
        "--snakefile",
        str(ROOT / "Snakefile"),
        "--cores",
        "2",
        "--nolock",
    ]
    command += ["--directory", str(folder), "--configfile", str(ROOT / "tests/config/smallest.yaml")]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def products(folder: Path) -> dict[str, str]:
    """A digest of every image's pixels and every table's bytes."""
    found = {}
    for path in sorted(folder.glob("results/**/*")):
        name = str(path.relative_to(folder))
        if path.suffix == ".tif":
            with rasterio.open(path) as image:
                found[name] = hashlib.sha256(image.read().tobytes()).hexdigest()
        elif path.suffix == ".csv":
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@pytest.mark.parametrize("seed", range(3))
def test_a_run_killed_at_any_time_goes_on_to_the_same_products(tmp_path: Path, seed: int) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    assert start(whole).wait() == 0
    draw = random.Random(seed)
    for _ in range(6):
        run = start(broken)
        try:
            run.wait(timeout=draw.uniform(2, 12))
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, draw.choice([signal.SIGKILL, signal.SIGTERM]))
            run.wait()
    assert start(broken).wait() == 0
    assert products(broken) == products(whole)
