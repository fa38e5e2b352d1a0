"""The seasons of every pixel or field: cycles, a double logistic fitted to each, its dates and how sure they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stfuse.phenology.cycles import find_cycles
from stfuse.phenology.events import CUT, EVENT_NAMES, EventSettings, find_events
from stfuse.phenology.fits import fit_seasons
from stfuse.phenology.logistic import CURVE_NAMES, DATE_NAMES, season_peaks, transition_dates, transition_errors
from stfuse.series import SeriesSettings, to_steps
from stfuse.smoothing import filter_matrix, upper_envelope
from stfuse.task import FloatArray

Float64Array = NDArray[np.float64]

ERROR_NAMES = tuple(f"{name}_error" for name in DATE_NAMES)
MEASURE_NAMES = ("length", "integral", "peak", "top", "height", "rmse", "n", "gap", "explained")
SEASON_NAMES = (*CURVE_NAMES, *DATE_NAMES, *ERROR_NAMES, *MEASURE_NAMES)
"""What `find_seasons` returns of every season: the curve, the transition dates and one sigma of each in days; `length`
from the first date to the last, in days; `integral`, the area between curve and base over all time, in NDVI days;
`peak`, the day of the highest value, and `top`, that value; `height`, top less base (where the limbs overlap, the curve
never rises by its amplitude); the weighted residual `rmse`, the number `n` of values seen (of a weight of 0.1 or more:
what only fills gaps is not counted), the longest time without one (`gap`, days), and the share of the variance
`explained`.

