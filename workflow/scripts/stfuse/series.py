"""Dense series: images of several sources put in order, noise left out, gaps filled, brought to a regular step."""

# ruff: noqa: ANN001, ANN202 - numba infers the types of what it compiles; mypy sees to the rest

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from stfuse.task import FloatArray

Dates = NDArray[np.datetime64]

OBSERVED, FUSED, NOISE, FILLED = 1, 2, 4, 8
"""Bits of `Dense.flags`; 0 = nothing known of this pixel on this date."""


@dataclass(frozen=True)
class SeriesSettings:
    """How a series is filled and smoothed.

    Attributes
    ----------
    step_days : int
        Step of the regular series.
    max_gap_days : float
        Gaps between valid dates that are longer are flagged.
    noise_rate : float
        NDVI per day: a value that departs from both its neighbours in the same sense faster than
        this is noise. Chen et al. 2004 and Htitiou et al. 2020: 0.4 in 20 days.
    noise_floor : float
        NDVI: smaller departures are never called noise.
    noise_days : float
        A neighbour farther away than this proves nothing.
    half_width : int
        Savitzky-Golay window, steps on each side.
    degree : int
        Of the polynomial.
    smoother : {"posterior", "savitzky_golay"}
        The curve of highest probability (see `stfuse.posterior`), or the weighted filter.
    upper_envelope : bool
        Chen's iteration in place of either. It lifts the curve over cuts and harvests.
    filled_days : float
        Errors of filled values this near to each other are one and the same: together they count as one value.
    """

    step_days: int = 5
    max_gap_days: float = 60.0
    noise_rate: float = 0.02
    noise_floor: float = 0.1
    noise_days: float = 20.0
    half_width: int = 5
    degree: int = 3
    smoother: str = "posterior"
    upper_envelope: bool = False
    filled_days: float = 15.0

    def __post_init__(self) -> None:
        if self.step_days < 1 or self.half_width < 1 or not 0 <= self.degree <= 2 * self.half_width:
            raise ValueError(f"Step, window and degree do not fit each other: {self}.")
        if self.smoother not in ("posterior", "savitzky_golay") or self.filled_days <= 0:
            raise ValueError(f"A series has smoother posterior or savitzky_golay and filled_days > 0, found {self}.")


@dataclass(frozen=True)
class Dense:
    """NDVI of several sources on one grid, one image a date.

    Attributes
    ----------
    values : ndarray, shape (time, y, x), float32
        NDVI -1..1, NaN = unknown. Noise is kept, and flagged.
    dates : ndarray, shape (time,), datetime64[D]
        Ascending, each once.
    flags : ndarray of uint8, shape (time, y, x)
        Sum of `OBSERVED`, `FUSED`, `FILLED` and `NOISE`.
    own_sigmas : ndarray, shape (time, y, x), float32, optional
        Standard deviations that came with the filled values; NaN elsewhere.
    """

    values: FloatArray
    dates: Dates
    flags: NDArray[np.uint8]
    own_sigmas: FloatArray | None = None


def assemble(
    observed: tuple[FloatArray, Dates],
    fused: tuple[FloatArray, Dates],
    settings: SeriesSettings | None = None,
    filled: tuple[FloatArray, FloatArray, Dates] | None = None,
) -> Dense:
    """Put observed, fused and filled images in one series: on a shared date a pixel takes the first of them it has.

    Parameters
    ----------
    observed, fused : (values, dates)
        Shapes (time, y, x) and (time,), in any order of dates. Several observed images of
        a date are averaged where they overlap.
    filled : (values, sigmas, dates), optional
        What a gap experiment says, with its standard deviations. It has no part in what counts as noise: a smooth
        curve through a cloud would make the clear values beside it look like peaks.

    Raises
    ------
    ValueError
        If images and dates do not belong together, or there is no image at all.
    """
    sources = [(OBSERVED, *observed), (FUSED, *fused), *([(FILLED, filled[0], filled[2])] if filled else [])]
    for _, values, dates in sources:
        if len(values) != len(dates):
            raise ValueError(f"A series needs one date an image, found {len(values)} images and {len(dates)} dates.")
    dates = np.unique(np.concatenate([days for _, _, days in sources]).astype("datetime64[D]"))
    if not len(dates):
        raise ValueError("A series needs at least one image, found none.")
    shape = next(values.shape[1:] for _, values, _ in sources if len(values))
    values = np.full((len(dates), *shape), np.nan, np.float32)
    flags = np.zeros(values.shape, np.uint8)
    own = np.full(values.shape, np.nan, np.float32) if filled else None
    for i, date in enumerate(dates):
        for bit, images, days in sources:
            at = np.flatnonzero(days == date)
            image = _mean([images[j] for j in at], shape)
            takes = np.isnan(values[i]) & np.isfinite(image)
            values[i][takes], flags[i][takes] = image[takes], bit
            if own is not None and filled and bit == FILLED:
                own[i][takes] = _mean([filled[1][j] for j in at], shape)[takes]
    seen = np.where(flags & FILLED, np.float32(np.nan), values) if filled else values
    flags[find_noise(seen, dates, settings or SeriesSettings())] |= NOISE
    return Dense(values, dates, flags, own)


