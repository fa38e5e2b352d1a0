"""Weighted least-squares fits of the double logistic within bounds: Levenberg-Marquardt, compiled, all pixels at once.

The unknowns are base, amplitude, k1, t1, k2 and the distance t2 - t1, so that every limit is a plain box.
All compiled code of the fit is in this file: numba's cache does not see changes of what is called in another.
"""

# ruff: noqa: ANN001, ANN201, ANN202 - numba infers the types of what it compiles; mypy sees to the rest

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from stfuse.phenology.cycles import Cycles

Float64Array = NDArray[np.float64]

MAX_ROUNDS = 80
_CONVERGED = 1e-10  # relative decrease of the cost
_STARTS = np.array([0.05, 0.12, 0.3])  # steepness that fits start from, per day
_SHORTEST = 10.0  # days from t1 to t2 at least
_BEYOND = 30.0  # days before the cycle in which t1 is still sought, for crops that are green when the series starts


@njit(cache=True)
def _normal_equations(x, t, y, w, normal, right):  # type: ignore[no-untyped-def]
    """Write J'WJ and J'Wr at the unknowns `x`; returns the cost, half the weighted sum of squared residuals."""
    row = np.empty(6)
    normal[:] = 0.0
    right[:] = 0.0
    cost = 0.0
    for i in range(len(t)):
        if w[i] <= 0.0:
            continue
        a, b = t[i] - x[3], t[i] - x[3] - x[5]
        s1, s2 = 1.0 / (1.0 + math.exp(-x[2] * a)), 1.0 / (1.0 + math.exp(-x[4] * b))
        u1, u2 = x[1] * s1 * (1.0 - s1), x[1] * s2 * (1.0 - s2)
        r = y[i] - x[0] - x[1] * (s1 - s2)
        row[0], row[1] = 1.0, s1 - s2
        row[2], row[4] = u1 * a, -u2 * b
        row[3], row[5] = u2 * x[4] - u1 * x[2], u2 * x[4]
        cost += 0.5 * w[i] * r * r
        for m in range(6):
            right[m] += w[i] * row[m] * r
            for n in range(m + 1):
                normal[m, n] += w[i] * row[m] * row[n]
    return cost


@njit(cache=True)
def _cost(x, t, y, w):  # type: ignore[no-untyped-def]
    cost = 0.0
    for i in range(len(t)):
        s1 = 1.0 / (1.0 + math.exp(-x[2] * (t[i] - x[3])))
        s2 = 1.0 / (1.0 + math.exp(-x[4] * (t[i] - x[3] - x[5])))
        r = y[i] - x[0] - x[1] * (s1 - s2)
        cost += 0.5 * w[i] * r * r
    return cost


@njit(cache=True)
def _solve(normal, right, damping, free, step):  # type: ignore[no-untyped-def]
    """Damped step of the free unknowns by Cholesky, `normal` given as its lower half; False where it is singular."""
    factor = np.zeros((6, 6))
    for m in range(6):
        step[m] = right[m] if free[m] else 0.0
        for n in range(m + 1):
            total = normal[m, n] if free[m] and free[n] else 0.0
            if m == n:
                # Marquardt's scaling makes the damping independent of units: days beside NDVI.
                total = total * (1.0 + damping) + 1e-12 if free[m] else 1.0
            for c in range(n):
                total -= factor[m, c] * factor[n, c]
            if m == n:
                if total <= 0.0:
                    return False
                factor[m, m] = math.sqrt(total)
            else:
                factor[m, n] = total / factor[n, n]
    for m in range(6):
        for c in range(m):
            step[m] -= factor[m, c] * step[c]
        step[m] /= factor[m, m]
    for m in range(5, -1, -1):
        for c in range(m + 1, 6):
            step[m] -= factor[c, m] * step[c]
        step[m] /= factor[m, m]
    return True


@njit(cache=True)
def fit_curve(x, t, y, w, low, high):  # type: ignore[no-untyped-def]
    """Improve the unknowns `x` in place; returns the cost, half the weighted sum of squared residuals.

    Parameters
    ----------
    x : ndarray, shape (6,)
        Start within the bounds; then the solution.
    t, y, w : ndarray, shape (n,)
        Days, values, weights (0 = left out).
    low, high : ndarray, shape (6,)
        Bounds. An unknown on its bound whose gradient points outwards is held there.
    """
    normal, right, step = np.empty((6, 6)), np.empty(6), np.empty(6)
    free, trial = np.empty(6, np.bool_), np.empty(6)
    damping = 1e-3
    cost = _normal_equations(x, t, y, w, normal, right)
    for _ in range(MAX_ROUNDS):
        for m in range(6):
            outwards = (x[m] <= low[m] and right[m] < 0.0) or (x[m] >= high[m] and right[m] > 0.0)
            free[m] = not outwards
        better = False
        while not better and damping < 1e10:
            if _solve(normal, right, damping, free, step):
                for m in range(6):
                    trial[m] = min(max(x[m] + step[m], low[m]), high[m])
                tried = _cost(trial, t, y, w)
                better = tried < cost
            damping = max(damping * 0.2, 1e-12) if better else damping * 4.0
        if not better:
            break
        gain = cost - tried
        x[:] = trial
        cost = _normal_equations(x, t, y, w, normal, right)
        if gain <= _CONVERGED * cost or cost < 1e-20:
            break
    return cost


