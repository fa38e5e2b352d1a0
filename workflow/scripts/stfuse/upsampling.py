"""Bilinear interpolation of coarse images to a fine grid, compiled: what `regrid` gives, twenty times as fast."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.grid import POSITION_STEP, regrid
from stfuse.task import FloatArray


def upsample(values: FloatArray, source: GeoBox, target: GeoBox) -> FloatArray:
    """Interpolate images to a grid of smaller pixels; NaN takes no part and stays.

    Within an observed pixel, those of the four nearest count that are observed, by their bilinear weights; within
    one not observed there is nothing. Grids that are turned against each other, and target pixels that are the
    larger ones, are left to `regrid`.

    Parameters
    ----------
    values : ndarray, shape (image, y, x), float32
    source, target : GeoBox

    Returns
    -------
    ndarray, shape (image, target y, target x), float32
        NaN where the target reaches beyond the source.
    """
    to_source = ~source.affine * target.affine
    turned = source.crs != target.crs or to_source.b or to_source.d
    if turned or abs(to_source.a) > 1 or abs(to_source.e) > 1:
        return regrid(values, source, target, "bilinear")
    out = np.empty((len(values), *target.shape), np.float32)
    rows = _places(to_source.e, to_source.f, *target.shape[:1])
    columns = _places(to_source.a, to_source.c, *target.shape[1:])
    _upsample(np.ascontiguousarray(values, dtype=np.float32), rows, columns, out)
    return out


def _places(scale: float, start: float, count: int) -> NDArray[np.float64]:
    """Centres of target pixels in source pixels from the source's edge on, rounded as `regrid` rounds them."""
    places = scale * (np.arange(count) + 0.5) + start
    return np.asarray(np.round(places / POSITION_STEP) * POSITION_STEP, np.float64)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _upsample(values: FloatArray, rows: NDArray[np.float64], columns: NDArray[np.float64], out: FloatArray) -> None:
    """Between two rows first, then along them; the sums have a pixel more on each side."""
    height, width = values.shape[1:]
    total, weight = np.zeros(width + 2), np.zeros(width + 2)
    left, share = np.empty(columns.size, np.int64), np.empty(columns.size)
    for x in range(columns.size):
        left[x] = int(np.floor(columns[x] + 0.5))
        share[x] = columns[x] + 0.5 - left[x]
    for k in range(values.shape[0]):
        for y in range(rows.size):
            out[k, y] = np.nan
            row = int(np.floor(rows[y]))
            if not 0 <= row < height:
                continue
            above = int(np.floor(rows[y] - 0.5))
            lower = rows[y] - 0.5 - above
            total[:], weight[:] = 0, 0
            for i, part in ((above, 1 - lower), (above + 1, lower)):
                if 0 <= i < height:
                    for x in range(width):
                        if np.isfinite(values[k, i, x]):
                            total[x + 1] += part * values[k, i, x]
                            weight[x + 1] += part
            for x in range(columns.size):
                column = int(np.floor(columns[x]))
                if 0 <= column < width and np.isfinite(values[k, row, column]):
                    a, b = left[x], share[x]
                    seen = weight[a] * (1 - b) + weight[a + 1] * b
                    out[k, y, x] = (total[a] * (1 - b) + total[a + 1] * b) / seen
