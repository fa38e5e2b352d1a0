"""Grids, and moving pixels between them. Geometry is odc-geo's, resampling GDAL's."""

from __future__ import annotations

import math
import warnings
from typing import Literal

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.warp import rio_reproject

from stfuse.checks import require_outline
from stfuse.task import FloatArray, Series

Kernel = Literal["nearest", "bilinear", "cubic", "cubic_spline", "lanczos", "average"]

# Source positions are rounded to this share of a pixel. A power of two adds to whole pixels without
# rounding, so a crop of a scene is resampled to the very same bits as the scene itself.
POSITION_STEP = 2.0**-20


# odc-geo hides this (its arrays are no files) for the time of a call; threads undo each other's hiding.
warnings.filterwarnings("ignore", message="Dataset has no geotransform")


def site_grid(crs: str, bounds: tuple[float, float, float, float], resolution: float) -> GeoBox:
    """The grid of a site at one resolution, anchored at the top left corner of its bounds.

    All grids of a site share that corner, so a coarse grid with a whole ratio nests in the fine one.
    The last row and column may reach over the bounds when they are no whole number of pixels.

    Parameters
    ----------
    crs : str
        Anything PROJ understands, projected, in metres.
    bounds : (left, bottom, right, top)
        In metres.
    resolution : float
        Pixel size in metres.

    Raises
    ------
    InputError
        If the CRS is unknown or not a projected one in metres, or the bounds are empty or reversed.
    """
    require_outline(crs, bounds)
    left, bottom, right, top = bounds
    # The tiny slack keeps 640 m / (640/3) m at three pixels, not four.
    height = math.ceil((top - bottom) / resolution - 1e-6)
    width = math.ceil((right - left) / resolution - 1e-6)
    return GeoBox((height, width), Affine(resolution, 0, left, 0, -resolution, top), crs)


def same_grid(one: GeoBox, other: GeoBox) -> bool:
    """Whether the pixels of two grids are the same ground, but for what a file's rounding of its corner leaves."""
    return bool(one.shape == other.shape and one.crs == other.crs and one.affine.almost_equals(other.affine, 1e-6))


def coarser(grid: GeoBox, factor: float) -> GeoBox:
    """The grid with pixels `factor` times as large, same top left corner, covering `grid`."""
    height, width = (math.ceil(n / factor - 1e-6) for n in grid.shape)
    return GeoBox((height, width), grid.affine @ Affine.scale(factor), grid.crs)


def regrid(
    values: FloatArray, source: GeoBox, target: GeoBox, kernel: Kernel, shift: tuple[float, float] = (0.0, 0.0)
) -> FloatArray:
    """Resample images to another grid; NaN takes no part and stays where nothing is near.

    Parameters
    ----------
    values : ndarray, shape (..., y, x), float32
    source, target : GeoBox
    kernel : str
        GDAL resampling. ``average`` weighs by area, for going to larger pixels.
    shift : (dx, dy)
        Moves the image by so many CRS units east and north, in the same single resampling.

    Returns
    -------
    ndarray, shape (..., target y, target x), float32
    """
    flat = np.ascontiguousarray(values, dtype=np.float32).reshape(-1, *source.shape)
    out = np.full((len(flat), *target.shape), np.nan, np.float32)
    moved = GeoBox(source.shape, Affine.translation(*shift) @ source.affine, source.crs)
    if kernel == "average":
        flat, moved = _surround(flat, moved, target)
    if len(flat):
        rio_reproject(
            flat,
            out,
            moved,
            target,
            kernel,
            src_nodata=np.nan,
            dst_nodata=np.nan,
            ydim=1,
            SRC_COORD_PRECISION=POSITION_STEP,
        )
    return out.reshape(*values.shape[:-2], *target.shape)