date5 and date6 are of a curve that does not see the first `STUBBLE` days after a harvest: of a crop harvested ripe,
those of the crop had it stood; of one cut green, about those days. That needs a harvest that was found: its own day
is in the events' table.
"""

STUBBLE = 20.0
"""Days after a harvest whose values are left out of the curves."""


@dataclass(frozen=True)
class PhenologySettings:
    """How seasons and events are found and fitted.

    Attributes
    ----------
    max_seasons, max_events : int
        Of a whole series, however many years it has; should there be more, the largest are kept.
    min_amplitude : float
        NDVI. A cycle whose height is less is no season: water, buildings, evergreens get no dates.
    min_dates : int
        Values seen (of a weight of 0.1 or more) that a season needs; fewer leave the six unknowns open.
    min_explained : float
        Share of the season's variance that the curve must explain, 0..1.
    divide : float
        A dip parts two cycles where it reaches this share of the series' whole range.
    noise : float
        NDVI: error to expect of a value of weight 1, one sigma. The stage `phenology` takes what its series measured.
    misfit : float
        Stated errors of dates are larger by this factor than those of a curve that were the truth: curves are not, and
        errors that a whole image shares are in no series' noise. Of a stated 90 % at two simulated places, 2.0 holds
        83 % (Germany, 57 dates) and 99 % (Iowa, 38).
    max_steepness : float
        Upper bound of k1 and k2, per day. 0.5 takes a limb from 10 to 90 % in 9 days.
    robust_rounds : int
        Refits with Huber's weights after the first, so that a missed cloud pulls less.
    upper_envelope : bool
        Cycles are looked for in the envelope of Chen et al. 2004 in place of the plain Savitzky-Golay course.
    events : EventSettings
        What counts as a cut or a harvest. Values between a cut and its regrowth are left out of the curves, as are
        those of the first weeks of stubble.
    """

    max_seasons: int = 4
    max_events: int = 8
    min_amplitude: float = 0.1
    min_dates: int = 7
    min_explained: float = 0.5
    divide: float = 0.3
    noise: float = 0.025
    misfit: float = 2.0
    max_steepness: float = 0.5
    robust_rounds: int = 2
    upper_envelope: bool = False
    events: EventSettings = field(default_factory=EventSettings)

    def __post_init__(self) -> None:
        if self.min_dates < len(CURVE_NAMES) + 1 or self.min_amplitude <= 0 or not 0 < self.divide < 1:
            raise ValueError(f"Phenology needs min_dates > 6, min_amplitude > 0 and 0 < divide < 1, found {self}.")
        if min(self.max_seasons, self.max_events) < 1 or self.noise <= 0:
            raise ValueError(f"Phenology needs max_seasons and max_events of 1 or more and noise > 0, found {self}.")


def read_settings(params: Mapping[str, Any]) -> PhenologySettings:
    """Read the settings of a configuration's `phenology:`.

    Raises
    ------
    TypeError, ValueError
        If a setting is unknown or out of its range.
    """
    own = dict(params)
    return PhenologySettings(**{**own, "events": EventSettings(**own.get("events", {}))})


def setting_names() -> str:
    """The settings by name, for messages."""
    names = [f.name for f in fields(PhenologySettings) if f.name != "events"]
    return ", ".join([*names, *(f"events: {f.name}" for f in fields(EventSettings))])


def series_events(
    values: FloatArray, weights: FloatArray, days: Float64Array, settings: PhenologySettings
) -> Float64Array:
    """Find cuts and harvests in series, see `stfuse.phenology.events`.

    Parameters
    ----------
    values, weights : ndarray, shape (time, ...)
        NDVI, and weights as in `find_seasons`, 0 also where a value was not seen on its day.

    Returns
    -------
    ndarray, shape (len(EVENT_NAMES), max_events, ...), float64
    """
    flat, trust = (np.ascontiguousarray(a.reshape(len(a), -1).T, np.float64) for a in (values, weights))
    sigmas = np.divide(settings.noise, np.sqrt(trust), where=trust > 0, out=np.zeros_like(trust))
    found = find_events(flat, sigmas, days, settings.events, settings.max_events)
    return np.moveaxis(found, 0, -1).transpose(1, 0, 2).reshape(len(EVENT_NAMES), -1, *values.shape[1:])


def without_events(weights: FloatArray, days: Float64Array, events: Float64Array) -> FloatArray:
    """Take the weight of the values that tell of an event, not of the season.

    Those are the values between a cut and its regrowth, and of the first `STUBBLE` days after a harvest: later on, the
    field is as bare as it would be after ripening.

    Parameters
    ----------
    weights : ndarray, shape (time, ...)
    days : ndarray, shape (time,)
    events : ndarray, shape (len(EVENT_NAMES), event, ...)
        See `series_events`.
    """
    out = weights.copy()
    kind, after, back = (events[EVENT_NAMES.index(name)] for name in ("kind", "after", "regained"))
    until = np.where(kind == CUT, back, after + STUBBLE)
    for slot in np.flatnonzero(np.isfinite(kind).reshape(len(kind), -1).any(axis=1)):
        for i, day in enumerate(days):
            out[i][(after[slot] <= day) & (day < until[slot])] = 0
    return out


def find_seasons(
    values: FloatArray, weights: FloatArray, days: Float64Array, settings: PhenologySettings | None = None
) -> Float64Array:
    """Fit a double logistic to every cycle of every series.

    Cycles are found on the smoothed series (see `stfuse.phenology.cycles`), curves are fitted to the values
    themselves, by weighted least squares within bounds.

    Parameters
    ----------
    values : ndarray, shape (time, ...)
        NDVI, NaN = unknown.
    weights : ndarray, shape (time, ...)
        1 = as an observed value, in inverse proportion to the variance of its error; 0 = not used.
    days : ndarray, shape (time,), float64
        Ascending day numbers.

    Returns
    -------
    ndarray, shape (len(SEASON_NAMES), max_seasons, ...), float64
        Seasons in order of time, dates in the days given. NaN where there is no further season; dates alone are
        NaN where the curve explains too little, or where they fall outside the season's values.

    References
    ----------
    Zhang et al. 2003 (doi:10.1016/S0034-4257(02)00135-9), Diao 2020 (doi:10.1016/j.rse.2020.111960),
    Yang et al. 2021, section 2.6.
    """
    settings = settings or PhenologySettings()
    steps, course = _smooth(np.where(weights > 0, values, np.float32(np.nan)), days, settings)
    flat, trust = (np.ascontiguousarray(a.reshape(len(a), -1).T, np.float64) for a in (values, weights))
    cycles = find_cycles(course, steps, settings.min_amplitude, settings.divide, settings.max_seasons)
    limits = settings.min_dates, settings.max_steepness, settings.robust_rounds, settings.noise
    fit, covariance = fit_seasons(flat, trust, days, cycles, *limits)
    curves = np.stack([fit[name] for name in CURVE_NAMES], axis=-1)
    dates = transition_dates(curves)
    peaks = season_peaks(curves)
    tops = _heights(curves, peaks)
    heights = tops - fit["base"]
    dates[(fit["explained"] < settings.min_explained) | (heights < settings.min_amplitude)] = np.nan
    # A date before the first or after the last value is the model's word alone.
    dates[(dates < fit["first"][..., None]) | (dates > fit["last"][..., None])] = np.nan
    errors = settings.misfit * transition_errors(curves, dates, covariance)
    integral = fit["amplitude"] * (fit["t2"] - fit["t1"])  # what the area between two logistics comes to
    measures = [dates[..., 5] - dates[..., 0], integral, peaks, tops, heights]
    measures += [fit[name] for name in ("rmse", "n", "gap", "explained")]
    found = np.concatenate([curves, dates, errors, np.stack(measures, axis=-1)], axis=-1)
    return found.transpose(2, 1, 0).reshape(len(SEASON_NAMES), settings.max_seasons, *values.shape[1:])


def _smooth(values: FloatArray, days: Float64Array, settings: PhenologySettings) -> tuple[Float64Array, Float64Array]:
    """Regular days, and the smoothed series on them, shape (series, step)."""
    filling = SeriesSettings()
    steps = np.arange(days[0], days[-1] + filling.step_days, filling.step_days, dtype=np.float64)
    filled, _, _ = to_steps(values.reshape(len(values), -1), days, steps)
    smooth = filled.astype(np.float64)
    if len(steps) > 2 * filling.half_width:
        if settings.upper_envelope:
            smooth = upper_envelope(filled)
        else:
            smooth = filter_matrix(len(steps), filling.half_width, filling.degree) @ smooth
    return steps, np.ascontiguousarray(smooth.T)


def _heights(curves: Float64Array, days: Float64Array) -> Float64Array:
    """Each curve's value on a day of its own."""
    base, amplitude, k1, t1, k2, t2 = np.moveaxis(curves, -1, 0)
    rise, fall = (1 / (1 + np.exp(-np.clip(k * (days - t), -700, 700))) for k, t in ((k1, t1), (k2, t2)))
    return np.asarray(base + amplitude * (rise - fall))


def main_seasons(seasons: Float64Array) -> Float64Array:
    """The highest season of every series, seasons whose middles both are known first.

    Parameters
    ----------
    seasons : ndarray, shape (len(SEASON_NAMES), season, ...)

    Returns
    -------
    number : ndarray of int64, shape (...)
        Place among the seasons; 0 where there is none at all.
    """
    size = np.nan_to_num(seasons[SEASON_NAMES.index("height")])
    whole = np.isfinite(seasons[SEASON_NAMES.index("date2")] + seasons[SEASON_NAMES.index("date5")])
    return np.asarray(np.argmax(size + 2.0 * whole, axis=0))
