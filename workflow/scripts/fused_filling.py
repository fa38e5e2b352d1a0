"""Stage `fused`: the NDVI series of every pixel of a site, filled on every date of any sensor, with its uncertainty."""

import logging
import math
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stfuse.cube import Blank, cube_file
from stfuse.filling.calibration import read_errors, uncertainty
from stfuse.filling.files import SeriesFiles
from stfuse.filling.trials import filler, gaps_of
from stfuse.job import job
from stfuse.methods import load, make_params
from stfuse.state import load_state, origin
from stfuse.task import FloatArray, Task, Window
from stfuse.tiles import each_tile

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger(__name__)

SIDE, LEAST = 256, 64
"""Pixels a side of what is in memory at a time, at most and at least."""

MOST = 80_000_000
"""Values of a window in the images and the predictions of all dates, as far as `LEAST` allows: with 300 dates of four
series half a gigabyte."""


def window_side(sample: dict[str, Any]) -> int:
    """Pixels a side of the windows of a sample, by its number of dates; see `stfuse.filling.files.SeriesFiles`."""
    # What is filled, and a guide, whose dates are among those that are filled.
    images = len(sample["dates"]) * (1 + len(sample.get("guides", {}))) + len(sample["fine"])
    images += sum(len(paths) * len(sample["aux_bands"][name]) for name, paths in sample.get("aux", {}).items())
    side = math.isqrt(MOST // max(images, 1)) // LEAST * LEAST
    return min(SIDE, max(LEAST, side))


def fill(
    sample: dict[str, Any],
    method: dict[str, Any],
    bands: list[str],
    variable: str,
    state: Path,
    errors: Path,
    out: Path,
    threads: int = 1,
) -> None:
    """Fill the series of a site of any size, window by window.

    On a date on which a pixel was observed, too, the value is the method's and not the observation: what is stated of
    its uncertainty holds for all values alike.

    Parameters
    ----------
    sample : dict
        See `stfuse.filling.files.SeriesFiles`; its dates are filled.
    method : dict
        ``name``, ``file`` and ``settings``.
    bands : list of str
        Red and near-infrared.
    variable : {"ndvi"}
    state : path
        ``seed{seed}.npz`` of the stage `model`.
    errors : path
        Beside it, ``seed{seed}_errors.csv``.
    out : path
        The cube to write: layers ``ndvi`` and ``uncertainty`` (one standard deviation), NaN where the method says
        nothing.
    threads : int
        Windows worked on at a time by a method without a network.

    Raises
    ------
    InputError
        If an input is missing, damaged or of another grid, a setting is unknown, the state is another method's, or the
        method's answer has the wrong shape.
    """
    module = load(method["file"])
    params = make_params(module, method["settings"])
    scene = SeriesFiles(sample, bands, variable)
    known = read_errors(errors)
    answer = filler(method["name"], module, load_state(state, method, bands, variable), params)
    layers = {
        "ndvi": Blank("time", "NDVI, filled", packed=True),
        "uncertainty": Blank("time", "standard deviation of the error of NDVI", packed=True),
    }
    start = time.perf_counter()

    def filled(task: Task) -> FloatArray:
        values = answer(task)[:, 0]
        sigma = np.where(np.isfinite(values), uncertainty(gaps_of(task), known), np.float32(np.nan))
        return np.stack([values, sigma])

    with cube_file(out, layers, {"time": scene.dates}, scene.grid, origin(method, asdict(params), state)) as cube:

        def put(window: Window, values: FloatArray) -> None:
            cube.put(window, {"ndvi": values[0], "uncertainty": values[1]})

        at_a_time = 1 if module.NEEDS.gpu else threads
        each_tile(put, filled, scene, module.halo(params), window_side(sample), at_a_time, method["name"])
    seconds, series = time.perf_counter() - start, math.prod(scene.grid.shape)
    logger.info(
        "%s filled %d series of %d dates in %.1f s, %.3g series a second",
        *(method["name"], series, len(scene.dates), seconds, series / seconds),
    )


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads, snakemake.resources.get("gpu", 0)):
        fill(
            sample=dict(snakemake.params.sample),
            method=dict(snakemake.params.method),
            bands=list(snakemake.params.bands),
            variable=str(snakemake.params.variable),
            state=Path(snakemake.input.state),
            errors=Path(snakemake.input.errors),
            out=Path(snakemake.output[0]),
            threads=int(snakemake.threads),
        )
