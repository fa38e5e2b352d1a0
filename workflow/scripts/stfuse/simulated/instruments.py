"""What optical sensors share: bands and grids, where the sun stands, and how a pixel gathers its light."""

# ruff: noqa: ANN001, ANN202 - numba infers the types of what it compiles

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
from affine import Affine
from numba import njit
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import sparse
from scipy.special import erf

from stfuse.task import FloatArray

SENTINEL2_HOUR = 10.7
"""Local solar time of Sentinel-2's overpass in hours; the truth has the sun where it stands then."""


@dataclass(frozen=True)
class Channel:
    """One band of an instrument.

    Attributes
    ----------
    band : str
        STAC common name, also the asset's key.
    label : str
        The band's name in file names (``B04``, ``SR_B4``).
    pixel : float
        Metres.
    noise : float
        Standard deviation of the noise at reflectance 0; to it come 0.4 % of the signal.
    """

    band: str
    label: str
    pixel: float
    noise: float


@dataclass(frozen=True)
class Instrument:
    """One optical sensor.

    Attributes
    ----------
    name : str
        The sensor's; also the key of its draws.
    hour : float
        Local solar time of the overpass in hours.
    origin : float
        Metres by which pixel edges are off the multiples of the pixel size.
    blur : float
        Standard deviation of the blur beyond the pixel's area, in pixels.
    mask_pixel : float
        Metres.
    channels : tuple of Channel
    lines : mapping of band to (slope, offset)
        Its reflectance = slope * Sentinel-2's + offset; bands that are not named are alike.
    spread : float
        Relative standard deviation of a class from that line.
    shift : (bias, jitter, largest)
        Metres: displacement common to all scenes, standard deviation of each scene's own, bound of both together.
    """

    name: str
    hour: float
    origin: float
    blur: float
    mask_pixel: float
    channels: tuple[Channel, ...]
    lines: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    spread: float = 0.0
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)


def overpass_time(hour: float, day: date, longitude: float) -> datetime:
    """When a sensor passes over, UTC; `hour` is local solar time, `day` the UTC day, as archives have it."""
    seconds = round((hour - longitude / 15) * 3600) % 86_400
    return datetime(day.year, day.month, day.day) + timedelta(seconds=seconds)


def delivered_grid(
    bounds: tuple[float, float, float, float], crs: str, pixel: float, instrument: Instrument, margin: float
) -> GeoBox:
    """The sensor's own grid over the site and a margin.

    All bands of one sensor cover nearly the same ground: the window is snapped to its coarsest pixels. A band of half
    their size begins half a small pixel inside, as Landsat's panchromatic band does, if pixel centres are aligned.

    Parameters
    ----------
    bounds : (left, bottom, right, top)
        The site's.
    pixel : float
        Metres.
    margin : float
        Metres, at least.
    """
    coarsest = max(c.pixel for c in instrument.channels)
    origin = instrument.origin

    def snap(value: float, outwards: int) -> float:
        steps = (value - origin) / coarsest
        return origin + coarsest * (math.ceil(steps) if outwards > 0 else math.floor(steps))

    left, bottom = (snap(v - margin, -1) for v in bounds[:2])
    right, top = (snap(v + margin, 1) for v in bounds[2:])
    inset = pixel / 2 if origin and pixel < coarsest else 0.0
    width, height = (round((b - a - 2 * inset) / pixel) for a, b in ((left, right), (bottom, top)))
    return GeoBox((height, width), Affine(pixel, 0, left + inset, 0, -pixel, top - inset), crs)


def crop(grid: GeoBox, bounds: tuple[float, float, float, float], margin: float) -> tuple[slice, slice]:
    """Rows and columns of a north-up grid that hold bounds and a margin in metres, as far as the grid reaches."""
    left, bottom, right, top = bounds
    step = abs(grid.resolution.x)
    x, y = grid.affine.c, grid.affine.f
    rows = math.floor((y - top - margin) / step), math.ceil((y - bottom + margin) / step)
    columns = math.floor((left - margin - x) / step), math.ceil((right + margin - x) / step)
    return (
        slice(max(0, rows[0]), min(int(grid.height), rows[1])),
        slice(max(0, columns[0]), min(int(grid.width), columns[1])),
    )