def _surround(values: FloatArray, source: GeoBox, target: GeoBox) -> tuple[FloatArray, GeoBox]:
    """Images (image, y, x) with NaN around them as far as the target pixels reach that the source's edge cuts.

    Without it GDAL's mean gives the area that is missing from a cut pixel to the source's last row
    or column, and leaves out target pixels whose centre lies outside.
    """
    to_source = ~source.affine @ target.affine
    if source.crs != target.crs or to_source.b or to_source.d:
        return values, source

    def beyond(scale: float, start: float, count: int, limit: int) -> tuple[int, int]:
        ends = sorted((start, start + scale * count))
        most = math.ceil(abs(scale))  # further out no target pixel touches the source
        before, after = math.ceil(-ends[0] - 1e-6), math.ceil(ends[1] - limit - 1e-6)
        return min(max(before, 0), most), min(max(after, 0), most)

    rows = beyond(to_source.e, to_source.f, target.shape[0], source.shape[0])
    columns = beyond(to_source.a, to_source.c, target.shape[1], source.shape[1])
    if not any(rows + columns):
        return values, source
    padded = np.pad(values, ((0, 0), rows, columns), constant_values=np.float32(np.nan))
    corner = source.affine @ Affine.translation(-columns[0], -rows[0])
    return padded, GeoBox(padded.shape[1:], corner, source.crs)


def degrade(values: FloatArray, source: GeoBox, target: GeoBox, min_valid: float = 0.5) -> FloatArray:
    """Area mean of fine pixels in each larger pixel (the operator D of the Wald protocol).

    The same operator makes training pairs, simulated coarse images and residuals, so that
    no method is trained on one point-spread function and tested on another.

    Parameters
    ----------
    values : ndarray, shape (..., y, x), float32
    min_valid : float
        A target pixel with less than this share of its area observed becomes NaN.

    Returns
    -------
    ndarray, shape (..., target y, target x), float32
    """
    mean = regrid(values, source, target, "average")
    # Area outside the source counts as unobserved: pad by asking how much of each target pixel was seen.
    seen = np.isfinite(values).astype(np.float32)
    share = regrid(seen, source, target, "average")
    share = np.nan_to_num(share) * _inside(source, target)
    mean[share < min_valid] = np.nan
    return mean


def degrade_inside(values: FloatArray, source: GeoBox, target: GeoBox, min_valid: float = 0.5) -> FloatArray:
    """Area mean over what of each larger pixel lies inside the source.

    Unlike `degrade`, which counts the area outside as unobserved, this keeps the larger pixels that the
    scene's edge cuts: without them the last fine rows would have no prediction.

    Parameters
    ----------
    values : ndarray, shape (..., y, x), float32
    min_valid : float
        A target pixel with less than this share of its area inside the source observed becomes NaN.

    Returns
    -------
    ndarray, shape (..., target y, target x), float32
    """
    mean = regrid(values, source, target, "average")
    seen = np.isfinite(values)
    if not seen.all():
        share = regrid(seen.astype(np.float32), source, target, "average")
        mean[~(share >= min_valid)] = np.nan
    return mean


def _inside(source: GeoBox, target: GeoBox) -> FloatArray:
    """Share of each target pixel's area that lies within the source grid, shape (y, x)."""
    to_source = ~source.affine @ target.affine

    def overlap(count: int, scale: float, start: float, limit: int) -> FloatArray:
        edges = np.clip(start + scale * np.arange(count + 1), 0, limit)
        share: FloatArray = (np.abs(np.diff(edges)) / abs(scale)).astype(np.float32)
        return share

    rows = overlap(target.shape[0], to_source.e, to_source.f, source.shape[0])
    columns = overlap(target.shape[1], to_source.a, to_source.c, source.shape[1])
    return np.asarray(rows[:, None] * columns[None, :], np.float32)


def regrid_series(series: Series, target: GeoBox, kernel: Kernel) -> Series:
    """The whole series on another grid."""
    return Series(regrid(series.values, series.grid, target, kernel), series.dates, series.bands, target)


def ndvi(red: FloatArray, nir: FloatArray) -> FloatArray:
    """Normalised difference vegetation index, NaN where the sum is not positive; clipped to -1..1."""
    total = nir + red
    with np.errstate(invalid="ignore", divide="ignore"):
        index = np.where(total > 0, (nir - red) / total, np.nan)
    return np.clip(index, -1.0, 1.0).astype(np.float32)
