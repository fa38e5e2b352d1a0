"""The season of every pixel or field: the main cycle, a double logistic fitted to it, its transition dates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stfuse.phenology.cycles import main_cycles
from stfuse.phenology.leastsquares import fit_seasons
from stfuse.phenology.logistic import CURVE_NAMES, DATE_NAMES, transition_dates
from stfuse.series import SeriesSettings, to_steps
from stfuse.smoothing import weighted_savitzky_golay
from stfuse.task import FloatArray

Float64Array = NDArray[np.float64]

SEASON_NAMES = (*CURVE_NAMES, *DATE_NAMES, "rmse", "n", "gap")
"""What `find_seasons` returns for every series; `gap` is the longest time without a value in the season, in days."""


@dataclass(frozen=True)
class PhenologySettings:
    """How seasons are found and fitted.

    Attributes
    ----------
    min_amplitude : float
        NDVI. A cycle that rises less is no season: water, buildings, evergreens get no dates.
    min_dates : int
        Values a season needs; fewer leave the six unknowns open.
    min_explained : float
        Share of the season's variance that the curve must explain, 0..1.
    divide : float
        A dip parts two cycles where it reaches this share of the series' whole range.
    fused_weight : float
        Weight of a fused value beside an observed one's 1: half, as its error is half as large again.
    max_steepness : float
        Upper bound of k1 and k2, per day. 0.5 takes a limb from 10 to 90 % in 9 days.
    robust_rounds : int
        Refits with Huber's weights after the first, so that a missed cloud pulls less.
    """

    min_amplitude: float = 0.1
    min_dates: int = 7
    min_explained: float = 0.5
    divide: float = 0.5
    fused_weight: float = 0.5
    max_steepness: float = 0.5
    robust_rounds: int = 2

    def __post_init__(self) -> None:
        if self.min_dates < len(CURVE_NAMES) + 1 or self.min_amplitude <= 0 or not 0 < self.divide < 1:
            raise ValueError(f"Phenology needs min_dates > 6, min_amplitude > 0 and 0 < divide < 1, found {self}.")


def find_seasons(
    values: FloatArray, weights: FloatArray, days: Float64Array, settings: PhenologySettings | None = None
) -> Float64Array:
    """Fit a double logistic to the main cycle of every series.

    The cycle is found on the smoothed series (see `stfuse.phenology.cycles`), the curve is fitted to the values
    themselves, by weighted least squares within bounds from several starts.

    Parameters
    ----------
    values : ndarray, shape (time, ...)
        NDVI, NaN = unknown.
    weights : ndarray, shape (time, ...)
        1 = fully trusted, 0 = not used.
    days : ndarray, shape (time,), float64
        Ascending day numbers.

    Returns
    -------
    ndarray, shape (len(SEASON_NAMES), ...), float64
        Curve, transition dates (in the days given), weighted residual RMSE, number of values and
        the longest time between two of them. All NaN where there is no season; dates alone are NaN
        where the curve explains too little, or where they fall outside the season's values.

    References
    ----------
    Zhang et al. 2003 (doi:10.1016/S0034-4257(02)00135-9), Diao 2020 (doi:10.1016/j.rse.2020.111960),
    Yang et al. 2021, section 2.6.
    """
    settings = settings or PhenologySettings()
    filling = SeriesSettings()
    steps = np.arange(days[0], days[-1] + filling.step_days, filling.step_days, dtype=np.float64)
    trusted = np.where(weights > 0, values, np.float32(np.nan))
    filled, _, _ = to_steps(trusted, days, steps)
    smooth = filled.astype(np.float64)
    if len(steps) > 2 * filling.half_width:
        smooth = weighted_savitzky_golay(filled, np.ones_like(filled), filling.half_width, filling.degree)
    flat, trust, course = (np.asarray(a, np.float64).reshape(len(a), -1).T for a in (values, weights, smooth))
    cycles = main_cycles(course, steps, settings.min_amplitude, settings.divide)
    fit = fit_seasons(flat, trust, days, cycles, settings.min_dates, settings.max_steepness, settings.robust_rounds)
    curves = np.stack([fit[name] for name in CURVE_NAMES])
    dates = transition_dates(curves.T).T
    dates[:, (fit["explained"] < settings.min_explained) | (fit["amplitude"] < settings.min_amplitude)] = np.nan
    # A date before the first or after the last value is the model's word alone.
    dates[(dates < fit["first"]) | (dates > fit["last"])] = np.nan
    found = np.concatenate([curves, dates, [fit[name] for name in ("rmse", "n", "gap")]])
    return found.reshape(len(SEASON_NAMES), *values.shape[1:])
