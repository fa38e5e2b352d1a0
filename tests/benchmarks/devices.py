"""The networks on the device that is there: rates and memory, to results/bench/devices.csv, devices.json, devices.png.

make devicebench ARGS="[--device cpu|cuda] [--methods NAME ...] [--widths 64 32 ...] [--size PIXELS] [--batches N ...]
    [--patches PIXELS ...] [--windows PIXELS ...] [--also compile full ...] [--settings JSON] [--bands 6] [--ratio 3]
    [--seconds 10] [--repeats 5] [--threads N] [--processes N] [--draw] [--out FOLDER]"

Each method has a process of its own, on the first GPU; where there are several, all of them then train together. It
trains through the engine, with the feed, on made-up scenes in files (fields under clouds), and predicts a scene. Beside
each measurement the device's rate in a product of two large matrices is measured; beside a prediction also a bare loop
over the convolutions that it made. What a machine does besides is told by the load average of each row.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.ticker import EngFormatter
from tqdm import tqdm

from benchmarks import ROOT, environment
from benchmarks.device_figure import figure_of
from benchmarks.methods import FILES, machine
from stfuse.needs import read_needs, read_params
from stfuse.plots import to_png

ALSO: dict[str, dict[str, Any]] = {"compile": {"compile": True}, "full": {"precision": "full"}}
"""Settings of the training to try beside its own: compiled by torch; nothing shorter than 32 bits."""
BY_DEVICE: dict[str, dict[str, Any]] = {
    "cpu": {"size": 384, "batches": [], "patches": [], "windows": [128], "also": []},
    "cuda": {"size": 3072, "batches": [16, 64, 256], "patches": [96], "windows": [256, 512], "also": list(ALSO)},
}
"""What is measured where nothing else is asked for."""
COMMAND = [sys.executable, "-m", "benchmarks.device_run"]
PLACE = {"places": 3, "place_size": 480}
"""Scenes to learn from, and their fine pixels a side."""


PLAIN = ("bands", "ratio", "size", "batches", "patches", "seconds", "repeats", "processes")
"""What is handed on as it is."""
WIDE = ("features", "growth", "units")
"""What the width of a network is called among a method's settings."""


def networks() -> list[str]:
    """The methods that learn from images."""
    return [name for name, path in FILES.items() if read_needs(path).samples not in ("none", "series")]


def child(asked: Mapping[str, Any], device: str | None, threads: int) -> Iterator[dict[str, Any]]:
    """What `device_run` tells; at last a row with ``left_out`` if it failed."""
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if device == "cpu" else {}
    own = {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "OPENBLAS", "MKL", "GDAL", "NUMBA")}
    command, env = [*COMMAND, json.dumps(asked)], environment(**own, **hidden)
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        yield from (json.loads(line) for line in process.stdout or ())
        if process.wait():
            errors.seek(0)
            last = errors.read().strip().splitlines()[-1:] or [f"exit status {process.returncode}"]
            yield {"left_out": f"failed: {last[0]}"}


def device_here(asked: argparse.Namespace) -> dict[str, Any]:
    """The machine with its device, or an end with the reason why there is none."""
    (found,) = child({}, asked.device, asked.threads)
    if "left_out" in found:
        raise SystemExit(f"The device cannot be used: {found['left_out']}")
    if asked.device not in (None, found["device"]):
        raise SystemExit(f"torch {found['torch']} finds no GPU here. Leave --device out to measure the CPU")
    return machine() | found


def completed(asked: argparse.Namespace, device: str) -> argparse.Namespace:
    """What is asked for, with what is measured on such a device where nothing was said."""
    given = {name: value for name, value in vars(asked).items() if value is not None}
    return argparse.Namespace(**(vars(asked) | BY_DEVICE[device] | given))


def width_of(name: str, width: int, asked: argparse.Namespace) -> dict[str, Any]:
    """Settings of a method whose networks are so wide; 0 = as wide as the method has them."""
    own = json.loads(asked.settings).get(name, {})
    return {what: width for what in WIDE if width and what in read_params(FILES[name])} | own


def request(name: str, width: int, asked: argparse.Namespace, folder: str) -> dict[str, Any]:
    """What `device_run` is asked for."""
    plain = {key: getattr(asked, key) for key in PLAIN}
    return plain | PLACE | {
        "file": name,
        "settings": width_of(name, width, asked),
        "windows": [0, *asked.windows],
        "plans": [{}, *(ALSO[also] for also in asked.also)],
        "folder": folder,
    }  # fmt: skip


