"""Send a full Sentinel-2 tile through the stage `fused`: seconds, rate and peak memory, to results/bench/tile.csv.

make tilebench ARGS="[--method starfm_si] [--threads 2] [--size 10980] [--bands 6] [--ratio 3] [--keep FOLDER]
    [--out FOLDER]"

The inputs are made up (fields under clouds) and written to files first, about 1 GB an image of the full size, one or
two minutes each; `--keep` keeps them for the next method. The prediction is compared with small direct ones in some
windows. Where results/bench/methods.csv is there, tile_expected.csv says what each method would take at its rate there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import rasterio
from tqdm import tqdm

from benchmarks import ROOT, environment
from benchmarks.curves import along, names_of
from benchmarks.land import TARGET, Land, real
from benchmarks.methods import FILES, machine
from benchmarks.world import watch
from stfuse.crops import MARGIN
from stfuse.methods import load, make_params
from stfuse.needs import read_needs
from stfuse.raster import SCALE, image_file, read_image
from stfuse.state import save_state
from stfuse.task import FloatArray, Window
from stfuse.tiles import pieces
from task_files import grid_entry

BLOCK = 960
"""About how many fine pixels a side are made and written at a time."""
CHILD = """
import json, sys, time
from pathlib import Path
from benchmarks.one_run import peak
from scripts.fused import fuse
from stfuse.job import job
asked = json.loads(sys.argv[1])
with job(asked["log"], asked["threads"]):
    start = time.perf_counter()
    fuse(asked["sample"], asked["method"], asked["bands"], "reflectance", Path(asked["state"]), Path(asked["out"]),
         asked["threads"])
    print(json.dumps({"seconds": time.perf_counter() - start, "peak_mb": peak()}))
