"""The series of a task side by side: optical NDVI and what radar saw, on one axis of days."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.grid import regrid_series
from stfuse.task import FloatArray, Series, Task

__all__ = ["CHANNELS", "NO_DATES", "Inputs", "Stack", "brought_together", "on_grid", "stack"]

Inputs = Literal["ndvi_fusion", "optical_only", "ndvi_backscatter"]
"""What Rossberg and Schmitt 2024 compare in section IV."""

CHANNELS: Final[dict[Inputs, int]] = {"ndvi_fusion": 2, "optical_only": 1, "ndvi_backscatter": 3}
"""Series that a network is shown, the optical one among them."""

NO_DATES: Final = np.empty(0, "datetime64[D]")
RADAR: Final = "sar"
SAME: Final = 1e-6


@dataclass(frozen=True)
class Stack:
    """Series of pixels on one axis of days.

    Attributes
    ----------
    days : ndarray of datetime64[D], shape (step,)
        Ascending, each once: every day on which any of the series has an image, or that was asked for.
    values : ndarray, shape (channel, step, pixel), float32
        The optical NDVI first, then what radar adds. NaN = not observed. Pixels in order of rows.
    """

    days: NDArray[np.datetime64]
    values: FloatArray


def on_grid(series: Series, grid: GeoBox) -> FloatArray:
    """The series' images on a grid: cut out where its pixels are those of the grid, else resampled (bilinear).

    Returns
    -------
    ndarray, shape (time, band, grid y, grid x), float32
        A view where nothing had to be resampled. NaN outside of the series' grid.
    """
    if series.grid == grid:
        return series.values
    lie = ~series.grid.affine @ grid.affine
    row, column = round(lie.f), round(lie.c)
    upright = series.grid.crs == grid.crs and abs(lie.b) + abs(lie.d) < SAME
    alike = upright and abs(lie.a - 1) + abs(lie.e - 1) < SAME and abs(lie.f - row) + abs(lie.c - column) < SAME * 100
    inside = row >= 0 and column >= 0 and row + grid.height <= series.grid.height
    if alike and inside and column + grid.width <= series.grid.width:
        return series.values[..., row : row + grid.height, column : column + grid.width]
    return regrid_series(series, grid, "bilinear").values


def brought_together(task: Task) -> Task:
    """The task with all its series on the fine grid."""
    grid = task.fine.grid

    def on(series: Series) -> Series:
        return Series(on_grid(series, grid), series.dates, series.bands, grid)

    aux = {name: on(series) for name, series in task.aux.items()}
    return replace(task, coarse=on(task.coarse), aux=aux)


def _images(task: Task, inputs: Inputs) -> list[tuple[NDArray[np.datetime64], FloatArray]]:
    """Dates and images (time, y, x) of every channel."""
    if inputs not in get_args(Inputs):
        raise ValueError(f"inputs must be one of {', '.join(get_args(Inputs))}, found {inputs!r}.")
    grid = task.fine.grid
    found = [(task.fine.dates, task.fine.values[:, 0])]
    if inputs == "ndvi_fusion":
        found.append((task.coarse.dates, on_grid(task.coarse, grid)[:, 0]))
    if inputs == "ndvi_backscatter":
        radar = task.aux.get(RADAR)
        none = np.empty((0, *grid.shape), np.float32)
        values = on_grid(radar, grid) if radar else none
        for band in ("vv", "vh"):
            found.append((radar.dates, values[:, radar.bands.index(band)]) if radar else (NO_DATES, none))
    return found


def stack(task: Task, inputs: Inputs, also: NDArray[np.datetime64] = NO_DATES, rows: slice = slice(None)) -> Stack:
    """What is known of the pixels of a task, on one axis of days.

    Of two images of one day the later fills the gaps of the earlier.

    Parameters
    ----------
    inputs : {"ndvi_fusion", "optical_only", "ndvi_backscatter"}
        The optical series with the NDVI from radar (``task.coarse``), alone, or with vv and vh (``task.aux["sar"]``).
        A series that the task lacks is one of gaps.
    also : ndarray of datetime64[D]
        Days that the axis has in any case.
    rows : slice
        Of the pixels' grid.

    Raises
    ------
    ValueError
        If there are no such inputs.
    """
    images = [(dates.astype("datetime64[D]"), values[:, rows]) for dates, values in _images(task, inputs)]
    days = np.unique(np.concatenate([also.astype("datetime64[D]"), *(dates for dates, _ in images)]))
    pixels = int(np.prod(images[0][1].shape[1:]))
    out = np.full((len(images), len(days), pixels), np.nan, np.float32)
    for channel, (dates, values) in zip(out, images, strict=True):
        for step, image in zip(np.searchsorted(days, dates), values.reshape(len(dates), pixels), strict=True):
            channel[step] = np.where(np.isfinite(channel[step]), channel[step], image)
    return Stack(days, out)
