"""The double logistic curve of a season, its derivatives and its transition dates, all analytic.

    y(t) = base + amplitude [ 1 / (1 + exp(-k1 (t - t1))) - 1 / (1 + exp(-k2 (t - t2))) ]

Time is in days throughout: curvature, and with it the dates, would change with another unit.
"""

# ruff: noqa: ANN001, ANN202 - numba infers the types of what it compiles; mypy sees to the rest

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike, NDArray

CURVE_NAMES = ("base", "amplitude", "k1", "t1", "k2", "t2")
DATE_NAMES = ("date1", "date2", "date3", "date4", "date5", "date6")
DATE_WORDS = {
    "date1": "green-up starts",
    "date2": "fastest green-up",
    "date3": "green-up ends",
    "date4": "senescence starts",
    "date5": "fastest senescence",
    "date6": "senescence ends",
}

# Half-distances from a limb's middle, in units of 1 / k, within which its extrema are sought. Those of a single
# limb of small amplitude lie at 0 and +-ln(5 + 2 sqrt 6) = 2.2924; the other limb moves them.
_REACH = 8.0
_SCAN = 64
_BISECTIONS = 45

Float64Array = NDArray[np.float64]


@njit(cache=True)
def _limb(t, k, middle):  # type: ignore[no-untyped-def]
    """Return derivatives 1 to 4 of a logistic s: s' = k s (1 - s), and that rule again and again."""
    s = 1.0 / (1.0 + math.exp(-k * (t - middle)))
    u = s * (1.0 - s)
    d1 = k * u
    d2 = k * d1 * (1.0 - 2.0 * s)
    d3 = k * k * d1 * (1.0 - 6.0 * u)
    d4 = k * k * d2 * (1.0 - 12.0 * u)
    return d1, d2, d3, d4


@njit(cache=True)
def _slopes_at(t, curve):  # type: ignore[no-untyped-def]
    """Return y', y'', y''', y'''' at day `t`."""
    a1, a2, a3, a4 = _limb(t, curve[2], curve[3])
    b1, b2, b3, b4 = _limb(t, curve[4], curve[5])
    a = curve[1]
    return a * (a1 - b1), a * (a2 - b2), a * (a3 - b3), a * (a4 - b4)


@njit(cache=True)
def _curvature_change(t, curve):  # type: ignore[no-untyped-def]
    """K' and K'' of the curvature K = y'' / (1 + y'^2)^(3/2)."""
    y1, y2, y3, y4 = _slopes_at(t, curve)
    q = 1.0 + y1 * y1
    root = math.sqrt(q)
    first = (y3 - 3.0 * y1 * y2 * y2 / q) / (q * root)
    second = (y4 - (9.0 * y1 * y2 * y3 + 3.0 * y2**3) / q + 15.0 * y1 * y1 * y2**3 / (q * q)) / (q * root)
    return first, second


@njit(cache=True)
def _slope_of(t, curve, order):  # type: ignore[no-untyped-def]
    """Return what vanishes at an extremum of y' (order 1: y'') or of K' (order 2: K'')."""
    if order == 1:
        return _slopes_at(t, curve)[1]
    return _curvature_change(t, curve)[1]


@njit(cache=True)
def _extremum(curve, order, low, high, sign, last):  # type: ignore[no-untyped-def]
    """Find the first (or last) maximum (sign +1) or minimum (-1) of y' or K' in low..high; NaN if there is none."""
    found_low, found_high = math.nan, math.nan
    step = (high - low) / _SCAN
    before = sign * _slope_of(low, curve, order)
    for i in range(1, _SCAN + 1):
        after = sign * _slope_of(low + i * step, curve, order)
        if before > 0.0 and after <= 0.0:
            found_low, found_high = low + (i - 1) * step, low + i * step
            if not last:
                break
        before = after
    if math.isnan(found_low):
        return math.nan
    for _ in range(_BISECTIONS):
        middle = 0.5 * (found_low + found_high)
        if sign * _slope_of(middle, curve, order) > 0.0:
            found_low = middle
        else:
            found_high = middle
    return 0.5 * (found_low + found_high)


