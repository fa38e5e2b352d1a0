"""Savitzky-Golay smoothing of series on a regular step, for many pixels at once."""

# ruff: noqa: ANN001, ANN202 - numba infers the types of what it compiles; mypy sees to the rest

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]

TREND_WIDTHS, TREND_DEGREES = (4, 5, 6, 7), (2, 3, 4)
"""Half widths and degrees tried for the long-term trend (Chen et al. 2004, section 3)."""
FIT_WIDTH, FIT_DEGREE = 4, 6
"""Half width and degree of every later fit."""


def filter_matrix(steps: int, half_width: int, degree: int) -> Float64Array:
    """The Savitzky-Golay filter as a matrix: smooth = matrix @ series.

    Every row fits a polynomial to the steps within `half_width`; near the ends the window
    keeps its length and is pushed inwards, so that polynomials up to `degree` pass unchanged everywhere.

    Parameters
    ----------
    steps : int
        Length of the series.
    half_width : int
        Steps on each side of the centre.
    degree : int
        Of the polynomial, less than the window's length.

    Returns
    -------
    ndarray, shape (steps, steps), float64

    Raises
    ------
    ValueError
        If the series or the window is too short for the degree.
    """
    width = min(2 * half_width + 1, steps)
    if degree >= width:
        raise ValueError(f"Degree {degree} needs a window of more than {degree} steps, found {width} of {steps} steps.")
    matrix = np.zeros((steps, steps))
    for i in range(steps):
        first = min(max(i - half_width, 0), steps - width)
        # Positions relative to the centre and scaled to about 1: the sixth power of a whole window is ill-conditioned.
        x = (np.arange(first, first + width) - i) / max(half_width, 1)
        matrix[i, first : first + width] = np.linalg.pinv(np.vander(x, degree + 1, increasing=True))[0]
    return matrix


@njit(parallel=True, cache=True)
def _weighted(series, weights, half_width, degree, out):  # type: ignore[no-untyped-def]
    """Local weighted polynomials, series as (pixel, step): normal equations solved by Cholesky at each step."""
    steps, terms = series.shape[1], degree + 1
    width = min(2 * half_width + 1, steps)
    for p in prange(len(series)):
        normal, right = np.empty((terms, terms)), np.empty(terms)
        moments, powers = np.empty(2 * degree + 1), np.empty(2 * degree + 1)
        for i in range(steps):
            first = min(max(i - half_width, 0), steps - width)
            moments[:] = 0.0
            right[:] = 0.0
            for j in range(first, first + width):
                x = (j - i) / half_width
                power = weights[p, j]
                for a in range(2 * degree + 1):
                    powers[a] = power
                    power *= x
                moments += powers
                right += powers[:terms] * series[p, j]
            for a in range(terms):
                for b in range(terms):
                    normal[a, b] = moments[a + b]
            out[p, i] = _first_unknown(normal, right)


@njit(cache=True)
def _first_unknown(normal, right):  # type: ignore[no-untyped-def]
    """First unknown of a symmetric positive definite system; both arguments are overwritten."""
    n = len(right)
    for a in range(n):
        for b in range(a + 1):
            total = normal[a, b]
            for c in range(b):
                total -= normal[a, c] * normal[b, c]
            if a == b:
                if total <= 0.0:
                    return np.nan
                normal[a, a] = np.sqrt(total)
            else:
                normal[a, b] = total / normal[b, b]
    for a in range(n):
        for c in range(a):
            right[a] -= normal[a, c] * right[c]
        right[a] /= normal[a, a]
    for a in range(n - 1, -1, -1):
        for c in range(a + 1, n):
            right[a] -= normal[c, a] * right[c]
        right[a] /= normal[a, a]
    return right[0]


