"""One measurement of one method, in a process of its own: ``python -m benchmarks.one_run JSON`` prints JSON.

Only what a prediction needs is imported here, so that the peak memory is the method's and not the benchmark's.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import psutil

from benchmarks.land import TARGET, Land
from stfuse import tiles
from stfuse.crops import Known
from stfuse.methods import Method, load, make_params
from stfuse.task import Series, State, Task

SMALL = 96
"""Least side of the first prediction, which compiles."""
QUICK = {"epochs": 1, "steps": 2, "batch": 2, "patch": 16}
"""Shorten a training, where a method has these settings: its speed of predicting does not depend on it."""


def land_of(asked: Mapping[str, Any], size: int, gaps: bool = True) -> Land:
    """The scene that a measurement asks for by ``file``, ``references``, ``bands`` and ``ratio``."""
    needs = load(asked["file"]).NEEDS
    return Land(size, asked["bands"], asked["ratio"], needs, asked["references"], gaps)


def file_of(folder: Path, role: str, day: int) -> Path:
    """Where one image of the inputs lies."""
    return folder / f"{role}_{day}.npy"


def write_inputs(land: Land, folder: Path, step: int = 960) -> None:
    """Write the images of a scene that are not there yet, as float32, in strips: the memory stays small.

    Parameters
    ----------
    step : int
        Rows of a strip.
    """
    for role in land.factors:
        height, width = land.grid_of(role).shape
        for day in land.days_of(role):
            path = file_of(folder, role, day)
            if path.exists():
                continue
            shape = (len(land.bands_of(role)), height, width)
            out = np.lib.format.open_memmap(path, "w+", np.float32, shape)
            for top in range(0, height, step):
                rows = slice(top, min(top + step, height))
                out[:, rows] = land.real_image(role, day, (rows, slice(0, width)))
            out.flush()


def read_inputs(land: Land, folder: Path) -> Task:
    """The task of `write_inputs`, in memory."""

    def series(role: str) -> Series:
        days, names, grid = land.days_of(role), land.bands_of(role), land.grid_of(role)
        values = np.empty((len(days), len(names), *grid.shape), np.float32)
        for image, day in zip(values, days, strict=True):
            image[:] = np.load(file_of(folder, role, day), mmap_mode="r")
        return Series(values, TARGET + np.array(days, "timedelta64[D]"), names, grid)

    aux = {name: series(name) for name in land.needs.aux}
    return Task(series("fine"), series("coarse"), float(land.ratio), land.dates, aux)


def resident() -> float:
    """Megabytes that this process holds now."""
    return float(psutil.Process().memory_info().rss) / 1e6


def forget_peak() -> None:
    """Let `peak` count from now on, where the system can (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> float:
    """Most megabytes that this process held; `getrusage` would count what its parent held when it started."""
    with suppress(OSError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024 / 1e6
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if sys.platform == "darwin" else 1e3)


def learned(method: Method, task: Task, land: Land, params: Any) -> State:
    """What the method knows before it predicts; a network learns for a moment from the small scene."""
    samples = [] if method.NEEDS.samples == "none" else [Known(task, land.truth())]
    return {k: v for k, v in method.fit(samples, params, 0).items() if k != "curve"}


def measure(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Predict a small scene, which compiles, then the one asked for some times.

    Parameters
    ----------
    asked : mapping
        ``file``, ``settings``, ``references``, ``size``, ``bands``, ``ratio``, ``threads``, ``repeats``, ``limit``
        (seconds after which no repetition is begun) and ``folder``; without a folder only the small scene is
        predicted.

    Returns
    -------
    dict
        ``first_s`` (the small scene for the first time) and ``small_s`` (once more); of the scene asked for the
        median ``seconds`` and ``cpu_seconds`` (of all threads; far fewer than ``threads`` times the seconds on a busy
        machine), ``seconds_min``, ``repeats`` done, the share ``finite``, ``peak_mb`` of the process and ``own_mb``,
        what of that came on top of the imported modules and the inputs.
    """
    method, threads = load(asked["file"]), asked["threads"]
    known = method.Params.__dataclass_fields__
    quick = QUICK if method.NEEDS.samples != "none" else {}
    params = make_params(method, {k: v for k, v in quick.items() if k in known} | asked["settings"])
    land = land_of(asked, max(SMALL, 8 * asked["ratio"]), gaps=False)
    task = land.whole()
    state = learned(method, task, land, params)

    def predict() -> float:
        nonlocal values
        values = None
        start, busy = time.perf_counter(), time.process_time()
        values = tiles.predict(asked["file"], method, task, state, params, threads=threads)
        work.append(time.process_time() - busy)
        return time.perf_counter() - start

    values: Any = None
    work: list[float] = []
    found = {"first_s": predict(), "small_s": predict()}
    if "folder" not in asked:
        return found
    values, land = None, land_of(asked, asked["size"])
    task = read_inputs(land, Path(asked["folder"]))
    gc.collect()
    before = resident()
    forget_peak()
    taken = [predict()]
    while len(taken) < asked["repeats"] and sum(taken) < asked["limit"]:
        taken.append(predict())
    most = peak()
    return found | {
        "seconds": median(taken),
        "seconds_min": min(taken),
        "cpu_seconds": median(work[-len(taken) :]),
        "repeats": len(taken),
        "finite": float(np.isfinite(values).mean()),
        "peak_mb": most,
        "own_mb": most - before,
    }


def main() -> None:
    """Measure what the first word asks for."""
    sys.stdout.write(json.dumps(measure(json.loads(sys.argv[1]))) + "\n")


if __name__ == "__main__":
    main()
