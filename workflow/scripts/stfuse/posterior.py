"""The curve that a pixel's values speak for, and how sure it is: posterior of a damped local trend.

The level goes on as its slope says, the slope wanders and falls back to zero within `MEMORY` days (an integrated
Ornstein-Uhlenbeck process). Between two values the curve bends as a spline does, beyond the last it levels out, and its
uncertainty grows with the distance to values by itself. How fast slopes wander is learned from the series.
"""

# ruff: noqa: ANN001, ANN202 - numba infers the types of what it compiles; mypy sees to the rest

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from stfuse.task import FloatArray

Float64Array = NDArray[np.float64]

MEMORY = 20.0
"""Days in which a slope is forgotten to a third: a limb of a season lasts one or two months."""
SPEEDS = (0.0005, 0.001, 0.002, 0.004, 0.008)
"""Standard deviations of the slope that are tried, NDVI per day: evergreens to the fastest crops."""
LEVEL_SD = 1.0
"""Of the level before the first value: nothing is known of it."""
_FAR = 1e12  # variance of what is no value


@njit(cache=True)
def _steps(dt, memory):  # type: ignore[no-untyped-def]
    """Of `dt` days: what is left of the slope, what it adds to the level, and the three variances of speed 1."""
    left = np.exp(-dt / memory)
    gone = memory * (1.0 - left)
    level = memory * memory * (2.0 * dt / memory - 3.0 + 4.0 * left - left * left)
    return left, gone, max(level, 0.0), gone * (1.0 - left), 1.0 - left * left


@njit(cache=True)
def _likelihood(values, variances, days, speed, memory):  # type: ignore[no-untyped-def]
    """Logarithm of the probability of a pixel's values, up to a constant."""
    level, slope, a, b, c = 0.5, 0.0, LEVEL_SD * LEVEL_SD, 0.0, speed * speed
    total, last, first = 0.0, days[0], True
    for t in range(len(days)):
        if not variances[t] < _FAR:
            continue
        if not first:
            left, gone, qa, qb, qc = _steps(days[t] - last, memory)
            level, slope = level + gone * slope, left * slope
            a, b, c = a + 2 * gone * b + gone * gone * c, left * (b + gone * c), left * left * c
            a, b, c = a + speed * speed * qa, b + speed * speed * qb, c + speed * speed * qc
        first, last = False, days[t]
        s = a + variances[t]
        miss = values[t] - level
        total -= 0.5 * (np.log(s) + miss * miss / s)
        level, slope = level + a / s * miss, slope + b / s * miss
        a, b, c = a - a * a / s, b - a * b / s, c - b * b / s
    return total


@njit(cache=True)
def _filter(values, variances, days, speed, memory, ahead, after):  # type: ignore[no-untyped-def]
    """Kalman filter. Rows of `ahead` and `after` (a value): level, slope and their covariances."""
    level, slope, a, b, c = 0.5, 0.0, LEVEL_SD * LEVEL_SD, 0.0, speed * speed
    for t in range(len(days)):
        if t > 0:
            left, gone, qa, qb, qc = _steps(days[t] - days[t - 1], memory)
            level, slope = level + gone * slope, left * slope
            a, b, c = a + 2 * gone * b + gone * gone * c, left * (b + gone * c), left * left * c
            a, b, c = a + speed * speed * qa, b + speed * speed * qb, c + speed * speed * qc
        ahead[t, 0], ahead[t, 1], ahead[t, 2], ahead[t, 3], ahead[t, 4] = level, slope, a, b, c
        if variances[t] < _FAR:
            s = a + variances[t]
            miss = values[t] - level
            level, slope = level + a / s * miss, slope + b / s * miss
            a, b, c = a - a * a / s, b - a * b / s, c - b * b / s
        after[t, 0], after[t, 1], after[t, 2], after[t, 3], after[t, 4] = level, slope, a, b, c


@njit(cache=True)
def _smooth(days, memory, ahead, after):  # type: ignore[no-untyped-def]
    """Rauch-Tung-Striebel smoother: `after` then holds what all values say, later ones too."""
    for t in range(len(days) - 2, -1, -1):
        left, gone, _, _, _ = _steps(days[t + 1] - days[t], memory)
        level, slope, a, b, c = after[t, 0], after[t, 1], after[t, 2], after[t, 3], after[t, 4]
        pa, pb, pc = ahead[t + 1, 2], ahead[t + 1, 3], ahead[t + 1, 4]
        # Gain G = P F' inverse(P ahead), F' = [[1, 0], [gone, left]].
        m00, m01, m10, m11 = a + gone * b, left * b, b + gone * c, left * c
        det = pa * pc - pb * pb
        g00, g01 = (m00 * pc - m01 * pb) / det, (m01 * pa - m00 * pb) / det
        g10, g11 = (m10 * pc - m11 * pb) / det, (m11 * pa - m10 * pb) / det
        dl, ds = after[t + 1, 0] - ahead[t + 1, 0], after[t + 1, 1] - ahead[t + 1, 1]
        da, db, dc = after[t + 1, 2] - pa, after[t + 1, 3] - pb, after[t + 1, 4] - pc
        after[t, 0], after[t, 1] = level + g00 * dl + g01 * ds, slope + g10 * dl + g11 * ds
        after[t, 2] = a + g00 * g00 * da + 2 * g00 * g01 * db + g01 * g01 * dc
        after[t, 3] = b + g00 * g10 * da + (g00 * g11 + g01 * g10) * db + g01 * g11 * dc
        after[t, 4] = c + g10 * g10 * da + 2 * g10 * g11 * db + g11 * g11 * dc