def weighted_savitzky_golay(
    series: NDArray[np.floating], weights: NDArray[np.floating], half_width: int, degree: int
) -> Float64Array:
    """Savitzky-Golay with a weight for every value: locally weighted polynomials.

    Parameters
    ----------
    series : ndarray, shape (step, ...)
        Without gaps; a series with NaN stays NaN.
    weights : ndarray, shape of `series`
        Positive; the less a value is trusted (an interpolated one), the smaller.
    half_width, degree : int
        Steps on each side, and degree of the polynomial.

    Returns
    -------
    ndarray, shape of `series`, float64

    Raises
    ------
    ValueError
        If the window is too short for the degree, or a weight is not positive.
    """
    if degree >= min(2 * half_width + 1, len(series)):
        raise ValueError(f"Degree {degree} needs a longer window than {2 * half_width + 1} of {len(series)} steps.")
    if not np.all(weights > 0):
        raise ValueError("Weights of a Savitzky-Golay filter must be positive: give untrusted values a small one.")
    flat = _pixels_first(series)
    out = np.empty_like(flat)
    _weighted(flat, _pixels_first(weights), half_width, degree, out)
    return out.T.reshape(series.shape)


def _pixels_first(values: NDArray[np.floating]) -> Float64Array:
    return np.ascontiguousarray(values.reshape(len(values), -1).T, np.float64)


def upper_envelope(series: NDArray[np.floating], max_rounds: int = 20) -> Float64Array:
    """The reconstruction of Chen et al. 2004: clouds only ever lower NDVI, so the curve is lifted to its envelope.

    Biased high where values fall for good reasons, as after cuts and harvests.

    Parameters
    ----------
    series : ndarray, shape (step, ...)
        NDVI on a regular step, gaps interpolated; a series with NaN stays NaN.
    max_rounds : int
        Fits at most, should the fitting effect not pass a minimum before.

    Returns
    -------
    ndarray, shape of `series`, float64

    References
    ----------
    Chen et al. 2004 (doi:10.1016/j.rse.2004.03.014), section 3, steps 2 to 5; used by Htitiou et al. 2020, section 4.2.
    """
    original = np.asarray(series, np.float64).reshape(len(series), -1)
    trend = _trend(original)
    weights = trend_weights(original, trend)
    fit = filter_matrix(len(original), FIT_WIDTH, FIT_DEGREE)
    best, least = trend.copy(), np.full(original.shape[1], np.inf)
    running = np.isfinite(original).all(axis=0)
    best[:, ~running] = np.nan
    current = np.maximum(original, trend)
    for _ in range(max_rounds):
        if not running.any():
            break
        current = fit @ current
        effect = (np.abs(current - original) * weights).sum(axis=0)
        # Each pixel stops for itself at the first minimum: F(k-1) >= F(k) <= F(k+1).
        running &= effect < least
        best[:, running], least[running] = current[:, running], effect[running]
        current = np.maximum(original, current)
    return best.reshape(series.shape)


def trend_weights(original: Float64Array, trend: Float64Array) -> Float64Array:
    """Weights W: 1 on and above the trend, falling to 0 at the value farthest from it (Chen et al. 2004, equation 3).

    Parameters
    ----------
    original, trend : ndarray, shape (step, pixel)

    Returns
    -------
    ndarray, shape (step, pixel), within 0..1
    """
    distance = np.abs(original - trend)
    farthest = np.maximum(distance.max(axis=0), np.finfo(float).tiny)
    return np.where(original >= trend, 1.0, 1.0 - distance / farthest)


def _trend(original: Float64Array) -> Float64Array:
    """Per pixel the Savitzky-Golay curve, of all widths and degrees tried, that is nearest to the series."""
    best, least = np.full_like(original, np.nan), np.full(original.shape[1], np.inf)
    for half_width in TREND_WIDTHS:
        for degree in TREND_DEGREES:
            curve = filter_matrix(len(original), half_width, degree) @ original
            misfit = ((curve - original) ** 2).sum(axis=0)
            better = misfit < least
            best[:, better], least[better] = curve[:, better], misfit[better]
    return best