@njit(cache=True)
def _reweigh(x, t, y, w, out):  # type: ignore[no-untyped-def]
    """Huber's weights: residuals beyond 1.5 robust standard deviations count less, in inverse proportion."""
    s1 = 1.0 / (1.0 + np.exp(-x[2] * (t - x[3])))
    s2 = 1.0 / (1.0 + np.exp(-x[4] * (t - x[3] - x[5])))
    away = np.abs(y - x[0] - x[1] * (s1 - s2))
    # NDVI is not known better than to about 0.01: a perfect fit must not throw out its worst value.
    limit = 1.5 * max(1.4826 * np.median(away), 0.01)
    for i in range(len(t)):
        out[i] = w[i] * min(1.0, limit / max(away[i], 1e-12))


@njit(cache=True)
def _fit_season(t, y, w, cycle, steepest, rounds, out):  # type: ignore[no-untyped-def]
    """Fit one season's values from several starts, then `rounds` times with Huber's weights."""
    first, last, rise, fall, bottom, top = cycle[0], cycle[1], cycle[2], cycle[3], cycle[4], cycle[5]
    low = np.array([-1.0, 1e-3, 1e-2, first - _BEYOND, 1e-2, _SHORTEST])
    high = np.array([1.0, 1.2, steepest, last, steepest, last - first + 2 * _BEYOND])
    x, least = np.empty(6), np.inf
    for k in _STARTS:
        trial = np.array([bottom, top - bottom, k, rise, k, fall - rise])
        trial = np.minimum(np.maximum(trial, low), high)
        cost = fit_curve(trial, t, y, w, low, high)
        if cost < least:
            x, least = trial, cost
    weights = w.copy()
    for _ in range(rounds):
        _reweigh(x, t, y, w, weights)
        fit_curve(x, t, y, weights, low, high)
    mean = (weights * y).sum() / weights.sum()
    missed = 2.0 * _cost(x, t, y, weights) / weights.sum()
    spread = (weights * (y - mean) ** 2).sum() / weights.sum()
    out[:5], out[5] = x[:5], x[3] + x[5]
    out[6], out[7], out[8] = math.sqrt(missed), len(t), np.diff(t).max()
    out[9], out[10], out[11] = 1.0 - missed / max(spread, 1e-12), t[0], t[-1]


@njit(parallel=True, cache=True)
def _fit_all(values, weights, days, cycles, min_dates, steepest, rounds, out):  # type: ignore[no-untyped-def]
    for p in prange(len(values)):
        if math.isnan(cycles[p].sum()):
            continue
        used = (days >= cycles[p, 0]) & (days <= cycles[p, 1]) & (weights[p] > 0.0) & np.isfinite(values[p])
        if used.sum() >= min_dates:
            _fit_season(days[used], values[p][used], weights[p][used], cycles[p], steepest, rounds, out[p])


FIT_NAMES = ("base", "amplitude", "k1", "t1", "k2", "t2", "rmse", "n", "gap", "explained", "first", "last")


def fit_seasons(
    values: Float64Array,
    weights: Float64Array,
    days: Float64Array,
    cycles: Cycles,
    min_dates: int,
    steepest: float,
    rounds: int,
) -> dict[str, Float64Array]:
    """Fit a double logistic to the values within the main cycle of every series.

    Parameters
    ----------
    values, weights : ndarray, shape (series, time), float64
        NDVI (NaN = unknown) and weights (0 = left out).
    days : ndarray, shape (time,), float64
    cycles : Cycles
        Days between which the values count, and where the fit starts.
    min_dates : int
        Fewer values are not fitted.
    steepest : float
        Upper bound of k1 and k2, per day.
    rounds : int
        Refits with Huber's weights.

    Returns
    -------
    dict of str to ndarray, shape (series,), float64
        By `FIT_NAMES`: the curve, weighted residual RMSE, number of values, longest time without one, share of
        the variance explained, first and last day with a value. NaN where there is no cycle or too few values.
    """
    out = np.full((len(values), len(FIT_NAMES)), np.nan)
    asked = np.stack([cycles.first, cycles.last, cycles.rise, cycles.fall, cycles.bottom, cycles.top], axis=1)
    flat = (np.ascontiguousarray(a, np.float64) for a in (values, weights, days, asked))
    _fit_all(*flat, min_dates, steepest, rounds, out)
    return dict(zip(FIT_NAMES, out.T, strict=True))
