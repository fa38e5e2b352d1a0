"""How alike two sensors' images of one day are, and how near an image comes to the truth of a simulated place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from stfuse.grid import degrade
from stfuse.harmonisation.daylines import reduced_major_axis
from stfuse.task import FloatArray

WHOLE = 0.99  # share of a coarse pixel that the finer sensor must have seen


@dataclass(frozen=True)
class Agreement:
    """How one band's pixels compare with their reference's.

    Attributes
    ----------
    n : int
        Pixels.
    r : float
        Correlation.
    slope : float
        Of the reduced major axis, ``reference = slope * observed + offset``: how their contrasts compare, whatever the
        noise.
    bias : float
        Mean of observed - reference, reflectance.
    rmse : float
        Root mean square of observed - reference, reflectance.
    """

    n: int
    r: float
    slope: float
    bias: float
    rmse: float


def compare(observed: NDArray[np.floating], reference: NDArray[np.floating]) -> Agreement:
    """Compare the pixels of two images that both show; NaN where there is nothing to tell.

    Parameters
    ----------
    observed, reference : ndarray of one shape
        Reflectance, NaN = not observed.
    """
    both = np.isfinite(observed) & np.isfinite(reference)
    x, y = observed[both].astype(np.float64), reference[both].astype(np.float64)
    if len(x) < 3:
        return Agreement(len(x), math.nan, math.nan, math.nan, math.nan)
    varies = x.std() > 1e-6 and y.std() > 1e-6
    r = float(np.corrcoef(x, y)[0, 1]) if varies else math.nan
    slope = reduced_major_axis(x, y)[0] if varies else math.nan
    return Agreement(len(x), r, slope, float((x - y).mean()), float(np.sqrt(((x - y) ** 2).mean())))


def pool(parts: Sequence[Agreement]) -> tuple[int, float, float]:
    """Pixels, bias and root mean square error of several comparisons taken together."""
    known = [part for part in parts if part.n and math.isfinite(part.rmse)]
    n = sum(part.n for part in known)
    if not n:
        return 0, math.nan, math.nan
    bias = sum(part.n * part.bias for part in known) / n
    return n, bias, math.sqrt(sum(part.n * part.rmse**2 for part in known) / n)


Image = tuple[FloatArray, Sequence[str], GeoBox]
"""Values (band, y, x), bands and grid, as `stfuse.raster.read_image` gives them."""


def on_coarser(images: Sequence[tuple[Image, Image]], bands: Sequence[str]) -> list[tuple[FloatArray, FloatArray]]:
    """Pairs of images on the coarser grid of the two by area mean, with the pixels that every pair shows in every band.

    So what is compared before and after a treatment are the same pixels.

    Parameters
    ----------
    images : sequence of (image, image)
        All first ones on one grid, all second ones on one grid.
    bands : sequence of str

    Returns
    -------
    list of (ndarray, ndarray)
        Of shape (band, y, x), float32, NaN elsewhere.
    """
    found = []
    for pair in images:
        target = max((grid for *_, grid in pair), key=_pixel)
        found.append([_brought(image, bands, target) for image in pair])
    seen = np.isfinite([part for pair in found for part in pair]).all(axis=(0, 1))
    first, second = ([np.where(seen, part, np.float32(np.nan)) for part in parts] for parts in zip(*found, strict=True))
    return list(zip(first, second, strict=True))


def _pixel(grid: GeoBox) -> float:
    return abs(float(grid.resolution.x))


def _brought(image: Image, bands: Sequence[str], target: GeoBox) -> FloatArray:
    values, names, grid = image
    chosen = values[[names.index(band) for band in bands]]
    return chosen if grid == target else degrade(chosen, grid, target, min_valid=WHOLE)


def adjusted_anew(
    values: FloatArray, used: Sequence[Mapping[str, float]], other: Sequence[Mapping[str, float]]
) -> FloatArray:
    """An image (band, y, x) as other band lines would have made it; `used` are those that it was made with."""

    def column(lines: Sequence[Mapping[str, float]], key: str) -> FloatArray:
        return np.array([line[key] for line in lines], np.float32)[:, None, None]

    delivered = (values - column(used, "offset")) / column(used, "slope")
    return np.asarray(delivered * column(other, "slope") + column(other, "offset"), np.float32)
