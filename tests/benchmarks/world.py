"""Time the simulated world over area and over days: seconds and memory, to results/bench/simulated.csv and .png.

make worldbench ARGS="[--sides 1 2 4 8] [--days 91 182 365] [--threads 2] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks import ROOT, environment
from stfuse.plots import FAINT, WIDTH, heading, place, styled, to_png

FIRST = date(2023, 1, 1)
CORNER = (500010, 5629080)
"""Left and bottom in EPSG:32631; as the demo's site, so that sensors' grids fall alike."""
SETS = {"all sensors": None, "Sentinel-2 and Landsat-8": ("sentinel2", "landsat8")}
QUANTITIES = (
    ("seconds", "s", "wall time (s)"), ("cpu_seconds", "s", "CPU time (s)"), ("peak_mb", "MB", "peak memory (MB)"),
)  # fmt: skip
COLOURS = {"all sensors": ("#0072B2", "o"), "Sentinel-2 and Landsat-8": ("#D55E00", "s")}
CHILD = """
import json, sys, time
from pathlib import Path
from scripts.simulated import Outputs, simulate
from stfuse.simulated.sensors import SENSORS
asked = json.loads(sys.argv[1])
names = asked["sensors"]
filled = None if names is None else {c for s in SENSORS if s.name in names for c in s.collections}
folder = Path(asked["folder"])
files = {"catalog": "catalog.json", "truth": "truth.nc", "fields": "fields.tif", "phenology": "phenology.csv",
         "events": "events.csv", "event_map": "events.tif", "scenes": "scenes"}
start = time.perf_counter()
simulate(asked["site"], Outputs(**{k: folder / v for k, v in files.items()}), filled, None, asked["threads"])
print("simulated in", time.perf_counter() - start)
"""


def measure(side: float, days: int, sensors: Sequence[str] | None, threads: int) -> dict[str, float]:
    """Make one site in a process of its own: its seconds, and the CPU seconds and peak memory of all its processes.

    Parameters
    ----------
    side : float
        Kilometres.
    days : int
        Length of the period.
    sensors : sequence of str, optional
        Names; all if left out.
    threads : int
    """
    left, bottom = CORNER
    # Whole Landsat pixels, as sites should have.
    metres = 30 * round(side * 1000 / 30)
    site = {
        "name": "bench", "crs": "EPSG:32631", "bounds": [left, bottom, left + metres, bottom + metres],
        "period": [str(FIRST), str(FIRST + timedelta(days=days - 1))], "simulated": {"seed": 1},
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="stfuse-bench-") as folder:
        asked = {"site": site, "folder": folder, "sensors": sensors, "threads": threads}
        start, busy = time.perf_counter(), cpu_seconds()
        command = [sys.executable, "-c", CHILD, json.dumps(asked)]
        own = environment(NUMBA_NUM_THREADS=str(threads), OMP_NUM_THREADS=str(threads))
        with subprocess.Popen(command, env=own, stdout=subprocess.DEVNULL) as process:
            peak = watch(process)
        seconds, busy = time.perf_counter() - start, cpu_seconds() - busy
        size = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    if process.returncode:
        raise SystemExit(f"The site of {side} km and {days} days could not be made (exit status {process.returncode})")
    return {
        "km2": (metres / 1000) ** 2,
        "seconds": seconds,
        "cpu_seconds": busy,
        "peak_mb": peak,
        "written_mb": size / 1e6,
    }


def cpu_seconds() -> float:
    """CPU seconds of all processes that were started from here and have ended, with their children."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def watch(process: subprocess.Popen[bytes]) -> float:
    """Megabytes that a process and its children held at most together, looked at five times a second.

    Shared pages count once (PSS). Where there is no /proc, the largest single process that ended stands for it.
    """
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, sum(held(pid) for pid in family(process.pid)))
        time.sleep(0.2)
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak or largest / (1e6 if sys.platform == "darwin" else 1e3)


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended meanwhile
        parents.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for one in found:
        found += parents.get(one, [])
    return found


