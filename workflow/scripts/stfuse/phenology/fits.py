"""The curves of all cycles of many series."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stfuse.phenology.cycles import Cycles
from stfuse.phenology.leastsquares import fit_all

Float64Array = NDArray[np.float64]

FIT_NAMES = ("base", "amplitude", "k1", "t1", "k2", "t2", "rmse", "n", "gap", "explained", "first", "last")


def fit_seasons(
    values: Float64Array,
    weights: Float64Array,
    days: Float64Array,
    cycles: Cycles,
    min_dates: int,
    steepest: float,
    rounds: int,
    noise: float,
) -> tuple[dict[str, Float64Array], Float64Array]:
    """Fit a double logistic to the values within each cycle of every series.

    Seasons are added on one base: where one follows another, each is fitted to what the other's curve leaves of the
    ground that they share.

    Parameters
    ----------
    values, weights : ndarray, shape (series, time), float64
        NDVI (NaN = unknown) and weights (0 = left out).
    days : ndarray, shape (time,), float64
    cycles : Cycles
        Days between which the values count, and where the fit starts.
    min_dates : int
        Fewer values seen (of a weight of 0.1 or more, others only fill gaps) are not fitted.
    steepest : float
        Upper bound of k1 and k2, per day.
    rounds : int
        Refits with Huber's weights.
    noise : float
        NDVI: error to expect of a value of weight 1, one sigma.

    Returns
    -------
    fit : dict of str to ndarray, shape (series, season), float64
        By `FIT_NAMES`: the curve, weighted residual RMSE, number of values seen, longest time without one, share
        of the variance explained, first and last day with a value. NaN where there is no cycle or too few values.
    covariance : ndarray, shape (series, season, 6, 6), float64
        Of base, amplitude, k1, t1, k2 and t2.
    """
    asked = np.stack([cycles.first, cycles.last, cycles.rise, cycles.fall, cycles.bottom, cycles.top], axis=-1)
    out = np.full((*asked.shape[:2], len(FIT_NAMES)), np.nan)
    covariance = np.full((*asked.shape[:2], 6, 6), np.nan)
    flat = (np.ascontiguousarray(a, np.float64) for a in (values, weights, days, asked))
    fit_all(*flat, min_dates, steepest, rounds, noise, out, covariance)
    return dict(zip(FIT_NAMES, np.moveaxis(out, -1, 0), strict=True)), covariance
