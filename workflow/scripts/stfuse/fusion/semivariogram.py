"""The semivariogram of coarse residuals, and the point semivariogram it comes from (deconvolution). Compiled.

Source: Goovaerts 2008, who regularises and deconvolves; the search by least squares is ours.
"""

from __future__ import annotations

from itertools import product
from typing import Literal, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stfuse.task import FloatArray

__all__ = ["Model", "fit_ranges", "fullest", "pair_sums", "range_grid", "regularised", "semivariance"]

Floats = NDArray[np.float64]
Model = Literal["exponential", "spherical"]

DEFAULT_RANGE = 5.0
"""Range in coarse pixels where the residual has too few pairs, or no variance, to tell one."""

FEWEST_PAIRS = 30
"""Pairs that a lag needs to count."""

FEWEST_LAGS = 3
RANGES = 40
"""Ranges tried, evenly spaced in their logarithm: 11 % apart between the default bounds."""

# Sums may be reordered: no tile ever computes them.
_FAST = {"reassoc", "contract", "nsz"}


def semivariance(distance: Floats, reach: float, model: Model) -> Floats:
    """Point semivariogram with sill 1 and no nugget.

    Parameters
    ----------
    distance, reach : ndarray, float
        In the same unit. The reach (range) of the exponential model is where it comes to 95 % of the sill.
    model : {"exponential", "spherical"}
    """
    part = distance / reach
    if model == "spherical":
        part = np.minimum(part, 1.0)
        return 1.5 * part - 0.5 * part**3
    return -np.expm1(-3.0 * part)


def fullest(layers: FloatArray, side: int) -> FloatArray:
    """The window in which most cells are observed in every layer, copied.

    Parameters
    ----------
    layers : ndarray, shape (layer, y, x)
    side : int
        Cells; the windows begin half of it apart, and are smaller where the layers are.
    """
    known = np.asarray(np.isfinite(layers).all(axis=0))
    corners = product(*(range(0, max(n - side, 0) + 1, side // 2) for n in known.shape))
    windows = [(slice(y, y + side), slice(x, x + side)) for y, x in corners]
    best = max(windows, key=lambda window: int(known[window].sum()))
    return layers[:, *best].copy()


def pair_sums(residual: FloatArray, lags: int) -> tuple[Floats, Floats]:
    """Squared differences between cells, by offset: what the areal semivariogram is made of.

    Parameters
    ----------
    residual : ndarray, shape (band, y, x), float32
        On the coarse grid; NaN takes no part.
    lags : int
        Longest lag, coarse pixels.

    Returns
    -------
    sums, counts : ndarray, shape (band, lags + 1, lags + 1), float64
        By rows and columns between the two cells of a pair, either way.
    """
    sums = np.zeros((len(residual), lags + 1, lags + 1))
    counts = np.zeros_like(sums)
    _pair_sums(residual, sums, counts)
    return sums, counts


@njit(nogil=True, cache=True, fastmath=_FAST)  # type: ignore[untyped-decorator]
def _pair_sums(residual: FloatArray, sums: Floats, counts: Floats) -> None:
    bands, height, width = residual.shape
    lags = sums.shape[1] - 1
    furthest = min(lags, width - 1)
    for b in range(bands):
        for dy in range(min(lags, height - 1) + 1):
            for dx in range(-furthest if dy > 0 else 1, furthest + 1):
                if dy * dy + dx * dx > (lags + 0.5) ** 2:
                    continue
                first, last = max(-dx, 0), min(width, width - dx)
                for y in range(height - dy):
                    here, there = residual[b, y, first:last], residual[b, y + dy, first + dx : last + dx]
                    total, number = np.float32(0), 0
                    for x in range(len(here)):
                        d = there[x] - here[x]
                        known = d == d
                        total += d * d if known else np.float32(0)
                        number += known
                    sums[b, dy, abs(dx)] += total
                    counts[b, dy, abs(dx)] += number


def regularised(lags: int, points: int, ranges: Floats, model: Model) -> Floats:
    """Areal semivariogram of cells for a point semivariogram with sill 1 (Goovaerts 2008).

    ``gamma_V(h) = mean gamma_v(V, V_h) - mean gamma_v(V, V)``, cells as ``points x points`` points. The
    distances of two rows of points have triangular weights, so the means are two products of matrices.

    Parameters
    ----------
    lags : int
        Longest lag, coarse pixels.
    points : int
        Points of a cell a side.
    ranges : ndarray, shape (range,), float64
        Coarse pixels.
    model : {"exponential", "spherical"}

    Returns
    -------
    ndarray, shape (range, lags + 1, lags + 1), float64
        By rows and columns between the two cells.
    """
    steps = np.arange(-points + 1, points)
    weights = np.zeros((lags + 1, (lags + 1) * points))
    for lag in range(lags + 1):
        np.add.at(weights[lag], np.abs(lag * points + steps), (points - np.abs(steps)) / points**2)
    away = np.arange(weights.shape[1]) / points
    distance = np.hypot(away[:, None], away[None, :])
    mean = np.stack([weights @ semivariance(distance, reach, model) @ weights.T for reach in ranges])
    return mean - mean[:, :1, :1]


def range_grid(shortest: float, longest: float) -> Floats:
    """The ranges that are tried, coarse pixels, shape (range,)."""
    return np.geomspace(shortest, longest, RANGES)


def fit_ranges(sums: Floats, counts: Floats, ranges: Floats, theory: Floats) -> tuple[Floats, Floats]:
    """Deconvolve: the point semivariogram whose regularised form is nearest to the areal one.

    Lags are isotropic bins one coarse pixel wide, weighted by pairs / distance^2. The regularised semivariogram
    is proportional to the sill, so for each range the best sill is known at once: only ranges are searched.

    Parameters
    ----------
    sums, counts : ndarray, shape (..., lags + 1, lags + 1), float64
        From `pair_sums`, added up over the scene.
    ranges : ndarray, shape (range,), float64
        Those to choose from, coarse pixels.
    theory : ndarray, shape (range, lags + 1, lags + 1), float64
        From `regularised`, for these ranges.

    Returns
    -------
    reach, sill : ndarray, shape (...), float64
        `DEFAULT_RANGE` (or the range nearest to it) and 0 where the residual does not tell.
    """
    lags = sums.shape[-1] - 1
    distance = np.hypot(*np.indices((lags + 1, lags + 1)))
    bins = np.rint(distance).astype(int)
    inside = (distance > 0) & (bins <= lags)
    default = float(ranges[np.argmin(np.abs(np.log(ranges / DEFAULT_RANGE)))])
    reach, sill = np.full(sums.shape[:-2], default), np.zeros(sums.shape[:-2])

    def binned(values: Floats) -> Floats:
        return cast(Floats, np.bincount(bins[inside], values[inside], minlength=lags + 1)[1:])

    for at in np.ndindex(*sums.shape[:-2]):
        pairs = binned(counts[at])
        used = pairs >= FEWEST_PAIRS
        if used.sum() < FEWEST_LAGS or not sums[at].any():
            continue
        pairs = pairs[used]
        seen = binned(sums[at])[used] / (2 * pairs)
        expected = np.stack([binned(counts[at] * of_range)[used] for of_range in theory]) / pairs
        weight = pairs / (binned(counts[at] * distance)[used] / pairs) ** 2
        sills = (weight * seen * expected).sum(axis=1) / (weight * expected**2).sum(axis=1)
        best = int(np.argmin((weight * (seen - sills[:, None] * expected) ** 2).sum(axis=1)))
        reach[at], sill[at] = ranges[best], sills[best]
    return reach, sill