def gather(
    values: FloatArray, source: GeoBox, target: GeoBox, blur: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)
) -> FloatArray:
    """What the pixels of a sensor gather of an image: area mean, blurred by a Gaussian.

    Exact for square source pixels of even brightness, whatever the ratio and offset of the grids; rows and columns are
    weighted apart from one another.

    Parameters
    ----------
    values : ndarray, shape (..., y, x)
    source, target : GeoBox
        Of the same CRS, north up. The target must lie within the source.
    blur : float
        Standard deviation in target pixels.
    shift : (dx, dy)
        Metres east and north by which the sensor's image is displaced: a mark at x appears at x + dx.
    """
    down, across = gather_weights(source, target, blur, shift)
    flat = np.ascontiguousarray(values, np.float32).reshape(-1, *source.shape)
    out = np.empty((len(flat), *target.shape), np.float32)
    for image, gathered in zip(flat, out, strict=True):
        _gather(image, *down, *across, gathered)
    return out.reshape(*values.shape[:-2], *target.shape)


Weights = tuple[NDArray[np.int64], FloatArray]
"""First input cell of every output pixel, and the shares of it and its followers in the pixel, shape (output, cell)."""


def gather_weights(
    source: GeoBox, target: GeoBox, blur: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)
) -> tuple[Weights, Weights]:
    """Weights of rows and of columns; see `gather`."""
    pixel, step = abs(target.resolution.x), abs(source.resolution.x)
    left = (target.affine.c - source.affine.c - shift[0]) / step
    top = (source.affine.f - target.affine.f + shift[1]) / step
    ratio, sigma = pixel / step, blur * pixel / step
    down = _weights(int(source.height), int(target.height), top, ratio, sigma)
    return down, _weights(int(source.width), int(target.width), left, ratio, sigma)


def mean_matrix(source: GeoBox, target: GeoBox) -> Any:
    """`gather` without blur as a sparse matrix, shape (target pixel, source pixel)."""

    def matrix(weights: Weights, inputs: int) -> Any:
        first, shares = weights
        rows = np.repeat(np.arange(len(first)), shares.shape[1])
        columns = (first[:, None] + np.arange(shares.shape[1])).ravel()
        return sparse.coo_matrix((shares.ravel(), (rows, columns)), (len(first), inputs)).tocsr()

    down, across = gather_weights(source, target)
    found = sparse.kron(matrix(down, int(source.height)), matrix(across, int(source.width)), "csr")
    found.eliminate_zeros()
    return found


@lru_cache(maxsize=64)
def _weights(inputs: int, outputs: int, start: float, ratio: float, sigma: float) -> Weights:
    """Share of each input cell in each output pixel, rows summing to 1."""
    low = start + ratio * np.arange(outputs)
    far = 5.5 * sigma  # beyond it lies less than 1e-7
    count = min(inputs, math.ceil(ratio + 2 * far) + 1)
    first = np.clip(np.floor(low - far + 1e-9), 0, inputs - count).astype(np.int64)
    edges = first[:, None] + np.arange(count + 1)
    if sigma > 0:
        # The integral of a box blurred by a Gaussian is a difference of integrals of the normal distribution.
        near, beyond = (edges - low[:, None]) / sigma, (edges - low[:, None] - ratio) / sigma
        filled = sigma * (_normal_integral(near) - _normal_integral(beyond))
    else:
        filled = np.clip(edges - low[:, None], 0, ratio)
    weights = np.diff(filled, axis=1)
    weights[weights < 1e-7] = 0
    return first, (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _normal_integral(z: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(z * 0.5 * (1 + erf(z / math.sqrt(2))) + np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi))


@njit(cache=True, nogil=True)
def _gather(image, row_first, row_shares, column_first, column_shares, out):  # type: ignore[no-untyped-def]
    line = np.empty(image.shape[1], np.float32)
    for i in range(out.shape[0]):
        line[:] = 0.0
        for k in range(row_shares.shape[1]):
            share = row_shares[i, k]
            if share != 0.0:
                row = image[row_first[i] + k]
                for j in range(line.size):
                    line[j] += share * row[j]
        for j in range(out.shape[1]):
            total = np.float32(0.0)
            for k in range(column_shares.shape[1]):
                total += column_shares[j, k] * line[column_first[j] + k]
            out[i, j] = total
