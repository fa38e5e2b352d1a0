"""Time every method over sizes, windows, bands and threads: to results/bench/methods.csv, methods.png and machine.json.

make methodbench ARGS="[--methods NAME ...] [--sizes 256 512 1024 2048 4096] [--windows 15 31 51 75]
    [--bands 3 1 6] [--threads 1 2] [--ratios 3 16] [--repeats 3] [--limit SECONDS] [--budget MINUTES] [--add] [--draw]
    [--out FOLDER]"

One thing at a time is changed from a base: 1024 x 1024 pixels (else the next smaller size), the first of each other
list of numbers, the methods' own settings. Each measurement has a process of its own. Scenes are made up (fields under
clouds). Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
from matplotlib.ticker import EngFormatter
from tqdm import tqdm

import stfuse.methods
from benchmarks import ROOT, environment
from benchmarks.curves import figure_of
from benchmarks.one_run import land_of, write_inputs
from stfuse.errors import InputError
from stfuse.methods import Method, load, make_params
from stfuse.needs import read_needs
from stfuse.plots import to_png

FILES = {p.stem: p for p in sorted(Path(str(stfuse.methods.__file__)).parent.glob("[!_]*.py"))}
BASE = 1024
START = 4.0
"""Seconds from the start of a process to its measurement, roughly; for the time left alone."""
SPAN = "window"
"""What a search window is called among a method's settings, its width in fine pixels."""


@dataclass(frozen=True)
class Run:
    """One measurement: what `one_run.measure` is asked for.

    Attributes
    ----------
    file : str
        The method's.
    references : str
        Choice of fine images, one that the method's NEEDS allow.
    size, bands, ratio, threads : int
    window : int, optional
        Width of the search window in fine pixels; None = the method's own.
    """

    file: str
    references: str
    size: int
    bands: int
    ratio: int
    threads: int
    window: int | None = None

    @property
    def band_pixels(self) -> int:
        """Values that are predicted."""
        return self.bands * self.size**2

    @property
    def settings(self) -> dict[str, int]:
        """Settings of the method other than its own."""
        return {} if self.window is None else {SPAN: self.window}

    def __str__(self) -> str:
        words = f"{self.file}, {self.size} x {self.size} x {self.bands}, ratio {self.ratio}, {self.references}"
        words += "" if self.window is None else f", {SPAN} {self.window}"
        return words + f", {self.threads} thread{'s' * (self.threads > 1)}"


def own_window(method: Method) -> int | None:
    """A method's own search window; None where it has none, or one that is not counted in fine pixels."""
    default = {f.name: f.default for f in fields(method.Params)}.get(SPAN)
    if type(default) is not int:
        return None
    try:
        near, far = (method.halo(make_params(method, {SPAN: default + more})) for more in (0, 20))
    except InputError:
        return None
    # A window of fine pixels needs at least half of what it grows by on each side; coarse ones are no halo's business.
    return default if near is not None and far is not None and far - near >= 10 else None


def base_of(name: str, asked: argparse.Namespace) -> Run:
    """The measurement of a method from which one thing at a time is changed."""
    size = max((s for s in asked.sizes if s <= BASE), default=min(asked.sizes))
    return Run(name, load(name).NEEDS.references, size, asked.bands[0], asked.ratios[0], asked.threads[0])


def plan(asked: argparse.Namespace) -> list[Run]:
    """Every measurement once, those with the same inputs together: small scenes, the base, then large ones."""
    bases = [base_of(name, asked) for name in asked.methods]

    def changed(what: str, values: Iterable[int]) -> list[Run]:
        return [replace(base, **{what: value}) for value in values for base in bases]

    others: list[Run] = []
    for base in bases:
        method = load(base.file)
        own = own_window(method)
        windows = [None, *(w for w in asked.windows if own not in (None, w))]
        choices = (method.NEEDS.references, *method.NEEDS.also)
        others += [replace(base, references=choice, window=window) for choice in choices for window in windows]
    sizes = sorted(asked.sizes)
    runs = [
        *changed("size", (s for s in sizes if s < bases[0].size)),
        *(*bases, *others),
        *changed("threads", asked.threads),
        *changed("ratio", asked.ratios),
        *changed("bands", asked.bands),
        *changed("size", (s for s in sizes if s > bases[0].size)),
    ]
    return list(dict.fromkeys(runs))


