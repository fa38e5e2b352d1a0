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

Float64Array = NDArray[np.float64]

MAX_ROUNDS = 80
_CONVERGED = 1e-6  # relative decrease of the cost: moves dates by hundredths of a day
_STARTS = np.array([0.1, 0.05, 0.3])  # steepness that fits start from, per day
_WELL = 0.97  # share of the variance that ends the search: another start could hardly explain more
_SHORTEST = 10.0  # days from t1 to t2 at least
_BEYOND = 30.0  # days before the cycle in which t1 is still sought, for crops that are green when the series starts
_LOOSE = np.array([1.0, 1.0, 0.0, 60.0, 0.0, 60.0])  # what is known beforehand of all but k1 and k2, one sigma
_ENOUGH = 20.0  # residuals that leave nothing to the noise expected beforehand in the fit
_USUAL, _SPREAD = 0.09, 0.6  # k1 and k2 beforehand: median, per day, and one sigma of their logarithm
_TURNS = 1  # times that each season is fitted anew to what the others leave
_GOOD = 0.5  # share of its variance that a season's curve must explain to be taken from the others' values
_SEEN = 0.1  # weight from which a value counts as seen; what only fills a gap comes to some hundredths
_KNOWN = 4.0  # values that the noise expected beforehand is worth beside the residuals
_LOG2E, _LN2_HIGH, _LN2_LOW = 1.4426950408889634, 0.693147180369123816490, 1.90821492927058770002e-10
_ROUNDER = 6755399441055744.0  # 1.5 * 2**52: added, it rounds to whole numbers and leaves them in the lowest bits


# Not `reassoc`: it would take the rounding away.
@njit(cache=True, fastmath={"contract", "nsz"})
def _logistics(x, t, rise, fall):  # type: ignore[no-untyped-def]
    """Write both limbs, 0..1. The exponential is spelled out (error 1e-12) because the library's stops SIMD."""
    for limb in range(2):
        k, middle = (x[2], x[3]) if limb == 0 else (x[4], x[3] + x[5])
        out = rise if limb == 0 else fall
        for i in range(len(t)):
            z = min(max(-k * (t[i] - middle), -600.0), 600.0)
            whole = (z * _LOG2E + _ROUNDER) - _ROUNDER
            r = (z - whole * _LN2_HIGH) - whole * _LN2_LOW
            e = 1.0 + r * (1.0 / 10.0) * (1.0 + r * (1.0 / 11.0))
            e = 1.0 + r * (1.0 / 8.0) * (1.0 + r * (1.0 / 9.0) * e)
            e = 1.0 + r * (1.0 / 6.0) * (1.0 + r * (1.0 / 7.0) * e)
            e = 1.0 + r * 0.25 * (1.0 + r * 0.2 * e)
            e = 1.0 + r * (1.0 + r * 0.5 * (1.0 + r * (1.0 / 3.0) * e))
            power = np.int64(np.int64(whole) + 1023) << np.int64(52)
            out[i] = 1.0 / (1.0 + e * np.int64(power).view(np.float64))


