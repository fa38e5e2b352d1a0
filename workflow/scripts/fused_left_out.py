"""Stage `fused`: every optical date of a row and of a small window predicted as if it had not been seen."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stfuse.cube import Layer, write_cube
from stfuse.filling.calibration import Errors, read_errors
from stfuse.filling.files import SeriesFiles
from stfuse.filling.leftout import consecutive, later, leave_out, row_window, strip_window
from stfuse.filling.trials import Fill, filler
from stfuse.job import job
from stfuse.methods import load, make_params
from stfuse.state import load_state, origin
from stfuse.task import Task, Window

if TYPE_CHECKING:
    snakemake: Any


def leave_dates_out(
    sample: dict[str, Any],
    show: dict[str, Any],
    method: dict[str, Any],
    bands: list[str],
    variable: str,
    state: Path,
    errors: Path,
    left_out: Path,
    strip: Path,
    after: str | None = None,
) -> None:
    """Leave out one optical date after the other and predict it from what lies around (Rossberg and Schmitt, V-B).

    Parameters
    ----------
    sample : dict
        See `stfuse.filling.files.SeriesFiles`.
    show : dict
        Of the experiment: ``row``, and ``strip`` with ``row``, ``column``, ``side`` and ``dates``; defaults are those
        of `stfuse.filling.leftout`.
    left_out, strip : path
        Cubes to write, of one row and of a window, on the optical dates: ``observed``, ``ndvi`` (predicted without that
        date), ``uncertainty``.
    after : str, optional
        Dates up to this one (ISO) are neither shown nor predicted from, as in the scores: the method learned from them.

    Raises
    ------
    InputError
        If an input is missing or damaged, a setting is unknown, or the state is another method's.
    """
    module = load(method["file"])
    params = make_params(module, method["settings"])
    scene = SeriesFiles(sample, bands, variable)
    known = read_errors(errors)
    fill = filler(method["name"], module, load_state(state, method, bands, variable), params)
    attrs = origin(method, asdict(params), state)
    height, width = scene.grid.shape
    row, window = row_window((height, width), show), strip_window((height, width), show)
    of_row, of_window = (later(scene.crop(part), after) for part in (row, window))
    seen = np.isfinite(of_row.fine.values).any(axis=(1, 2, 3))
    _write(left_out, of_row, row, np.flatnonzero(seen), fill, known, scene, attrs)
    _write(strip, of_window, window, consecutive(of_window.fine, show), fill, known, scene, attrs)


def _write(
    path: Path,
    task: Task,
    window: Window,
    chosen: Any,
    fill: Fill,
    errors: Errors,
    scene: SeriesFiles,
    attrs: dict[str, str],
) -> None:
    observed = task.fine.values[chosen, 0]
    ndvi, sigma = leave_out(task, chosen, fill, errors)
    layers = {
        "observed": Layer(observed, "time", "NDVI, observed", packed=True),
        "ndvi": Layer(ndvi, "time", "NDVI, predicted without that date", packed=True),
        "uncertainty": Layer(sigma, "time", "standard deviation of the error of NDVI", packed=True),
    }
    write_cube(path, layers, {"time": task.fine.dates[chosen]}, scene.grid[window], attrs)


if __name__ == "__main__":
    with job(snakemake.log[0], snakemake.threads, snakemake.resources.get("gpu", 0)):
        leave_dates_out(
            sample=dict(snakemake.params.sample),
            show=dict(snakemake.params.show),
            method=dict(snakemake.params.method),
            bands=list(snakemake.params.bands),
            variable=str(snakemake.params.variable),
            state=Path(snakemake.input.state),
            errors=Path(snakemake.input.errors),
            left_out=Path(snakemake.output.left_out),
            strip=Path(snakemake.output.strip),
            after=snakemake.params.after,
        )