@njit(cache=True)
def _dates_of(curve, out):  # type: ignore[no-untyped-def]
    """Write the six transition dates of one curve to `out`, NaN where a limb does not show one."""
    k1, t1, k2, t2 = curve[2], curve[3], curve[4], curve[5]
    top = 0.5 * (t1 + t2)
    out[1] = _extremum(curve, 1, t1 - 2.0 / k1, min(t1 + 2.0 / k1, top), 1.0, False)
    out[4] = _extremum(curve, 1, max(t2 - 2.0 / k2, top), t2 + 2.0 / k2, -1.0, True)
    out[0] = _extremum(curve, 2, t1 - _REACH / k1, t1, 1.0, True)
    out[5] = _extremum(curve, 2, t2, t2 + _REACH / k2, -1.0, False)
    # Between the limbs' middles K' runs minimum, maximum (green-up ends), minimum (senescence starts), maximum.
    # Where the limbs are too near each other the inner two cancel, and neither date exists.
    out[2] = _extremum(curve, 2, t1, min(t1 + _REACH / k1, t2), 1.0, False)
    out[3] = _extremum(curve, 2, max(t2 - _REACH / k2, t1), t2, -1.0, True)
    if not out[2] < out[3]:
        out[2], out[3] = math.nan, math.nan


@njit(parallel=True, cache=True)
def _all_dates(curves, out):  # type: ignore[no-untyped-def]
    for i in prange(len(curves)):
        if math.isnan(curves[i].sum()):
            out[i] = math.nan
        else:
            _dates_of(curves[i], out[i])


def double_logistic(days: ArrayLike, curve: ArrayLike) -> Float64Array:
    """Value of the curve.

    Parameters
    ----------
    days : array_like
    curve : array_like, shape (6,)
        base, amplitude, k1 (1/day), t1 (day), k2 (1/day), t2 (day).

    Returns
    -------
    ndarray, shape of `days`, float64
    """
    t = np.asarray(days, np.float64)
    base, amplitude, k1, t1, k2, t2 = np.asarray(curve, np.float64)
    rise, fall = (1 / (1 + np.exp(-np.clip(k * (t - m), -700, 700))) for k, m in ((k1, t1), (k2, t2)))
    return np.asarray(base + amplitude * (rise - fall))


def derivatives(days: ArrayLike, curve: ArrayLike) -> Float64Array:
    """First to fourth derivative of the curve by day, shape (4, *days), float64."""
    t, c = np.asarray(days, np.float64), np.asarray(curve, np.float64)
    return np.array([_slopes_at(x, c) for x in t.ravel()]).T.reshape(4, *t.shape)


def curvature_change(days: ArrayLike, curve: ArrayLike) -> Float64Array:
    """K' and K'' of the curvature K = y'' / (1 + y'^2)^(3/2), shape (2, *days), float64."""
    t, c = np.asarray(days, np.float64), np.asarray(curve, np.float64)
    return np.array([_curvature_change(x, c) for x in t.ravel()]).T.reshape(2, *t.shape)


def transition_dates(curves: ArrayLike) -> Float64Array:
    """Find the six transition dates of double logistic curves.

    The fastest green-up and senescence are the extrema of y'; each limb's start and end are
    the extrema of the curvature's rate of change K' beside it (maxima of the rising limb,
    minima of the falling one).

    Parameters
    ----------
    curves : array_like, shape (..., 6)
        base, amplitude, k1, t1, k2, t2, see `double_logistic`; NaN = no curve.

    Returns
    -------
    ndarray, shape (..., 6), float64
        In the order of `DATE_NAMES`, in the days of t1 and t2; NaN where a date does not exist,
        e.g. in seasons too short for the green-up to end before senescence starts.

    References
    ----------
    Zhang et al. 2003 (doi:10.1016/S0034-4257(02)00135-9); Diao 2020 (doi:10.1016/j.rse.2020.111960),
    as used in Yang et al. 2021, section 2.6.
    """
    given = np.asarray(curves, np.float64)
    flat = np.ascontiguousarray(given.reshape(-1, len(CURVE_NAMES)))
    out = np.full((len(flat), len(DATE_NAMES)), np.nan)
    _all_dates(flat, out)
    return out.reshape(*given.shape[:-1], len(DATE_NAMES))