@njit(cache=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
def _cost_of(x, y, w, rise, fall):  # type: ignore[no-untyped-def]
    cost = 0.0
    for i in range(len(y)):
        r = y[i] - x[0] - x[1] * (rise[i] - fall[i])
        cost += w[i] * r * r
    return 0.5 * cost


@njit(cache=True, fastmath={"contract", "reassoc", "nsz", "arcp"})
def _normal_equations(x, t, y, w, rise, fall, rows, normal, right):  # type: ignore[no-untyped-def]
    """Write the lower half of J'WJ, and J'Wr, at the unknowns `x` whose limbs are given."""
    for i in range(len(t)):
        a, b = t[i] - x[3], t[i] - x[3] - x[5]
        u1, u2 = x[1] * rise[i] * (1.0 - rise[i]), x[1] * fall[i] * (1.0 - fall[i])
        rows[0, i], rows[1, i] = 1.0, rise[i] - fall[i]
        rows[2, i], rows[4, i] = u1 * a, -u2 * b
        rows[3, i], rows[5, i] = u2 * x[4] - u1 * x[2], u2 * x[4]
        rows[6, i] = y[i] - x[0] - x[1] * (rise[i] - fall[i])
    for m in range(6):
        for i in range(len(t)):
            rows[7, i] = w[i] * rows[m, i]
        total = 0.0
        for i in range(len(t)):
            total += rows[7, i] * rows[6, i]
        right[m] = total
        for n in range(m + 1):
            total = 0.0
            for i in range(len(t)):
                total += rows[7, i] * rows[n, i]
            normal[m, n] = total


@njit(cache=True)
def _solve(normal, right, damping, free, step, factor):  # type: ignore[no-untyped-def]
    """Damped step of the free unknowns by Cholesky, `normal` given as its lower half; False where it is singular."""
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
def _prior(x, variance):  # type: ignore[no-untyped-def]
    """Cost of steepness that limbs seldom have: all that holds it where a gap hides the limb."""
    rise, fall = math.log(x[2] / _USUAL) / _SPREAD, math.log(x[4] / _USUAL) / _SPREAD
    return 0.5 * variance * (rise * rise + fall * fall)


@njit(cache=True)
def _variance_of(cost, w, noise, enough):  # type: ignore[no-untyped-def]
    """Variance of a value of weight 1, from the cost of a fit.

    A value counts as many residuals as it weighs, so that many filled ones do not prove the seen ones exact. The noise
    expected beforehand counts as `_KNOWN` more, so that few values do not; `enough` speak for themselves.
    """
    own = max(np.minimum(w, 1.0).sum() - 6.0, 0.0)
    known = _KNOWN * max(1.0 - own / enough, 0.0)
    return (2.0 * cost + known * noise**2) / max(own + known, 1.0)


@njit(cache=True)
def fit_curve(x, t, y, w, low, high, variance):  # type: ignore[no-untyped-def]
    """Improve the unknowns `x` in place; returns the cost, half the weighted sum of squared residuals.

    Days, values and weights (0 = left out) have shape (n,). An unknown on its bound whose gradient points outwards is
    held there. The variance of a value of weight 1 says how much the values count beside what is known of k1 and k2.
    """
    normal, right, step, factor = np.empty((6, 6)), np.empty(6), np.empty(6), np.empty((6, 6))
    free, trial, rows = np.empty(6, np.bool_), np.empty(6), np.empty((8, len(t)))
    rise, fall = np.empty(len(t)), np.empty(len(t))
    damping = 1e-3
    _logistics(x, t, rise, fall)
    cost = _cost_of(x, y, w, rise, fall) + _prior(x, variance)
    for _ in range(MAX_ROUNDS):
        _normal_equations(x, t, y, w, rise, fall, rows, normal, right)
        for m in (2, 4):
            pull = variance / (_SPREAD * x[m]) ** 2
            normal[m, m] += pull
            right[m] -= pull * x[m] * math.log(x[m] / _USUAL)
        for m in range(6):
            outwards = (x[m] <= low[m] and right[m] < 0.0) or (x[m] >= high[m] and right[m] > 0.0)
            free[m] = not outwards
        better, tried = False, cost
        while not better and damping < 1e10:
            if _solve(normal, right, damping, free, step, factor):
                for m in range(6):
                    trial[m] = min(max(x[m] + step[m], low[m]), high[m])
                _logistics(trial, t, rise, fall)
                tried = _cost_of(trial, y, w, rise, fall) + _prior(trial, variance)
                better = tried < cost
            damping = max(damping * 0.2, 1e-12) if better else damping * 4.0
        if not better:
            break
        gain, cost = cost - tried, tried
        x[:] = trial
        if gain <= _CONVERGED * cost or cost < 1e-20:
            break
    return cost - _prior(x, variance)


@njit(cache=True)
def _reweigh(x, t, y, w, rise, fall, out):  # type: ignore[no-untyped-def]
    """Huber's weights: residuals beyond 1.5 robust standard deviations count less, in inverse proportion.

    The residuals are those of weight 1, `sqrt(w)` times the plain ones, and the deviation is that of the values seen:
    however many filled values lie near the curve, seen ones must not look far away beside them.
    """
    _logistics(x, t, rise, fall)
    away, seen = np.sqrt(w) * np.abs(y - x[0] - x[1] * (rise - fall)), w >= _SEEN
    typical = np.median(away[seen]) if seen.any() else np.median(away)
    # NDVI is not known better than to about 0.01: a perfect fit must not throw out its worst value.
    limit = 1.5 * max(1.4826 * typical, 0.01)
    for i in range(len(t)):
        out[i] = w[i] * min(1.0, limit / max(away[i], 1e-12))


@njit(cache=True)
def _covariance(x, t, y, w, noise, rise, fall, out):  # type: ignore[no-untyped-def]
    """Write the covariance of base, amplitude, k1, t1, k2, t2; what values leave open is known to `_LOOSE`."""
    normal, right, rows = np.empty((6, 6)), np.empty(6), np.empty((8, len(t)))
    _logistics(x, t, rise, fall)
    _normal_equations(x, t, y, w, rise, fall, rows, normal, right)
    variance = _variance_of(_cost_of(x, y, w, rise, fall), w, noise, np.inf)
    step, factor, free, unit = np.empty(6), np.empty((6, 6)), np.ones(6, np.bool_), np.zeros(6)
    for m in range(6):
        normal[m, m] += variance / (_LOOSE[m] if m not in (2, 4) else _SPREAD * x[m]) ** 2
    for m in range(6):
        unit[:] = 0.0
        unit[m] = variance
        _solve(normal, unit, 0.0, free, step, factor)
        out[m] = step
    # From the distance t2 - t1 to t2 itself.
    out[5] += out[3]
    out[:, 5] += out[:, 3]


@njit(cache=True)
def _limits(cycle, steepest):  # type: ignore[no-untyped-def]
    first, last = cycle[0], cycle[1]
    low = np.array([-1.0, 1e-3, 1e-2, first - _BEYOND, 1e-2, _SHORTEST])
    return low, np.array([1.0, 1.2, steepest, last, steepest, last - first + 2 * _BEYOND])


@njit(cache=True)
def _first_fit(t, y, w, cycle, steepest, noise, x):  # type: ignore[no-untyped-def]
    """Fit one season's values from a start or several; returns the share of the variance explained."""
    up, down, bottom, top = cycle[2], cycle[3], cycle[4], cycle[5]
    low, high = _limits(cycle, steepest)
    total, least = max(0.5 * (w * (y - (w * y).sum() / w.sum()) ** 2).sum(), 1e-12), np.inf
    for k in _STARTS:
        trial = np.array([bottom, top - bottom, k, up, k, down - up])
        trial = np.minimum(np.maximum(trial, low), high)
        cost = fit_curve(trial, t, y, w, low, high, noise**2)
        if cost < least:
            x[:], least = trial, cost
        if least < (1.0 - _WELL) * total:
            break
    return 1.0 - least / total


@njit(cache=True)
def _last_fit(t, y, w, cycle, steepest, rounds, noise, x, out, covariance):  # type: ignore[no-untyped-def]
    """Refit `rounds` times with Huber's weights and write what is known of the season."""
    low, high = _limits(cycle, steepest)
    weights, rise, fall = w.copy(), np.empty(len(t)), np.empty(len(t))
    for _ in range(rounds):
        _reweigh(x, t, y, w, rise, fall, weights)
        # The better the curve fits, the less is left to what is known beforehand.
        missed = _cost_of(x, y, weights, rise, fall)
        fit_curve(x, t, y, weights, low, high, _variance_of(missed, weights, noise, _ENOUGH))
    _covariance(x, t, y, weights, noise, rise, fall, covariance)
    missed = 2.0 * _cost_of(x, y, weights, rise, fall) / weights.sum()
    spread = (weights * (y - (weights * y).sum() / weights.sum()) ** 2).sum() / weights.sum()
    out[:5], out[5] = x[:5], x[3] + x[5]
    seen = t[w >= _SEEN]
    out[6], out[7] = math.sqrt(missed), len(seen)
    out[8] = np.diff(seen).max() if len(seen) > 1 else np.nan
    out[9], out[10], out[11] = 1.0 - missed / max(spread, 1e-12), t[0], t[-1]


@njit(cache=True)
def _without_others(t, y, xs, explained, s):  # type: ignore[no-untyped-def]
    """Values less what the other seasons' curves, where they are good, add to the base."""
    left, rise, fall = y.copy(), np.empty(len(t)), np.empty(len(t))
    for o in range(len(xs)):
        if o != s and explained[o] > _GOOD:
            _logistics(xs[o], t, rise, fall)
            left -= xs[o, 1] * (rise - fall)
    return left


@njit(cache=True)
def _fit_series(y, w, days, cycles, least, steepest, rounds, noise, out, covariance):  # type: ignore[no-untyped-def]
    """Fit the seasons of one series: each alone, then each to what the others leave."""
    most = len(cycles)
    xs, explained = np.zeros((most, 6)), np.full(most, -1.0)
    used = np.zeros((most, len(days)), np.bool_)
    for s in range(most):
        used[s] = (days >= cycles[s, 0]) & (days <= cycles[s, 1]) & (w > 0.0) & np.isfinite(y)
        if not math.isnan(cycles[s].sum()) and (used[s] & (w >= _SEEN)).sum() >= least:
            t, own = days[used[s]], w[used[s]]
            explained[s] = max(_first_fit(t, y[used[s]], own, cycles[s], steepest, noise, xs[s]), 0.0)
    for turn in range(_TURNS + 1 if (explained >= 0.0).sum() > 1 else 1):
        for s in range(most):
            if explained[s] < 0.0:
                continue
            t, own = days[used[s]], w[used[s]]
            left = _without_others(t, y[used[s]], xs, explained, s)
            if turn < _TURNS and (explained >= 0.0).sum() > 1:
                low, high = _limits(cycles[s], steepest)
                fit_curve(xs[s], t, left, own, low, high, noise**2)
            else:
                _last_fit(t, left, own, cycles[s], steepest, rounds, noise, xs[s], out[s], covariance[s])


@njit(parallel=True, cache=True)
def fit_all(values, weights, days, cycles, least, steepest, rounds, noise, out, spread):  # type: ignore[no-untyped-def]
    """Write what `stfuse.phenology.fits.fit_seasons` returns to `out` and `spread`."""
    for p in prange(len(values)):
        if not math.isnan(cycles[p, 0, 0]):
            _fit_series(values[p], weights[p], days, cycles[p], least, steepest, rounds, noise, out[p], spread[p])
