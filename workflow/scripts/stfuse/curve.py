"""The curve of a dense series on a regular step, with an uncertainty for each of its values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stfuse.posterior import learn_speeds, posterior
from stfuse.series import FILLED, NOISE, Dates, Dense, SeriesSettings, to_steps
from stfuse.sigmas import Sigmas, value_sigmas
from stfuse.smoothing import upper_envelope, weighted_savitzky_golay
from stfuse.task import FloatArray
from stfuse.widening import measure_widening, widening

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """What `smooth_series` returns.

    Attributes
    ----------
    smooth, uncertainty : ndarray, shape (step, y, x), float32
        NDVI and its standard deviation, NaN where a pixel has no value on any date.
    support : ndarray, shape (step, y, x), float32
        Days to the nearest observed or fused value that is not noise.
    long_gap : ndarray of bool, shape (step, y, x)
        True within gaps between such values longer than `max_gap_days`.
    sigmas : ndarray, shape (time, y, x), float32
        Standard deviation of every value of the series, NaN where there is none.
    weights : ndarray, shape (time, y, x), float32
        What a value counts, 1 = an observed one; 0 = not used.
    """

    smooth: FloatArray
    uncertainty: FloatArray
    support: FloatArray
    long_gap: NDArray[np.bool_]
    sigmas: FloatArray
    weights: FloatArray


def smooth_series(
    dense: Dense,
    steps: Dates,
    settings: SeriesSettings | None = None,
    sigmas: Sigmas | None = None,
    shares: Float64Array | None = None,
    factors: Float64Array | None = None,
) -> Curve:
    """Fill the gaps of a series and smooth it on a regular step.

    Parameters
    ----------
    steps : ndarray, shape (step,), datetime64[D]
        Ascending, `step_days` apart.
    sigmas : Sigmas, optional
        From `stfuse.sigmas.measure_sigmas`.
    shares : ndarray, optional
        From `speeds_of`.
    factors : ndarray, optional
        From `widening_of`.

    Notes
    -----
    Whatever the smoother, the uncertainty is the root of the expected square of curve minus truth, given the values:
    the posterior's variance, widened by what hidden values showed, and the square of what the curve departs from the
    posterior's mean.
    """
    settings, sigmas = settings or SeriesSettings(), sigmas or Sigmas()
    start = dense.dates[0]
    days, at = ((d - start).astype("timedelta64[D]").astype(np.float64) for d in (dense.dates, steps))
    own = value_sigmas(dense, sigmas)
    seen = _seen(dense)
    counted = np.where(np.isfinite(seen), own, np.float32(np.nan))
    used = counted
    if dense.flags.max(initial=0) & FILLED:
        wider = widening(to_steps(seen, days, days)[1], factors)
        counted = _add_filled(dense, seen, counted, own, days, settings, shares, wider)
        # In a gap the model is too sure by this factor. Filled values as much too sure have their right weight beside
        # it, and their right uncertainty once the whole curve is widened.
        used = counted / wider
    _, support, gap = to_steps(seen, days, at)
    mean, spread = posterior(dense.values, used, days, at, shares)
    spread *= widening(support, factors)
    weights = np.asarray(np.nan_to_num((sigmas.observed / counted) ** 2), np.float32)
    smooth = mean
    if settings.upper_envelope or settings.smoother == "savitzky_golay":
        smooth = _filtered(dense, weights, days, at, settings)
        spread = np.sqrt(spread**2 + (smooth - mean) ** 2).astype(np.float32)
    long_gap = (gap > settings.max_gap_days) & (support > 0)
    return Curve(np.clip(smooth, np.float32(-1), np.float32(1)), spread, support, long_gap, own, weights)


def speeds_of(pieces: Sequence[Dense], sigmas: Sigmas) -> Float64Array:
    """How common each speed of change is among the pixels of parts of a site; see `stfuse.posterior.learn_speeds`.

    Every pixel counts alike: a part with none that is known, as beyond the edge of an orbit, says nothing.

    Parameters
    ----------
    pieces : sequence of Dense
        One or more, of the same dates.
    """
    dates = pieces[0].dates
    days = (dates - dates[0]).astype("timedelta64[D]").astype(np.float64)
    return learn_speeds(*_pixels(pieces, sigmas), days)


def widening_of(pieces: Sequence[Dense], steps: Dates, sigmas: Sigmas, shares: Float64Array) -> Float64Array:
    """How much too sure the curve is by the distance to values; see `stfuse.widening.measure_widening`.

    Parameters
    ----------
    pieces : sequence of Dense
        One or more, of the same dates.
    steps : ndarray, shape (step,), datetime64[D]
    shares : ndarray
        From `speeds_of`.
    """
    seen, own = _pixels(pieces, sigmas)
    return measure_widening(seen, own, pieces[0].dates, steps, shares)


def _pixels(pieces: Sequence[Dense], sigmas: Sigmas) -> tuple[FloatArray, FloatArray]:
    """Values seen in all pieces and their standard deviations, shape (time, pixel)."""
    seen = np.concatenate([_seen(dense).reshape(len(dense.dates), -1) for dense in pieces], axis=1)
    own = np.concatenate([value_sigmas(dense, sigmas).reshape(len(dense.dates), -1) for dense in pieces], axis=1)
    return seen, own


def _seen(dense: Dense) -> FloatArray:
    """Observed and fused values without noise, NaN elsewhere."""
    return np.where(dense.flags & (NOISE | FILLED), np.float32(np.nan), dense.values)


def _add_filled(
    dense: Dense,
    seen: FloatArray,
    counted: FloatArray,
    own: FloatArray,
    days: Float64Array,
    settings: SeriesSettings,
    shares: Float64Array | None,
    wider: FloatArray,
) -> FloatArray:
    """Standard deviations to count with, those of filled values so widened that they tell what is new and no more.

    A filled value was made of the same observed values as the curve, and of radar. Informations (1 / variance) add
    up, so what radar adds is the filled value's less that which the seen values alone give the curve on that day,
    `wider` taken into account: nothing beside a clear date, nearly all in a long gap. And errors of one gap hang
    together: values within `filled_days` share what they tell.
    """
    fills = np.isfinite(own) & (dense.flags & FILLED > 0)
    on = np.flatnonzero(fills.any(axis=(1, 2)))
    _, alone = posterior(seen, counted, days, days[on], shares)
    spacing = float(np.median(np.diff(days[on]))) if len(on) > 1 else settings.filled_days
    together = max(1.0, settings.filled_days / spacing)
    known = np.nan_to_num(np.float32(1) / (alone * wider[on]) ** 2)  # a pixel never seen has none
    with np.errstate(divide="ignore"):
        new = np.maximum(np.float32(1) / own[on] ** 2 - known, 0) / np.float32(together)
        widened = np.where(fills[on] & (new > 0), np.float32(1) / np.sqrt(new), np.float32(np.nan))
    out = counted.copy()
    out[on] = np.where(fills[on], widened, counted[on])
    return out


def _filtered(
    dense: Dense,
    weights: FloatArray,
    days: Float64Array,
    at: Float64Array,
    settings: SeriesSettings,
) -> FloatArray:
    """Savitzky-Golay, or Chen's envelope, of what lies between the values that count."""
    used = weights > 0
    course, near, _ = to_steps(np.where(used, dense.values, np.float32(np.nan)), days, at)
    if settings.upper_envelope:
        return upper_envelope(course).astype(np.float32)
    counts, _, _ = to_steps(np.where(used, weights, np.float32(np.nan)), days, at)
    trust = np.maximum(np.nan_to_num(counts) * _trust(near, settings), np.float32(0.01))
    smooth = weighted_savitzky_golay(course, trust, settings.half_width, settings.degree)
    return smooth.astype(np.float32)


def _trust(support: FloatArray, settings: SeriesSettings) -> FloatArray:
    """Weight 1 within half a step of a valid date, falling to 0.1 a long gap's half away from any."""
    away = np.nan_to_num(support) - 0.5 * settings.step_days
    return np.asarray(np.clip(1.0 - 1.8 * away / settings.max_gap_days, 0.1, 1.0), np.float32)
