"""Sudden losses of green in series: cuts, which grow back, and harvests or ploughing, which do not, with their days.

Where nothing was seen for long afterwards, nobody knows which it was.

Two values that follow each other tell an event where the second is lower than the course before lets expect, by more
than a minimum and than the values' errors, and where the next value says that it was no cloud: a cloud is gone on the
next clear day, a sward takes weeks. Ripening is no event: what the series loses in the weeks before, or goes on to
lose after, is taken off the drop in proportion to the days between the two values.
"""

# ruff: noqa: ANN001, ANN202 - numba infers the types of what it compiles; mypy sees to the rest

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]

EVENT_NAMES = ("day", "error", "drop", "kind", "before", "after", "regained")
"""What is known of an event: its day, one sigma of it, the drop in NDVI, its kind (see `KINDS`), the days of the last
value before and the first after, and the day by which the series had grown back (or can hold no trace of it any more).
"""
CUT, HARVEST, UNKNOWN = 1, 2, 3
KINDS = {CUT: "cut", HARVEST: "harvest", UNKNOWN: "unknown"}

_BEFORE = 25.0  # days of the course before that say what to expect
_BESIDE = 20.0  # days on either side whose fastest loss is taken for ripening
_ONE_FALL = 8.0  # days between two steps of one fall at most
_STEADY = 0.01  # NDVI per day: how fast courses change, one sigma, before any value is known
_REGROWTH = 13.0  # days in which a mown sward makes up 1 - 1/e of what it lost
_FASTER = 0.25  # share that it may have grown back beyond that
_UNDONE = 0.7  # share that no sward has grown back at its next value, however late
_LATER = 1.5  # of the days within which regrowth is looked for: the next value of all tells, if it is no later
_BACK = 0.8  # share after which a cut is no longer seen


@dataclass(frozen=True)
class EventSettings:
    """What counts as an event.

    Attributes
    ----------
    min_drop : float
        NDVI that it takes at least.
    sigmas : float
        How many standard errors of the drop it must exceed.
    max_gap : float
        Days between the last value before and the first after at most: what happens in longer gaps has no day.
    regrown : float
        Share of the drop that a cut makes up again; what does not is a harvest.
    within : float
        Days in which a cut does so; where nothing was seen in so many, half as long again.
    """

    min_drop: float = 0.15
    sigmas: float = 3.0
    max_gap: float = 20.0
    regrown: float = 0.5
    within: float = 40.0

    def __post_init__(self) -> None:
        if self.min_drop <= 0 or self.sigmas <= 0 or self.max_gap <= 0 or not 0 < self.regrown < 1:
            raise ValueError(f"Events need min_drop, sigmas and max_gap above 0 and regrown within 0..1, found {self}.")


@njit(cache=True)
def _course_before(t, y, v, i):  # type: ignore[no-untyped-def]
    """Level at value `i`, rate per day and their variances, by a line through the weeks before, drawn to no change."""
    s, sx, sy, sxx, sxy = 0.0, 0.0, 0.0, 0.0, 0.0
    j = i
    while j >= 0 and t[i] - t[j] <= _BEFORE:
        x, w = t[j] - t[i], 1.0 / v[j]
        s, sx, sy, sxx, sxy = s + w, sx + w * x, sy + w * y[j], sxx + w * x * x, sxy + w * x * y[j]
        j -= 1
    sxx += 1.0 / _STEADY**2
    det = s * sxx - sx * sx
    return (sxx * sy - sx * sxy) / det, (s * sxy - sx * sy) / det, sxx / det, s / det


@njit(cache=True)
def _steepest(t, y, v, i, side):  # type: ignore[no-untyped-def]
    """Fastest loss per day between value `i` and those of the weeks before (side -1) or after (+1), drawn to none."""
    rate, j = 0.0, i + side
    while 0 <= j < len(t) and abs(t[j] - t[i]) <= _BESIDE:
        x = abs(t[j] - t[i])
        rate = max(rate, side * (y[i] - y[j]) * x / (x * x + (v[i] + v[j]) / _STEADY**2))
        j += side
    return rate


@njit(cache=True)
def _is_undone(t, y, v, i, drop):  # type: ignore[no-untyped-def]
    """Whether the value after `i` says that what happened at `i` was a cloud; so it is where there is none."""
    if i + 1 >= len(t):
        return True
    share = min(_FASTER + 1.0 - math.exp(-(t[i + 1] - t[i]) / _REGROWTH), _UNDONE)
    return y[i + 1] - y[i] > share * drop + math.sqrt(v[i] + v[i + 1])