"""


def blocks(shape: tuple[int, int], step: int) -> Iterator[Window]:
    """Windows of at most `step` pixels a side that cover an image once."""
    for top in range(0, shape[0], step):
        for left in range(0, shape[1], step):
            yield slice(top, min(top + step, shape[0])), slice(left, min(left + step, shape[1]))


def write_inputs(land: Land, folder: Path) -> dict[str, Any]:
    """Write the images of a scene that are not there yet, block by block; the sample that names them."""
    paths: dict[str, list[str]] = {}
    for role in land.factors:
        grid, names = land.grid_of(role), land.bands_of(role)
        paths[role] = []
        for day in land.days_of(role):
            path = folder / role / f"{TARGET + np.timedelta64(day, 'D')}.tif"
            paths[role].append(str(path))
            if path.exists():
                continue
            windows = list(blocks(grid.shape, max(BLOCK // land.factors[role], 1)))
            with image_file(path, names, grid) as out:
                for window in tqdm(windows, desc=f"{role} {path.stem}", unit="block", disable=None):
                    out.put(window, land.real_image(role, day, window))
            tell(f"{role} image of {path.stem}: {path.stat().st_size / 1e6:.0f} MB")
    aux = land.needs.aux
    return {
        "date": str(TARGET),
        "fine": paths["fine"],
        "coarse": paths["coarse"],
        "aux": {name: paths[name] for name in aux},
        "aux_bands": {name: list(land.bands_of(name)) for name in aux},
        "truth": None,
        "grids": {
            "fine": grid_entry(land.grid),
            "coarse": grid_entry(land.grid_of("coarse")),
            "aux": {name: grid_entry(land.grid_of(name)) for name in aux},
        },
    }


def tell(words: str) -> None:
    """A line for who watches."""
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def space_needed(land: Land) -> float:
    """Bytes on disk, at most: every image with its overviews, and one more uncompressed while it is written."""
    one = 2.0 * land.size**2
    images = [(role, land.factors[role]) for role in land.factors for _ in land.days_of(role)] + [("fine", 1)]
    return one * len(land.bands) + sum(4 / 3 * one * len(land.bands_of(role)) / factor**2 for role, factor in images)


def fuse_apart(sample: dict[str, Any], method: str, land: Land, threads: int, folder: Path) -> dict[str, Any]:
    """Run the stage in a process of its own: its seconds, and the peak memory of it and its children."""
    entry = {"name": method, "file": method, "settings": {}}
    state, out = folder / "seed0.npz", folder / f"{method}.tif"
    save_state(state, {}, entry, land.bands, "reflectance")
    asked = {"sample": sample, "method": entry, "bands": list(land.bands), "state": str(state), "out": str(out),
             "threads": threads, "log": str(folder / f"{method}.log")}  # fmt: skip
    command = [sys.executable, "-c", CHILD, json.dumps(asked)]
    own = environment(OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads))
    with subprocess.Popen(command, env=own, stdout=subprocess.PIPE) as process:
        together = watch(process)
        answer = process.stdout.read() if process.stdout else b""
    if process.returncode:
        raise SystemExit(f"The stage failed (exit status {process.returncode}); its log is {asked['log']}")
    found: dict[str, Any] = json.loads(answer.splitlines()[-1])
    return found | {"peak_mb": max(found["peak_mb"], together), "output": str(out)}


def check_file(path: Path, land: Land) -> float:
    """Check that a prediction is the COG it should be; the share of it that is finite."""
    with rasterio.open(path) as image:
        found = (image.count, *image.shape, image.tags(ns="IMAGE_STRUCTURE").get("LAYOUT"), image.descriptions)
    expected = (land.count, land.size, land.size, "COG", land.bands)
    if found != expected:
        raise SystemExit(f"{path} is {found}, expected {expected}")
    windows = blocks((land.size, land.size), BLOCK)
    return sum(int(np.isfinite(read_image(path, None, w)[0]).sum()) for w in windows) / (land.count * land.size**2)


def direct(method: str, land: Land, windows: Sequence[Window]) -> Iterator[FloatArray]:
    """Predictions of windows as they would be stored, shape (band, y, x), made without files and tiles."""
    module = load(method)
    params = make_params(module, {})
    halo = module.halo(params)
    if halo is None:
        raise SystemExit(f"{method} needs the whole scene at once: it cannot be compared in windows")
    prepare = getattr(module, "prepare", None)
    state = prepare(pieces(land, halo), {}, params) if prepare else {}
    reach = halo + MARGIN * land.ratio
    for window in windows:
        outer = tuple(slice(max(part.start - reach, 0), min(part.stop + reach, land.size)) for part in window)
        inner = tuple(slice(p.start - o.start, p.stop - o.start) for p, o in zip(window, outer, strict=True))
        values = module.predict(replace(land.crop(outer), core=inner), state, params)[0][:, *inner]
        steps = np.where(np.isfinite(values), np.clip(np.rint(values / SCALE), -32767, 32767), -32768)
        yield real(steps.astype(np.int16))


def check_windows(path: Path, method: str, land: Land, count: int = 5, side: int = 300) -> int:
    """Compare windows at random places, and the last corner, with direct predictions, bit for bit; how many."""
    side = min(side, land.size)
    rng = np.random.default_rng(0)
    corners = [*rng.integers(land.size - side + 1, size=(count - 1, 2)).tolist(), [land.size - side] * 2]
    windows = [(slice(y, y + side), slice(x, x + side)) for y, x in corners]
    for window, values in zip(windows, direct(method, land, windows), strict=True):
        if not np.array_equal(read_image(path, None, window)[0], values, equal_nan=True):
            raise SystemExit(f"{path} differs from the direct prediction in the window {window}")
    return len(windows)


def expected_times(table: pd.DataFrame, band_pixels: float, bands: int, threads: int) -> pd.DataFrame:
    """Minutes that each method would take for so many band-pixels, from its rates in methods.csv.

    The rate is that for the bands asked for, or the base's, times the speed-up that so many threads gave there.
    """
    rows = []
    for name in names_of(table):
        over = along(table, name, "bands").set_index("bands")["band_pixels_per_s"]
        gain = along(table, name, "threads").set_index("threads")["band_pixels_per_s"]
        rate = over.get(bands, over.iloc[0]) * gain.get(threads, gain.iloc[0]) / gain.iloc[0]
        rows.append({"method": name, "bands": bands, "threads": threads if threads in gain.index else gain.index[0],
                     "band_pixels_per_s": rate, "minutes": band_pixels / rate / 60})  # fmt: skip
    return pd.DataFrame(rows)


def measure(asked: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Everything for one method: a row of the table."""
    needs = read_needs(FILES[asked.method])
    land = Land(asked.size, asked.bands, asked.ratio, needs, needs.references)
    needed, free = space_needed(land), shutil.disk_usage(folder).free
    tell(f"On disk at most {needed / 1e9:.1f} GB are needed; {free / 1e9:.1f} GB are free in {folder}")
    if needed > free:
        raise SystemExit("That is too little. Name another folder (--keep) or a smaller scene (--size)")
    start = time.perf_counter()
    sample = write_inputs(land, folder / f"{asked.size}_{asked.bands}_{asked.ratio}")
    tell(f"inputs are there after {time.perf_counter() - start:.0f} s; {asked.method} predicts")
    found = fuse_apart(sample, asked.method, land, asked.threads, folder)
    out, rate = Path(found["output"]), land.count * land.size**2 / found["seconds"]
    tell(f"{found['seconds']:.1f} s, {rate / 1e3:.4g} thousand band-pixels/s, peak {found['peak_mb']:.0f} MB")
    finite = check_file(out, land)
    windows = check_windows(out, asked.method, land)
    tell(f"a whole COG, {100 * finite:.1f} % finite, equal to direct predictions in {windows} windows")
    facts = machine()
    return {
        "method": asked.method, "references": needs.references, "size": land.size, "bands": land.count,
        "ratio": land.ratio, "threads": asked.threads, "seconds": found["seconds"], "band_pixels_per_s": rate,
        "peak_mb": found["peak_mb"], "finite": finite, "windows_checked": windows,
        "output_mb": out.stat().st_size / 1e6, "processor": facts["processor"], "cores": facts["cores"],
        "date": str(date.today()),
    }  # fmt: skip


def main() -> None:
    """Measure one method and add it to the table."""
    closed = [name for name, path in FILES.items() if read_needs(path).samples == "none"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=closed, default="starfm_si")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--size", type=int, default=10980, help="pixels a side")
    parser.add_argument("--bands", type=int, default=6, choices=range(1, 7))
    parser.add_argument("--ratio", type=int, default=3, help="coarse pixel / fine pixel")
    parser.add_argument("--keep", type=Path, help="folder for inputs and prediction, kept; else a temporary one")
    parser.add_argument("--out", type=Path, default=ROOT / "results/bench")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="stfuse-tile-") as temporary:
        folder = asked.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        row = pd.DataFrame([measure(asked, folder)])
    table, rates = asked.out / "tile.csv", asked.out / "methods.csv"
    row.to_csv(table, mode="a", header=not table.exists(), index=False, float_format="%.6g")
    if rates.exists():
        expected = expected_times(pd.read_csv(rates), asked.bands * asked.size**2, asked.bands, asked.threads)
        expected.to_csv(asked.out / "tile_expected.csv", index=False, float_format="%.4g")
        tell(expected.to_string(index=False, float_format="%.4g"))


if __name__ == "__main__":
    main()
