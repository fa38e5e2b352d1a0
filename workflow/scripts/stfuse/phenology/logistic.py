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
_SCAN = 32
_NARROWINGS = 60  # at most; six to eight do
_EXACT = 1e-10  # days

Float64Array = NDArray[np.float64]


@njit(cache=True)
def _limb(t, k, middle):  # type: ignore[no-untyped-def]
    """Return derivatives 1 to 5 of a logistic s: s' = k s (1 - s), and that rule again and again."""
    s = 1.0 / (1.0 + math.exp(-k * (t - middle)))
    u = s * (1.0 - s)
    d1 = k * u
    d2 = k * d1 * (1.0 - 2.0 * s)
    d3 = k * k * d1 * (1.0 - 6.0 * u)
    d4 = k * k * d2 * (1.0 - 12.0 * u)
    d5 = k**4 * d1 * (1.0 - 30.0 * u + 120.0 * u * u)
    return d1, d2, d3, d4, d5


@njit(cache=True)
def _slopes_at(t, curve):  # type: ignore[no-untyped-def]
    """Return y', y'', y''', y'''' and y''''' at day `t`."""
    a1, a2, a3, a4, a5 = _limb(t, curve[2], curve[3])
    b1, b2, b3, b4, b5 = _limb(t, curve[4], curve[5])
    a = curve[1]
    return a * (a1 - b1), a * (a2 - b2), a * (a3 - b3), a * (a4 - b4), a * (a5 - b5)


@njit(cache=True)
def _curvature_change(t, curve):  # type: ignore[no-untyped-def]
    """K' and K'' of the curvature K = y'' / (1 + y'^2)^(3/2)."""
    y1, y2, y3, y4, _ = _slopes_at(t, curve)
    q = 1.0 + y1 * y1
    root = math.sqrt(q)
    first = (y3 - 3.0 * y1 * y2 * y2 / q) / (q * root)
    second = (y4 - (9.0 * y1 * y2 * y3 + 3.0 * y2**3) / q + 15.0 * y1 * y1 * y2**3 / (q * q)) / (q * root)
    return first, second


@njit(cache=True)
def _slope_of(t, curve, order):  # type: ignore[no-untyped-def]
    """Return what vanishes at an extremum of y (order 0: y'), of y' (order 1: y'') or of K' (order 2: K'')."""
    if order == 0:
        return _slopes_at(t, curve)[0]
    if order == 1:
        return _slopes_at(t, curve)[1]
    return _curvature_change(t, curve)[1]


@njit(cache=True)
def _extremum(curve, order, start, end, sign):  # type: ignore[no-untyped-def]
    """Find the maximum (sign +1) or minimum (-1) of y, y' or K' that comes first from `start` to `end`; NaN if none."""
    step = (end - start) / _SCAN
    # Ahead, a maximum's slope goes from + to -; looking back in time, the other way round.
    sign = sign if step > 0.0 else -sign
    near, before = start, sign * _slope_of(start, curve, order)
    for i in range(1, _SCAN + 1):
        far = start + i * step
        after = sign * _slope_of(far, curve, order)
        # A zero at the start itself counts only when time goes on: the old end of an interval belongs to it.
        if (before > 0.0 and after <= 0.0) if step > 0.0 else (before >= 0.0 and after < 0.0):
            return _narrowed(curve, order, near, before, far, after, sign)
        near, before = far, after
    return math.nan


@njit(cache=True)
def _narrowed(curve, order, near, before, far, after, sign):  # type: ignore[no-untyped-def]
    """Find the zero between two days of different sign, by the Illinois rule."""
    kept = 0
    for _ in range(_NARROWINGS):
        middle = near + (far - near) * before / (before - after)
        value = sign * _slope_of(middle, curve, order)
        if value == 0.0 or abs(far - near) < _EXACT:
            return middle
        if value > 0.0:
            moved, near, before = abs(middle - near), middle, value
            after, kept = (0.5 * after if kept == 1 else after), 1
        else:
            moved, far, after = abs(far - middle), middle, value
            before, kept = (0.5 * before if kept == -1 else before), -1
        if moved < _EXACT:
            return middle
    return middle


@njit(cache=True)
def _dates_of(curve, out):  # type: ignore[no-untyped-def]
    """Write the six transition dates of one curve to `out`, NaN where a limb does not show one."""
    k1, t1, k2, t2 = curve[2], curve[3], curve[4], curve[5]
    top = 0.5 * (t1 + t2)
    out[1] = _extremum(curve, 1, t1 - 2.0 / k1, min(t1 + 2.0 / k1, top), 1.0)
    out[4] = _extremum(curve, 1, t2 + 2.0 / k2, max(t2 - 2.0 / k2, top), -1.0)
    out[0] = _extremum(curve, 2, t1, t1 - _REACH / k1, 1.0)
    out[5] = _extremum(curve, 2, t2, t2 + _REACH / k2, -1.0)
    # Between the limbs' middles K' runs minimum, maximum (green-up ends), minimum (senescence starts), maximum.
    # Where the limbs are too near each other the inner two cancel, and neither date exists.
    out[2] = _extremum(curve, 2, t1, min(t1 + _REACH / k1, t2), 1.0)
    out[3] = _extremum(curve, 2, t2, max(t2 - _REACH / k2, t1), -1.0)
    if not out[2] < out[3]:
        out[2], out[3] = math.nan, math.nan