def row_of(name: str, width: int, device: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """One line of the table."""
    facts = {"method": name, "width": width or None, "device": device} | dict(found)
    for what in ("flops_per_s", "loop_flops_per_s"):
        if found.get(what):
            facts[what.replace("flops_per_s", "share_of_matrix")] = found[what] / found["matrix_flops_per_s"]
    return facts | {"left_out": found.get("left_out")}


def words_of(row: Mapping[str, Any]) -> str:
    """What was found, in a line."""
    if row["left_out"]:
        return f"{row['method']}: left out: {row['left_out']}"
    rate = EngFormatter(places=2, sep="")(row["pixels_per_s"])
    more = f"{100 * row['share_of_matrix']:.0f} % of the matrix rate"
    more += f", {row['peak_mb']:.0f} MB" if "peak_mb" in row else f", {row['processes']} processes"
    if row["what"] == "inference":
        what, more = "predicts", f"{more}, networks {100 * row['share_of_loop']:.0f} % of the bare loop"
    else:
        what = f"training {row['stage']}, {row['batch']} patches of {row['window']}, {row['precision']}"
        more += f", waiting {100 * row['waiting']:.1f} %" + ", compiled" * row["compiled"]
    width = f", {row['width']} wide" if row["width"] else ""
    return f"{row['method']}{width}, {what}: {rate} pixels/s, {more}"


def measured(asked: argparse.Namespace, device: str) -> Iterator[dict[str, Any]]:
    """All rows, one after the other."""
    tried = [(name, width) for name in asked.methods for width in (0, *asked.widths)]
    # Networks without a setting for their width are measured as they are.
    runs = [
        (name, width) for name, width in tried if not width or width_of(name, width, asked) != width_of(name, 0, asked)
    ]
    bar = tqdm(runs, desc="devices", unit="method", disable=None)
    for name, width in bar:
        bar.set_postfix_str(name)
        with tempfile.TemporaryDirectory(prefix="stfuse-bench-") as folder:
            for found in child(request(name, width, asked, folder), asked.device, asked.threads):
                yield row_of(name, width, device, found)


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=list(BY_DEVICE), help="a GPU where there is one")
    parser.add_argument("--methods", nargs="+", choices=networks(), default=networks(), help="all that learn")
    parser.add_argument("--widths", type=int, nargs="*", default=[], help="feature maps to try beside a method's own")
    parser.add_argument("--size", type=int, help="fine pixels a side of the scene to predict")
    parser.add_argument("--batches", type=int, nargs="*", help="patches a step to try beside the method's own")
    parser.add_argument("--patches", type=int, nargs="*", help="pixels a side of patches to try likewise")
    parser.add_argument("--windows", type=int, nargs="*", help="pixels a side of windows to predict with, likewise")
    parser.add_argument("--also", nargs="*", choices=list(ALSO), help="trainings to try: compiled, in 32 bits")
    parser.add_argument("--settings", default="{}", help='of methods: {"dstfn": {"batch": 4}}')
    parser.add_argument("--bands", type=int, default=6, choices=range(1, 7))
    parser.add_argument("--ratio", type=int, default=3, help="coarse pixel / fine pixel")
    parser.add_argument("--seconds", type=float, default=10, help="that a training is timed")
    parser.add_argument("--repeats", type=int, default=5, help="of each prediction")
    parser.add_argument("--processes", type=int, default=0, help="that train together beside one alone; 0: all GPUs")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("--threads", type=int, default=cores)
    parser.add_argument("--draw", action="store_true", help="draw the table that is there, measure nothing")
    parser.add_argument("--out", type=Path, default=ROOT / "results/bench")
    return parser.parse_args()


def main() -> int:
    """Measure, writing the table after every measurement, and draw it; 1 if a measurement failed."""
    asked = arguments()
    table_file, machine_file = asked.out / "devices.csv", asked.out / "devices.json"
    asked.out.mkdir(parents=True, exist_ok=True)
    if not asked.draw:
        found = device_here(asked)
        asked = completed(asked, found["device"])
        machine_file.write_text(json.dumps(found, indent=2) + "\n")
        rows: list[dict[str, Any]] = []
        for row in measured(asked, found["device"]):
            rows.append(row)
            tqdm.write(words_of(row))
            pd.DataFrame(rows).to_csv(table_file, index=False, float_format="%.6g")
    table = pd.read_csv(table_file)
    (asked.out / "devices.png").write_bytes(to_png(figure_of(table, json.loads(machine_file.read_text()))))
    return int(table["left_out"].notna().any())


if __name__ == "__main__":
    sys.exit(main())