@njit(cache=True)
def _earliest(t, y, floor, i):  # type: ignore[no-untyped-def]
    """Day before which an event cannot lie: grown as fast as after value `i`, the sward was at its lowest then."""
    if i + 1 >= len(t) or y[i + 1] <= y[i]:
        return -math.inf
    return t[i] - max(y[i] - floor, 0.0) * (t[i + 1] - t[i]) / (y[i + 1] - y[i])


@njit(cache=True)
def _place(out, count, drop, before):  # type: ignore[no-untyped-def]
    """Where to write an event, -1 = nowhere: a fall over several values is one event, told by its largest step."""
    if count > 0 and before - out[count - 1, 5] <= _ONE_FALL:
        return count - 1 if drop > out[count - 1, 2] else -1
    if count < len(out):
        return count
    least = np.argmin(out[:, 2])
    if out[least, 2] >= drop:
        return -1
    for later in range(least, count - 1):
        out[later] = out[later + 1]
    return count - 1


@njit(cache=True)
def _events_of(t, y, v, asked, out):  # type: ignore[no-untyped-def]
    """Write the events of one series without gaps, the largest ones if there are more than `out` holds."""
    least, sigmas, longest, regrown, within = asked
    floor, count = y.min() if len(y) else 0.0, 0
    for i in range(1, len(t) - 1):
        gap = t[i] - t[i - 1]
        if gap > longest:
            continue
        level, rate, uncertain, steady = _course_before(t, y, v, i - 1)
        slope = max(-rate, _steepest(t, y, v, i - 1, -1), _steepest(t, y, v, i, 1))
        drop = level - y[i] - gap * slope
        if drop < max(least, sigmas * math.sqrt(uncertain + v[i] + gap * gap * steady)):
            continue
        if y[i - 1] - y[i] < 0.5 * drop or _is_undone(t, y, v, i, drop):
            continue
        top, back, j = 0.0, t[i], i + 1
        while j < len(t) and t[j] - t[i] <= (within if j > i + 1 else _LATER * within):
            share = (y[j] - y[i]) / drop
            top = max(top, share)
            back = t[j]
            if share >= _BACK:
                break
            j += 1
        told = t[i + 1] - t[i] <= within or top >= regrown  # one late value without green says little
        first = max(t[i - 1], min(_earliest(t, y, floor, i), t[i] - 1.0))
        place = _place(out, count, drop, t[i - 1])
        if place < 0:
            continue
        o = out[place]
        o[0], o[1], o[2] = 0.5 * (first + t[i]), max((t[i] - first) / math.sqrt(12.0), 0.5), drop
        o[3] = UNKNOWN if not told else (CUT if top >= regrown else HARVEST)
        o[4], o[5], o[6] = t[i - 1], t[i], back
        count = place + 1


@njit(parallel=True, cache=True)
def _all_events(values, sigmas, days, asked, out):  # type: ignore[no-untyped-def]
    for p in prange(len(values)):
        used = np.isfinite(values[p]) & (sigmas[p] > 0.0)
        if used.sum() >= 4:
            _events_of(days[used], values[p][used], sigmas[p][used] ** 2, asked, out[p])


def find_events(
    values: NDArray[np.floating],
    sigmas: NDArray[np.floating],
    days: Float64Array,
    settings: EventSettings,
    most: int,
) -> Float64Array:
    """Find cuts and harvests in every series.

    Parameters
    ----------
    values, sigmas : ndarray, shape (series, time)
        NDVI with NaN = unknown, and its error (one sigma; 0 or NaN = not used). Only values that were seen on their
        day belong here: filled ones smear what happened over the gap.
    days : ndarray, shape (time,), float64
        Ascending.
    settings : EventSettings
    most : int
        Events a series; the largest ones are kept, in order of time.

    Returns
    -------
    ndarray, shape (series, most, len(EVENT_NAMES)), float64
        By `EVENT_NAMES`; NaN where there are fewer.
    """
    out = np.full((len(values), most, len(EVENT_NAMES)), np.nan)
    asked = (settings.min_drop, settings.sigmas, settings.max_gap, settings.regrown, settings.within)
    flat = (np.ascontiguousarray(a, np.float64) for a in (values, sigmas, days))
    _all_events(*flat, asked, out)
    return out