@njit(parallel=True, cache=True)
def _all(values, variances, days, at, speeds, prior, memory, mean, sigma):  # type: ignore[no-untyped-def]
    """Pixels first. `at` = places of the wanted days among all days."""
    for p in prange(len(values)):
        if not np.any(variances[p] < _FAR):
            mean[p], sigma[p] = np.nan, np.nan
            continue
        best, speed = -np.inf, speeds[0]
        for k in range(len(speeds)):
            if prior[k] > 0.0:
                found = _likelihood(values[p], variances[p], days, speeds[k], memory) + np.log(prior[k])
                if found > best:
                    best, speed = found, speeds[k]
        ahead, after = np.empty((len(days), 5)), np.empty((len(days), 5))
        _filter(values[p], variances[p], days, speed, memory, ahead, after)
        _smooth(days, memory, ahead, after)
        for s in range(len(at)):
            mean[p, s] = after[at[s], 0]
            sigma[p, s] = np.sqrt(max(after[at[s], 2], 0.0))


@njit(parallel=True, cache=True)
def _likelihoods(values, variances, days, speeds, memory, out):  # type: ignore[no-untyped-def]
    for p in prange(len(values)):
        for k in range(len(speeds)):
            out[p, k] = _likelihood(values[p], variances[p], days, speeds[k], memory)


def _flat(values: FloatArray, sigmas: FloatArray) -> tuple[Float64Array, Float64Array]:
    """Values and variances as (pixel, time); what is unknown has a variance beyond all others."""
    flat, spread = (np.ascontiguousarray(a.reshape(len(a), -1).T, np.float64) for a in (values, sigmas))
    known = np.isfinite(flat) & np.isfinite(spread) & (spread > 0)
    return np.where(known, flat, 0.0), np.where(known, spread**2, 2 * _FAR)


def learn_speeds(values: FloatArray, sigmas: FloatArray, days: Float64Array, rounds: int = 20) -> Float64Array:
    """Which share of pixels has which of `SPEEDS`, by expectation maximisation over a sample of pixels.

    Parameters
    ----------
    values, sigmas : ndarray, shape (time, pixel)
        NDVI and its standard deviation; NaN = unknown.
    days : ndarray, shape (time,), float64
        Ascending.

    Returns
    -------
    ndarray, shape (len(SPEEDS),), sum 1
        Equal shares where no pixel has three values.
    """
    flat, variances = _flat(values, sigmas)
    enough = (variances < _FAR).sum(axis=1) >= 3
    shares = np.full(len(SPEEDS), 1.0 / len(SPEEDS))
    if not enough.any():
        return shares
    found = np.empty((int(enough.sum()), len(SPEEDS)))
    _likelihoods(flat[enough], variances[enough], days, np.array(SPEEDS), MEMORY, found)
    odds = np.exp(found - found.max(axis=1, keepdims=True))
    for _ in range(rounds):
        belief = odds * shares
        belief /= belief.sum(axis=1, keepdims=True)
        # A thousandth each: what the sample did not show may be elsewhere.
        shares = 0.995 * belief.mean(axis=0) + 0.005 / len(SPEEDS)
    return np.asarray(shares)


def posterior(
    values: FloatArray, sigmas: FloatArray, days: Float64Array, steps: Float64Array, shares: Float64Array | None = None
) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of each pixel's curve, given its values.

    Parameters
    ----------
    values : ndarray, shape (time, ...)
        NDVI, NaN = unknown.
    sigmas : ndarray, shape of `values`
        Standard deviation of each value's own error, taken to be independent of the others'; NaN or 0 = not used.
    days, steps : ndarray, shape (time,) and (step,), float64
        Ascending days of the values and of the result.
    shares : ndarray, shape (len(SPEEDS),), optional
        From `learn_speeds`: how common each speed is; equally common by default. Each pixel takes the one that its
        values and these shares speak for most.

    Returns
    -------
    mean, sigma : ndarray, shape (step, ...), float32
        NaN where a pixel has no value.

    Notes
    -----
    A smoothing spline's Bayesian interval (Wahba 1983, doi:10.1111/j.2517-6161.1983.tb01239.x) holds on average
    over the curve, not at each point: too narrow at bends as sharp as a harvest, too wide on plains.
    """
    flat, variances = _flat(values, sigmas)
    union = np.union1d(days, steps)
    spread, full = np.full((len(flat), len(union)), 2 * _FAR), np.zeros((len(flat), len(union)))
    where = np.searchsorted(union, days)
    spread[:, where], full[:, where] = variances, flat
    mean, sigma = (np.empty((len(flat), len(steps)), np.float32) for _ in range(2))
    prior = np.full(len(SPEEDS), 1.0 / len(SPEEDS)) if shares is None else shares
    at = np.searchsorted(union, steps)
    _all(full, spread, union, at, np.array(SPEEDS), np.asarray(prior, np.float64), MEMORY, mean, sigma)
    shape = (len(steps), *values.shape[1:])
    return mean.T.reshape(shape), sigma.T.reshape(shape)
