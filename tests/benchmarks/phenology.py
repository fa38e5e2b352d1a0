"""Send a made-up series through the stage `phenology`: seconds, rate and peak memory, to results/bench/phenology.csv.

make phenologybench ARGS="[--size 1024] [--dates 70] [--threads 2] [--out FOLDER]"

The series has fields with one season, with two and with cuts, and woods without an event, under clouds. Beside the
whole stage (files read and written window by window) the computing alone is timed, on one thread. A Sentinel-2 tile
(10980 x 10980) is extrapolated from the stage's rate; its memory grows by the field map and by the pixels of fields
that wait for the next row of windows, which are counted as well.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks import ROOT, environment
from benchmarks.world import machine, watch
from stfuse.cube import TILE, Blank, cube_file
from stfuse.grid import site_grid
from stfuse.phenology.seasons import PhenologySettings, find_seasons, series_events, without_events
from stfuse.raster_stored import write_stored
from stfuse.series import OBSERVED
from stfuse.task import FloatArray

TILE_SIDE = 10980
"""Pixels on each side of a Sentinel-2 tile."""
FIELD = 28
"""Pixels on each side of a field: eight hectares at 10 m."""
FIRST = np.datetime64("2023-01-01")
CHILD = """
import json, sys, time
from pathlib import Path
from benchmarks.one_run import peak
from scripts.phenology import Outputs, find_phenology
from stfuse.job import job
asked = json.loads(sys.argv[1])
out = Path(asked["folder"]) / asked["name"]
seasons = [out / f"seed0_season{k}.tif" for k in range(1, 5)]
outputs = Outputs(out / "seed0.tif", seasons, out / "seed0_events.tif", out / "seed0.csv", out / "seed0_events.csv")
with job(asked["log"], asked["threads"]):
    start = time.perf_counter()
    find_phenology(Path(asked["series"]), Path(asked["fields"]), {"source": "bench"}, {}, outputs)
    print(json.dumps({"seconds": time.perf_counter() - start, "peak_mb": peak()}))