def held(pid: int) -> float:
    """Megabytes that a process holds, its share of shared pages; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1e3 for line in lines if line.startswith("Pss:")), 0.0)


def machine() -> str:
    """Cores, processor and Python of this machine."""
    model = platform.processor() or platform.machine()
    known = Path("/proc/cpuinfo")
    if known.exists():
        names = [li.partition(":")[2].strip() for li in known.read_text().splitlines() if li.startswith("model name")]
        model = names[0] if names else model
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}"


def fit(x: Sequence[float], y: Sequence[float]) -> tuple[float, float, float]:
    """Slope, intercept and share of the variance explained (NaN for fewer than three points) of a straight line."""
    slope, intercept = (float(v) for v in np.polyfit(x, y, 1))
    rest, spread = np.var(np.subtract(y, np.polyval((slope, intercept), x))), np.var(y)
    return slope, intercept, float(1 - rest / spread) if len(x) > 2 and spread > 0 else float("nan")


@styled
def figure_of(table: pd.DataFrame) -> Figure:
    """Seconds and memory over area and days, with straight lines."""
    figure = Figure((WIDTH, 10.9))
    note = (
        f"{table['machine'].iloc[0]}; {table['threads'].iloc[0]} processes observe. From the start of a fresh process "
    )
    heading(
        figure, "The simulated world: time and memory", note + "to its end, compiled code cached. Lines: least squares."
    )
    width = (WIDTH - 0.75 - 0.85 - 0.3) / 2
    for row, (value, unit, words) in enumerate(QUANTITIES):
        for column, (over, label) in enumerate((("km2", "area (km²)"), ("days", "days"))):
            axes = place(figure, 0.75 + column * (width + 0.85), 0.95 + row * 3.35, width, 2.75)
            mine = table[table["series"] == ("area" if over == "km2" else "days")]
            draw_lines(axes, mine, over, value, unit)
            axes.set(xlabel=label, ylabel=words)
    return figure


def draw_lines(axes: Axes, table: pd.DataFrame, over: str, value: str, unit: str) -> None:
    """Measured points of each set of sensors, and their line."""
    for name, (colour, marker) in COLOURS.items():
        mine = table[table["sensors"] == name].sort_values(over)
        x, y = mine[over].to_numpy(float), mine[value].to_numpy(float)
        axes.plot(x, y, marker, color=colour, label=name)
        if len(x) > 1:
            slope, intercept, explained = fit(x, y)
            ends = np.array([0.0, x.max()])
            words = f"{intercept:.0f} {slope:+.3g} {unit} per {'km²' if over == 'km2' else 'day'}"
            words += f", R² {explained:.4f}" if np.isfinite(explained) else ""
            axes.plot(ends, intercept + slope * ends, color=colour, lw=1.2, label=words)
    axes.grid(color=FAINT)
    axes.set(xlim=(0, None), ylim=(0, None))
    axes.legend(loc="best")


def main() -> None:
    """Measure, write the table after every site and the figure at the end, and show both fits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=float, nargs="+", default=[1, 2, 4, 8], help="kilometres, over a year")
    parser.add_argument("--days", type=int, nargs="+", default=[91, 182, 365], help="days, of 2 km x 2 km")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "results/bench")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    measure(0.6, 20, None, asked.threads)  # fills numba's cache
    runs = [("area", side, 365) for side in asked.sides] + [("days", 2.0, days) for days in asked.days]
    rows: list[dict[str, object]] = []
    for name, sensors in SETS.items():
        known: dict[tuple[float, int], dict[str, float]] = {}
        for series, side, days in runs:
            if (side, days) not in known:
                known[side, days] = measure(side, days, sensors, asked.threads)
            facts = {"series": series, "sensors": name, "side_km": side, "days": days, "threads": asked.threads}
            rows.append({**facts, **known[side, days], "machine": machine()})
            pd.DataFrame(rows).to_csv(asked.out / "simulated.csv", index=False, float_format="%.6g")
            words = "{series}: {sensors}, {km2:.2f} km2, {days} days: {seconds:.1f} s, "
            words += "{cpu_seconds:.1f} CPU s, {peak_mb:.0f} MB"
            sys.stdout.write(words.format_map(rows[-1]) + "\n")
            sys.stdout.flush()
    (asked.out / "simulated.png").write_bytes(to_png(figure_of(pd.DataFrame(rows))))


if __name__ == "__main__":
    main()