@njit(cache=True)
def _gradient(t, curve, order, out):  # type: ignore[no-untyped-def]
    """Write how an extremum at day `t` moves with each of the curve's six parameters: -(dF/dp) / (dF/dt), F = 0 there.

    F is a function of y' to y'''' alone (K''; or y'' itself), so both follow from its derivatives by them.
    """
    y1, y2, y3, y4, y5 = _slopes_at(t, curve)
    by = np.array([0.0, 1.0, 0.0, 0.0])
    if order == 2:
        q = 1.0 + y1 * y1
        inner = y4 - (9.0 * y1 * y2 * y3 + 3.0 * y2**3) / q + 15.0 * y1 * y1 * y2**3 / (q * q)
        by[0] = -9.0 * y2 * y3 / q + 2.0 * y1 * (9.0 * y1 * y2 * y3 + 3.0 * y2**3) / (q * q)
        by[0] += 30.0 * y1 * y2**3 / (q * q) - 60.0 * y1**3 * y2**3 / q**3 - 3.0 * y1 / q * inner
        by[1] = -9.0 * (y1 * y3 + y2 * y2) / q + 45.0 * y1 * y1 * y2 * y2 / (q * q)
        by[2] = -9.0 * y1 * y2 / q
        by[3] = 1.0
    by_day = by[0] * y2 + by[1] * y3 + by[2] * y4 + by[3] * y5
    a, b = _limb(t, curve[2], curve[3]), _limb(t, curve[4], curve[5])
    out[:] = 0.0
    for j in range(4):
        out[1] += by[j] * (a[j] - b[j])
        out[2] += by[j] * curve[1] * ((j + 1) * a[j] + (t - curve[3]) * a[j + 1]) / curve[2]
        out[3] -= by[j] * curve[1] * a[j + 1]
        out[4] -= by[j] * curve[1] * ((j + 1) * b[j] + (t - curve[5]) * b[j + 1]) / curve[4]
        out[5] += by[j] * curve[1] * b[j + 1]
    out /= -by_day


@njit(parallel=True, cache=True)
def _all_dates(curves, out):  # type: ignore[no-untyped-def]
    for i in prange(len(curves)):
        if math.isnan(curves[i].sum()):
            out[i] = math.nan
        else:
            _dates_of(curves[i], out[i])


@njit(parallel=True, cache=True)
def _all_errors(curves, dates, covariances, out):  # type: ignore[no-untyped-def]
    for i in prange(len(curves)):
        slopes = np.empty(6)
        for d in range(6):
            if not math.isnan(dates[i, d]):
                _gradient(dates[i, d], curves[i], 1 if d in (1, 4) else 2, slopes)
                out[i, d] = math.sqrt(max(slopes @ (covariances[i] @ slopes), 0.0))


@njit(parallel=True, cache=True)
def _all_peaks(curves, out):  # type: ignore[no-untyped-def]
    for i in prange(len(curves)):
        if not math.isnan(curves[i].sum()):
            t1, t2 = curves[i, 3], curves[i, 5]
            # Limbs of very different steepness push the peak past the flatter one's middle.
            out[i] = _extremum(curves[i], 0, t1 - 2.0 / curves[i, 2], t2 + 2.0 / curves[i, 4], 1.0)


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
    """First to fifth derivative of the curve by day, shape (5, *days), float64."""
    t, c = np.asarray(days, np.float64), np.asarray(curve, np.float64)
    return np.array([_slopes_at(x, c) for x in t.ravel()]).T.reshape(5, *t.shape)


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


def transition_errors(curves: ArrayLike, dates: ArrayLike, covariances: ArrayLike) -> Float64Array:
    """Find one sigma of transition dates from the covariance of the curves' parameters, by the delta method.

    Parameters
    ----------
    curves : array_like, shape (..., 6)
    dates : array_like, shape (..., 6)
        Of these curves, see `transition_dates`; NaN = none.
    covariances : array_like, shape (..., 6, 6)
        Of base, amplitude, k1, t1, k2 and t2.

    Returns
    -------
    ndarray, shape (..., 6), float64
        Days; NaN where there is no date.
    """
    found = np.asarray(dates, np.float64)
    out = np.full((found.size // 6, 6), np.nan)
    shapes = ((curves, (-1, 6)), (found, (-1, 6)), (covariances, (-1, 6, 6)))
    _all_errors(*(np.ascontiguousarray(np.asarray(a, np.float64).reshape(s)) for a, s in shapes), out)
    return out.reshape(found.shape)


def season_peaks(curves: ArrayLike) -> Float64Array:
    """Find the day of each curve's highest value, where y' vanishes between its limbs.

    Parameters
    ----------
    curves : array_like, shape (..., 6)

    Returns
    -------
    ndarray, shape (...), float64
        NaN where there is no curve.
    """
    given = np.asarray(curves, np.float64)
    out = np.full(given.size // 6, np.nan)
    _all_peaks(np.ascontiguousarray(given.reshape(-1, 6)), out)
    return out.reshape(given.shape[:-1])
