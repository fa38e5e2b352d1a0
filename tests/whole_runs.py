"""Whole runs through Snakemake for the end-to-end tests, each made once even where several workers test."""

from __future__ import annotations

import csv
import fcntl
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DATA = ROOT.parent / "shared/data"
NOTHING = "Nothing to be done"

Finished = subprocess.CompletedProcess[str]


def snakemake(folder: Path, *arguments: str, root: Path = ROOT) -> Finished:
    """Snakemake in a folder of its own. Targets come first: `--configfile` swallows what follows it."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--directory", str(folder)]
    command += ["--snakefile", str(root / "Snakefile"), *arguments]
    if "--workflow-profile" not in arguments:
        # What plain `snakemake` in the repository loads by itself; `--directory` hides it.
        command += ["--workflow-profile", str(root / "workflow/profiles/default")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def smallest(root: Path) -> list[str]:
    return ["--configfile", str(root / "tests/config/smallest.yaml")]


def jobs_of(run: Finished) -> list[str]:
    """Names of the rules in the last table of job counts, but `all`: the checkpoint's answer adds jobs to the first."""
    tables = re.split(r"^job +count$", run.stdout + run.stderr, flags=re.MULTILINE)
    if len(tables) == 1:
        return []
    rows = re.findall(r"^(\w+) +(\d+)$", tables[-1], flags=re.MULTILINE)
    counts = {name: int(count) for name, count in rows if name not in ("total", "all")}
    return sorted(name for name, count in counts.items() for _ in range(count))


def lean_repository(folder: Path) -> Path:
    """A copy of the repository with its files' times that has two quick methods.

    With these the smallest road, whose experiment takes all methods, stays small.
    """
    ignore = shutil.ignore_patterns(".*", "results", "__pycache__")
    root = Path(shutil.copytree(ROOT, folder, ignore=ignore))
    config = root / "config/config.yaml"
    entries = yaml.safe_load(config.read_text()) | {"methods": {"bilinear": {}, "temporal": {}}}
    config.write_text(yaml.safe_dump(entries, sort_keys=False))
    return root


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], str]) -> Path:
    """A folder that is made once for all workers; `make` fills it and says what went wrong, if anything did."""
    base = factory.getbasetemp()
    # Beside the folders of all workers, where there are several.
    base = base.parent if base.name.startswith("popen-") else base
    folder, said = base / name, base / f"{name}.said"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            said.write_text(make(folder))
    assert not said.read_text(), said.read_text()[-20_000:]
    return folder


def run_once(factory: pytest.TempPathFactory, name: str, *arguments: str, root: Path = ROOT) -> Path:
    """The folder of a run that is made once for all workers. Tests that change something there take a copy."""

    def make(folder: Path) -> str:
        folder.mkdir()
        run = snakemake(folder, *arguments, root=root)
        return run.stdout + run.stderr if run.returncode else ""

    return once(factory, name, make)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))