def expected(run: Run, rows: Sequence[Mapping[str, Any]]) -> float | None:
    """Seconds that one prediction may take, from the measurement of the method that is most like it; None if unknown.

    Time is taken to grow with the values and with the area of the window. It decides only what is left out.
    """
    known = [row for row in rows if row["method"] == run.file and row["seconds"]]
    if not known:
        return None
    own = own_window(load(run.file))
    width = run.window or own

    def unlike(row: Mapping[str, Any]) -> tuple[bool, float]:
        return row["window"] != width, abs(math.log(row["band_pixels"] / run.band_pixels))

    like = min(known, key=unlike)
    grown = 1.0 if width is None else (width / like["window"]) ** 2
    return float(like["seconds"]) * run.band_pixels / like["band_pixels"] * grown


def child(asked: Mapping[str, Any], cache: Path) -> dict[str, Any]:
    """`one_run.measure` in a process of its own, whose compiled code lies in `cache`; ``left_out`` where it fails."""
    threads = {f"{name}_NUM_THREADS": str(asked["threads"]) for name in ("OMP", "OPENBLAS", "MKL", "GDAL", "NUMBA")}
    settings = {"NUMBA_CACHE_DIR": str(cache), "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "benchmarks.one_run", json.dumps(asked)]
    done = subprocess.run(command, env=environment(**threads, **settings), capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        return {"left_out": f"failed: {last[0]}"}
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def row_of(run: Run, base: bool, found: Mapping[str, Any]) -> dict[str, Any]:
    """One line of the table: what was asked for and what was found."""
    seconds = found.get("seconds")
    facts = {"method": run.file} | asdict(run) | {"window": run.window or own_window(load(run.file)), "base": base}
    del facts["file"]
    facts |= {"settings": json.dumps(run.settings), "band_pixels": run.band_pixels, "seconds": seconds}
    facts["band_pixels_per_s"] = run.band_pixels / seconds if seconds else None
    times = ("seconds_min", "cpu_seconds", "repeats", "compile_s", "load_s", "load_average")
    return facts | {name: found.get(name) for name in (*times, "peak_mb", "own_mb", "finite", "left_out")}


def run_one(run: Run, folder: Path, compiled: dict[str, float | None], asked: argparse.Namespace) -> dict[str, Any]:
    """Measure one; what is not compiled yet is compiled first, in a process of its own with an empty cache."""
    cache = folder / "compiled" / run.file
    request = asdict(run) | {"settings": run.settings, "repeats": asked.repeats, "limit": asked.limit}
    if run.file not in compiled:
        first = child(request, cache)
        compiled[run.file] = None if "left_out" in first else max(first["first_s"] - first["small_s"], 0.0)
    inputs = folder / f"inputs_{run.size}_{run.bands}_{run.ratio}"
    for old in folder.glob("inputs_*"):
        if old != inputs:
            for path in old.iterdir():
                path.unlink()
            old.rmdir()
    inputs.mkdir(exist_ok=True)
    write_inputs(land_of(request, run.size), inputs)
    load_average = os.getloadavg()[0]
    found = child(request | {"folder": str(inputs)}, cache)
    if "first_s" in found:
        found["load_s"] = max(found["first_s"] - found["small_s"], 0.0)
    return found | {"compile_s": compiled[run.file], "load_average": load_average}


def measured(runs: Sequence[Run], asked: argparse.Namespace, rows: list[dict[str, Any]]) -> Iterator[str]:
    """Measure one after the other into `rows`; gives a line for each."""
    compiled: dict[str, float | None] = {}
    end = time.monotonic() + 60 * asked.budget
    with tempfile.TemporaryDirectory(prefix="stfuse-bench-") as folder:
        for number, run in enumerate(runs, 1):
            seconds = expected(run, rows)
            if seconds is not None and seconds > asked.limit:
                found: dict[str, Any] = {
                    "left_out": f"would take about {seconds:.0f} s, the limit is {asked.limit:g} s"
                }
            elif time.monotonic() + (seconds or 0) > end:
                found = {"left_out": f"the budget of {asked.budget:g} min was spent"}
            else:
                found = run_one(run, Path(folder), compiled, asked)
            rows.append(row_of(run, run == base_of(run.file, asked), found))
            left = sum(time_of(other, rows, asked) for other in runs[number:])
            yield f"{number}/{len(runs)} {run}: {words_of(rows[-1])}; about {left / 60:.0f} min left"


def time_of(run: Run, rows: Sequence[Mapping[str, Any]], asked: argparse.Namespace) -> float:
    """Seconds that a measurement will take, roughly; 0 if it will be left out."""
    one = expected(run, rows)
    if one is None:
        return START
    return START + min(asked.repeats * one, asked.limit + one) if one <= asked.limit else 0.0


def words_of(row: Mapping[str, Any]) -> str:
    """What was found, in a line."""
    if row["left_out"]:
        return f"left out: {row['left_out']}"
    rate = f"{EngFormatter(places=2, sep='')(row['band_pixels_per_s'])} band-pixels/s"
    return f"{row['seconds']:.3g} s, {rate}, {row['peak_mb']:.0f} MB ({row['own_mb']:.0f} its own)"


def machine() -> dict[str, Any]:
    """What was measured on, and when."""
    model = platform.processor() or platform.machine()
    known = Path("/proc/cpuinfo")
    if known.exists():
        names = [li.partition(":")[2].strip() for li in known.read_text().splitlines() if li.startswith("model name")]
        model = names[0] if names else model
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "numba", "scipy", "rasterio")}
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **versions,
        "date": str(date.today()),
    }


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    closed = [name for name, path in FILES.items() if read_needs(path).samples == "none"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", choices=FILES, default=closed, help="all without training")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024, 2048, 4096], help="pixels a side")
    parser.add_argument("--windows", type=int, nargs="+", default=[15, 31, 51, 75], help="fine pixels")
    parser.add_argument("--bands", type=int, nargs="+", default=[3, 1, 6], help="the first is the base's")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--ratios", type=int, nargs="+", default=[3, 16], help="coarse pixel / fine pixel")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--limit", type=float, default=180, help="seconds that one prediction may take")
    parser.add_argument("--budget", type=float, default=math.inf, help="minutes in all")
    parser.add_argument("--add", action="store_true", help="keep what the table has of other methods")
    parser.add_argument("--draw", action="store_true", help="draw the table that is there, measure nothing")
    parser.add_argument("--out", type=Path, default=ROOT / "results/bench")
    return parser.parse_args()


def main() -> int:
    """Measure, writing the table after every measurement, and draw it; 1 if a measurement failed."""
    asked = arguments()
    table_file, machine_file = asked.out / "methods.csv", asked.out / "machine.json"
    asked.out.mkdir(parents=True, exist_ok=True)
    if not asked.draw:
        old = pd.read_csv(table_file) if asked.add and table_file.exists() else pd.DataFrame({"method": []})
        old = old[~old["method"].isin(asked.methods)]
        machine_file.write_text(json.dumps(machine(), indent=2) + "\n")
        runs, rows = plan(asked), list[dict[str, Any]]()
        bar = tqdm(measured(runs, asked, rows), total=len(runs), desc="methods", disable=None)
        for line in bar:
            tqdm.write(line)
            table = pd.DataFrame(rows) if old.empty else pd.concat([old, pd.DataFrame(rows)])
            table.to_csv(table_file, index=False, float_format="%.6g")
    table = pd.read_csv(table_file)
    (asked.out / "methods.png").write_bytes(to_png(figure_of(table, json.loads(machine_file.read_text()))))
    return int(table["left_out"].fillna("").str.startswith("failed").any())


if __name__ == "__main__":
    sys.exit(main())