def _mean(images: Sequence[FloatArray], shape: tuple[int, ...]) -> FloatArray:
    total, count = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for image in images:
        total += np.nan_to_num(image)
        count += np.isfinite(image)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def day_numbers(dates: Dates, year: int) -> NDArray[np.float64]:
    """Days counted from 1 January of `year`, which is day 1; going on past the year's end."""
    return np.asarray((dates - np.datetime64(f"{year}-01-01")).astype("timedelta64[D]").astype(np.float64) + 1)


@njit(parallel=True, cache=True)
def _noise(values, days, rate, floor, reach, out):  # type: ignore[no-untyped-def]
    """Values as (pixel, time). What was found is left out before looking again.

    Dips go first: between two clouds a clear value would look like a peak.
    """
    for p in prange(len(values)):
        times = np.flatnonzero(np.isfinite(values[p]))
        for dips_only in (True, True, False):
            kept = times[~out[p][times]]
            for k in range(1, len(kept) - 1):
                i, before, after = kept[k], kept[k - 1], kept[k + 1]
                span = max(days[i] - days[before], days[after] - days[i])
                up, down = values[p, i] - values[p, before], values[p, i] - values[p, after]
                if span > reach or up * down <= 0 or (dips_only and up > 0):
                    continue
                out[p, i] = min(abs(up), abs(down)) > max(floor, rate * span)


def find_noise(values: FloatArray, dates: Dates, settings: SeriesSettings) -> NDArray[np.bool_]:
    """Single values that depart from the dates before and after alike, faster than vegetation changes.

    The papers reject every rise of more than 0.4 in 20 days. Steep logistic seasons (k = 0.13 per day,
    amplitude 0.7) rise as fast, and fields are harvested in a day, so here a change is noise only if
    it is undone as fast: a value that stays is a season, one that comes and goes is a cloud.

    Parameters
    ----------
    values : ndarray, shape (time, ...)
        NDVI, NaN = unknown.
    dates : ndarray, shape (time,)

    Returns
    -------
    ndarray of bool, shape of `values`
    """
    flat = np.ascontiguousarray(values.reshape(len(values), -1).T)
    out = np.zeros(flat.shape, np.bool_)
    days = (dates - dates[0]).astype("timedelta64[D]").astype(np.float64)
    _noise(flat, days, settings.noise_rate, settings.noise_floor, settings.noise_days, out)
    return out.T.reshape(values.shape)


@njit(parallel=True, cache=True)
def _fill(values, days, steps, filled, support, gap):  # type: ignore[no-untyped-def]
    """Linear between the valid dates of each pixel, constant before the first and after the last."""
    for p in prange(len(values)):
        times = np.flatnonzero(np.isfinite(values[p]))
        n, k = len(times), 0
        for s in range(len(steps)):
            if n == 0:
                filled[p, s], support[p, s], gap[p, s] = np.nan, np.nan, np.nan
                continue
            while k < n and days[times[k]] <= steps[s]:
                k += 1
            before, after = times[max(k - 1, 0)], times[min(k, n - 1)]
            left, right = abs(steps[s] - days[before]), abs(days[after] - steps[s])
            share = left / (left + right) if before != after else 0.0
            filled[p, s] = values[p, before] + share * (values[p, after] - values[p, before])
            support[p, s] = min(left, right)
            # Past the ends the gap is open: count the way back twice, as if the next date lay as far ahead.
            gap[p, s] = days[after] - days[before] if before != after else 2.0 * min(left, right)


def to_steps(
    values: FloatArray, days: NDArray[np.float64], steps: NDArray[np.float64]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Bring series to a regular step by linear interpolation over what is unknown.

    Parameters
    ----------
    values : ndarray, shape (time, ...)
        NaN = unknown or not to be used.
    days, steps : ndarray, shape (time,) and (step,), float64
        Ascending day numbers of the values and of the result.

    Returns
    -------
    filled : ndarray, shape (step, ...), float32
        NaN where a pixel has no value at all.
    support : ndarray, shape (step, ...), float32
        Days to the nearest date used.
    gap : ndarray, shape (step, ...), float32
        Days between the two dates interpolated between; beyond the first and last date twice the distance.
    """
    flat = np.ascontiguousarray(values.reshape(len(values), -1).T)
    parts = [np.empty((len(flat), len(steps)), np.float32) for _ in range(3)]
    _fill(flat, days, steps, *parts)
    filled, support, gap = (part.T.reshape(len(steps), *values.shape[1:]) for part in parts)
    return filled, support, gap


def regular_steps(first: np.datetime64, last: np.datetime64, step_days: int) -> Dates:
    """Dates from `first` to at most `last`, `step_days` apart."""
    return np.arange(first, last + np.timedelta64(1, "D"), np.timedelta64(step_days, "D"), dtype="datetime64[D]")
