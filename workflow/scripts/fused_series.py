"""Stage `fused`: every date of one method at a site in one job, as a cube: thousands of dates need no start each."""

import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stfuse.bands import BACKSCATTER
from stfuse.cube import Blank, cube_file
from stfuse.inputs import TaskFiles
from stfuse.job import job
from stfuse.methods import load, make_params
from stfuse.state import load_state, origin
from stfuse.task import FloatArray, State, Window
from stfuse.tiles import predict_dates

if TYPE_CHECKING:
    snakemake: Any

logger = logging.getLogger(__name__)


def fuse_series(
    samples: list[dict[str, Any]],
    learned: list[Path],
    truths: list[str | None],
    method: dict[str, Any],
    bands: list[str],
    variable: str,
    labels: dict[str, Any],
    out: Path,
    threads: int = 1,
) -> None:
    """Predict every date and write the cube, window by window: a site of any size fits into the memory.

    Parameters
    ----------
    samples : list of dict
        One a date, ascending, see `stfuse.inputs.TaskFiles`; no truth is opened.
    learned : list of path
        The state that each is predicted with.
    truths : list of str or None
        Path of the image that each prediction will be compared with: a state that learned from it is refused.
    method : dict
        ``name``, ``file`` and ``settings``.
    bands : list of str
    variable : {"reflectance", "ndvi"}
    labels : dict
        Experiment, site, method and seed, kept as attributes.
    out : path
        The NetCDF file to write, a layer for each band.
    threads : int
        Dates worked on at a time.

    Raises
    ------
    InputError
        If an input is missing, damaged or of another grid, a setting is unknown, a state is another method's or
        learned from a truth, or the method's answer has the wrong shape.
    """
    module = load(method["file"])
    params = make_params(module, method["settings"])
    scenes = [TaskFiles(sample, bands, variable) for sample in samples]
    states: dict[Path, State] = {}
    for scene, path, truth in zip(scenes, learned, truths, strict=True):
        # Each once, unless it must be refused for what it learned from.
        if path not in states or truth:
            states[path] = load_state(path, method, bands, variable, scene.ratio, truth)
    dates = np.array([sample["date"] for sample in samples], dtype="datetime64[D]")
    attrs = {name: str(value) for name, value in labels.items()} | origin(method, asdict(params), learned[0])
    names = scenes[0].bands
    packed = BACKSCATTER.isdisjoint(names)
    layers = {band: Blank("time", f"{band} predicted by {method['name']}", packed=packed) for band in names}
    start = time.perf_counter()
    with cube_file(out, layers, {"time": dates}, scenes[0].grid, attrs) as cube:

        def put(window: Window, values: FloatArray) -> None:
            cube.put(window, {band: values[:, i] for i, band in enumerate(names)})

        predict_dates(put, method["name"], module, scenes, [states[path] for path in learned], params, threads)
    logger.info("%s predicted %d dates in %.2f s", method["name"], len(dates), time.perf_counter() - start)


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads, snakemake.resources.get("gpu", 0)):
        fuse_series(
            samples=[dict(sample) for sample in snakemake.params.samples],
            learned=[Path(path) for path in snakemake.params.learned],
            truths=list(snakemake.params.truths),
            method=dict(snakemake.params.method),
            bands=list(snakemake.params.bands),
            variable=str(snakemake.params.variable),
            labels=dict(snakemake.params.labels),
            out=Path(snakemake.output[0]),
            threads=int(snakemake.threads),
        )
