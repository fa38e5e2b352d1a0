"""How much too sure a curve is far from any value, measured by hiding values around known ones.

The model of `stfuse.posterior` has one pace for the whole year. Real gaps do not: they lie where clouds are, often in
the very weeks in which fields change fastest. So values are hidden on purpose, and what is found counts by the month.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stfuse.months import month_of, month_weights
from stfuse.posterior import posterior
from stfuse.series import Dates, to_steps
from stfuse.task import FloatArray

Float64Array = NDArray[np.float64]

REACHES = (5.0, 10.0, 20.0, 40.0)
"""Days around a value within which all others are hidden, and the shortest distance of each class."""
MIDDLES = (7.0, 14.0, 28.0, 50.0)
"""Distance in days that a class's factor is that of."""
TRIALS = 10_000
"""Values predicted at most, over all dates and reaches: half a second with 50 dates, a few with 300."""
PRIOR_DATES = 2.0
"""Errors of one date hang together: the factor of the class before counts as much as what so many dates say."""
LEVEL, QUANTILE = 0.9, 1.645
"""The interval that shall hold. Its quantile, not the mean square: a cloud that was missed is no error of the curve."""


def measure_widening(
    values: FloatArray, sigmas: FloatArray, dates: Dates, steps: Dates, shares: Float64Array
) -> Float64Array:
    """Factors by which the curve's standard deviation must be multiplied, by the distance to the nearest value.

    Around values of each date all others within each of `REACHES` are hidden, and the curve of the rest is held
    against them. A trial counts as its month does among the steps that really lie as far from any value. The factor is
    that with which nine tenths of the trials lie within the stated 90 %, the value's own error counted in; never
    below 1. Where few dates speak it is drawn towards that of the class before.

    Parameters
    ----------
    values, sigmas : ndarray, shape (time, pixel)
        NDVI of a sample of pixels and its standard deviation; NaN = unknown.
    dates, steps : ndarray, datetime64[D], ascending
        Of the values, and of the curve.
    shares : ndarray
        From `stfuse.posterior.learn_speeds`.

    Returns
    -------
    ndarray, shape (len(REACHES),), float64
        NaN of a class in which nothing could be tried, or no step lies.
    """
    known = np.where(np.isfinite(sigmas), values, np.float32(np.nan))
    on = np.isfinite(known).any(axis=1)  # a filled series has many more dates
    if not on.any():
        return np.full(len(REACHES), np.nan)
    known, sigmas, dates = known[on], sigmas[on], dates[on]
    days, at = ((d - dates[0]).astype("timedelta64[D]").astype(np.float64) for d in (dates, steps))
    real = _by_month(to_steps(known, days, at)[1], month_of(steps)[:, None])
    when, distance, needed = (
        np.concatenate(column)
        for column in zip(*(_trials(known, sigmas, days, reach, shares) for reach in REACHES), strict=True)
    )
    months = month_of(dates)[when]
    weights = month_weights(_by_month(distance, months), real)
    of = np.searchsorted(REACHES, distance, side="right") - 1
    factors = np.full(len(REACHES), np.nan)
    before = 1.0
    for k in range(len(REACHES)):
        counts = weights[k, months] * (of == k)
        if counts.any():
            factors[k] = before = _factor(needed[counts > 0], counts[counts > 0], when[counts > 0], before)
    return factors


def widening(distance: FloatArray, factors: Float64Array | None) -> FloatArray:
    """The factor at any distance: 1 on the day of a value, then linear between `MIDDLES`, constant beyond the last.

    Parameters
    ----------
    distance : ndarray, shape (...)
        Days to the nearest value; 1 where it is not finite, as where there is no value at all.
    factors : ndarray, shape (len(REACHES),), optional
        From `measure_widening`.
    """
    if factors is None or not np.isfinite(factors).any():
        return np.ones(distance.shape, np.float32)
    found = np.isfinite(factors)
    knots, rises = [0.0, *np.array(MIDDLES)[found]], [1.0, *factors[found]]
    return np.where(np.isfinite(distance), np.interp(distance, knots, rises), 1.0).astype(np.float32)


def _by_month(distance: FloatArray, months: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many distances of each class fall into each month, shape (len(REACHES), 12)."""
    of, months = np.broadcast_arrays(np.searchsorted(REACHES, distance, side="right") - 1, months)
    counted = (of >= 0) & np.isfinite(distance)
    flat = np.bincount(of[counted] * 12 + months[counted], minlength=12 * len(REACHES))
    return np.asarray(flat.reshape(len(REACHES), 12), np.int64)


def _trials(
    known: FloatArray, sigmas: FloatArray, days: Float64Array, reach: float, shares: Float64Array
) -> tuple[NDArray[np.int64], FloatArray, Float64Array]:
    """Of each value tried: its date, its distance to what was kept, and the squared factor that it asks for."""
    most = max(1, TRIALS // (len(days) * len(REACHES)))
    # As many of each date, whatever its clouds: the dates of the cloudy months are few enough.
    chosen = [_spread(np.flatnonzero(row), most) for row in np.isfinite(known)]
    when, pixel = np.repeat(np.arange(len(days)), [len(pixels) for pixels in chosen]), np.concatenate(chosen)
    rest = known[:, pixel]
    rest[np.abs(days[:, None] - days[when]) < reach] = np.nan
    mean, sigma = posterior(rest, np.where(np.isfinite(rest), sigmas[:, pixel], np.float32(np.nan)), days, days, shares)
    each = np.arange(len(when))
    distance = to_steps(rest, days, days)[1][when, each]
    error, own = (known[when, pixel] - mean[when, each]).astype(np.float64), sigmas[when, pixel].astype(np.float64)
    needed = ((error / QUANTILE) ** 2 - own**2) / sigma[when, each].astype(np.float64) ** 2
    told = np.isfinite(needed)
    return when[told], distance[told], needed[told]


def _spread(of: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most so many, evenly among all."""
    return of[np.unique(np.linspace(0, len(of) - 1, min(most, len(of))).astype(int))] if len(of) else of


def _factor(needed: Float64Array, weights: Float64Array, when: NDArray[np.int64], before: float) -> float:
    """The weighted quantile of the squares that trials ask for, drawn towards `before` where few dates speak."""
    order, total = np.argsort(needed), weights.sum()
    at = np.searchsorted(np.cumsum(weights[order]), LEVEL * total)
    dates = total**2 / (np.bincount(when, weights) ** 2).sum()
    square = dates * needed[order][min(int(at), len(order) - 1)] + PRIOR_DATES * before**2
    return float(np.sqrt(max(square / (dates + PRIOR_DATES), 1.0)))