"""


def courses(days: NDArray[np.float64], count: int, rng: np.random.Generator) -> FloatArray:
    """Series of fields, shape (time, field): a third with a second crop, a third mown, noise and clouds left out."""
    spread = rng.normal(size=(6, count))
    base, amplitude, k1, t1, k2, t2 = (
        np.array([0.2, 0.55, 0.1, 130, 0.09, 250])[:, None] + spread * np.array([[0.03, 0.08, 0.015, 12, 0.015, 12]]).T
    )
    t = days[:, None]

    def limbs(first: Any, up: Any, last: Any, down: Any) -> Any:
        return 1 / (1 + np.exp(-up * (t - first))) - 1 / (1 + np.exp(-down * (t - last)))

    values = base + amplitude * limbs(t1, k1, t2, k2)
    kind = np.arange(count) % 3
    values += np.where(kind == 1, 0.4 * limbs(290 + spread[3] * 5, 0.12, 340 + spread[5] * 5, 0.12), 0)
    for cut in (160, 205):
        since = t - cut - 5 * spread[4]
        values -= np.where((kind == 2) & (since >= 0), 0.35 * np.exp(-np.maximum(since, 0) / 13), 0)
    return np.asarray(values, np.float32)


def write_inputs(folder: Path, size: int, dates: int) -> tuple[Path, Path]:
    """A series of `size` pixels a side on so many dates of a year, and its field map."""
    rng = np.random.default_rng(0)
    days = np.sort(rng.choice(np.arange(1, 366), dates, replace=False)).astype(np.float64)
    side = -(-size // FIELD)
    rows, columns = np.divmod(np.arange(size * size).reshape(size, size), size)
    fields = (rows // FIELD * side + columns // FIELD + 1).astype(np.int32)
    own = courses(days, side * side, rng)
    grid = site_grid("EPSG:32631", (500000.0, 5600000.0, 500000.0 + 10 * size, 5600000.0 + 10 * size), 10)
    write_stored(folder / "fields.tif", fields, grid, 0)
    layers = {
        "ndvi": Blank("time", "NDVI", packed=True),
        "flags": Blank("time", "where from", dtype=np.uint8),
        "weight": Blank("time", "what it counts", packed=True),
    }
    when = {"time": FIRST + (days.astype(int) - 1)}
    with cube_file(folder / "seed0.nc", layers, when, grid, {"period": "2023-01-01/2023-12-31"}) as out:
        for row in range(0, size, 4 * TILE):
            for column in range(0, size, 4 * TILE):
                window = slice(row, min(row + 4 * TILE, size)), slice(column, min(column + 4 * TILE, size))
                values = own[:, fields[window] - 1]
                values += rng.normal(0, 0.02, values.shape).astype(np.float32)
                values[rng.random(values.shape) < 0.1] = np.nan
                known = np.isfinite(values)
                parts = {"ndvi": values, "flags": known * np.uint8(OBSERVED), "weight": known.astype(np.float32)}
                out.put(window, parts)
    return folder / "seed0.nc", folder / "fields.tif"


def computing(dates: int, count: int = 16384) -> dict[str, float]:
    """Pixels per second of one thread, in memory, and seasons a pixel."""
    rng = np.random.default_rng(1)
    days = np.sort(rng.choice(np.arange(1, 366), dates, replace=False)).astype(np.float64)
    values = courses(days, count, rng) + rng.normal(0, 0.02, (dates, count)).astype(np.float32)
    weights, settings = np.ones_like(values), PhenologySettings()
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    for _ in range(2):  # the first run compiles
        start = time.process_time()
        own = without_events(weights, days, series_events(values, weights, days, settings))
        found = find_seasons(values, own, days, settings)
        seconds = time.process_time() - start
    numba.set_num_threads(before)
    return {"pixels_per_core_s": count / seconds, "seasons": float(np.isfinite(found[0]).sum() / count)}


def whole_stage(size: int, dates: int, threads: int) -> dict[str, float]:
    """Seconds and peak memory of the stage in a process of its own, the compiled code cached."""
    with tempfile.TemporaryDirectory(prefix="stfuse-bench-") as name:
        folder = Path(name)
        found: dict[str, float] = {}
        for side in (2 * TILE, size):
            series, fields = write_inputs(folder, side, dates)
            asked = {"folder": name, "name": str(side), "series": str(series), "fields": str(fields),
                     "threads": threads, "log": str(folder / "log")}  # fmt: skip
            own = environment(NUMBA_NUM_THREADS=str(threads), OMP_NUM_THREADS=str(threads))
            command = [sys.executable, "-c", CHILD, json.dumps(asked)]
            with subprocess.Popen(command, env=own, stdout=subprocess.PIPE) as process:
                together = watch(process)
                answer = process.stdout.read() if process.stdout else b""
            if process.returncode:
                raise SystemExit(f"The stage failed (exit status {process.returncode}); its log: {asked['log']}")
            found = json.loads(answer.splitlines()[-1])
            found["peak_mb"] = max(found["peak_mb"], together)
    return found


def whole_tile(row: dict[str, Any]) -> dict[str, float]:
    """Hours and megabytes for a Sentinel-2 tile of as many dates, from what a smaller series took."""
    size, dates = row["size"], row["dates"]
    # The field map is held whole; of each row of windows, the fields that reach into the next one wait.
    waiting = FIELD / 2 * dates * 9 / 1e6
    more = (TILE_SIDE**2 - size**2) * 4 * 3 / 1e6 + (TILE_SIDE - size) * waiting
    return {"tile_hours": TILE_SIDE**2 / row["pixels_per_s"] / 3600, "tile_peak_mb": row["peak_mb"] + more}


def main() -> None:
    """Measure, write the table and show it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1024, help="pixels on each side")
    parser.add_argument("--dates", type=int, default=70)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "results/bench")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    row: dict[str, Any] = {"size": asked.size, "dates": asked.dates, "threads": asked.threads}
    row |= computing(asked.dates) | whole_stage(asked.size, asked.dates, asked.threads)
    row["pixels_per_s"] = asked.size**2 / row["seconds"]
    row |= whole_tile(row) | {"machine": machine()}
    table = pd.DataFrame([row])
    table.to_csv(asked.out / "phenology.csv", index=False, float_format="%.6g")
    sys.stdout.write(table.T.to_string(header=False) + "\n")


if __name__ == "__main__":
    main()
