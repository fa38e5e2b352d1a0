"""What networks see: images of one date brought to the fine grid and stacked as channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.grid import regrid
from stfuse.task import FloatArray, Series

__all__ = ["bracket", "gaps", "upsampled"]


def upsampled(series: Series, date: np.datetime64, grid: GeoBox) -> FloatArray:
    """The series' image nearest to `date`, on another grid by bicubic convolution.

    The kernel is laid out in source pixels, so the same network sees the same blur whether
    it stands at 90 -> 30 m in training or at 30 -> 10 m in use.

    Returns
    -------
    ndarray, shape (band, grid y, grid x), float32
    """
    return regrid(series.values[series.nearest(date)], series.grid, grid, "cubic")


def bracket(dates: NDArray[np.datetime64], date: np.datetime64) -> tuple[int, int]:
    """Indices of the nearest date before and the nearest after, in that order.

    Where one side is empty, the two nearest dates, still in order of time.

    Raises
    ------
    ValueError
        If there are fewer than two dates.
    """
    if len(dates) < 2:
        raise ValueError(f"Two reference dates are needed around {date}, found {len(dates)}.")
    after = int(np.clip(np.searchsorted(dates, date), 1, len(dates) - 1))
    return after - 1, after


def gaps(inputs: FloatArray) -> NDArray[np.bool_]:
    """Pixels (y, x) at which any channel of (channel, y, x) is unknown."""
    return np.asarray(~np.isfinite(inputs).all(axis=0))
