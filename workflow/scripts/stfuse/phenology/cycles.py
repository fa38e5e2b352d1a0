"""The cycles of growth in a smooth series: where each starts, peaks and ends."""

# ruff: noqa: ANN001, ANN202 - numba infers the types of what it compiles; mypy sees to the rest

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]

_BARE = 0.1  # share of the amplitude above a valley that still counts as its bare ground


@dataclass(frozen=True)
class Cycles:
    """The cycles of every series in order of time; NaN where there is none.

    Attributes
    ----------
    first, last : ndarray, shape (series, season)
        Days between which the cycle lies, the bare ground on both sides included.
    rise, fall : ndarray, shape (series, season)
        Days at which the series stands half-way up and half-way down.
    bottom, top : ndarray, shape (series, season)
        The lower valley and the peak.
    amplitude : ndarray, shape (series, season)
        Height of the peak over the mean of both valleys.
    """

    first: Float64Array
    last: Float64Array
    rise: Float64Array
    fall: Float64Array
    bottom: Float64Array
    top: Float64Array
    amplitude: Float64Array


@njit(cache=True)
def _turning_points(smooth, swing, turns, kinds):  # type: ignore[no-untyped-def]
    """Write alternating valleys (kind -1) and peaks (+1) that swings of at least `swing` part; returns their number."""
    low, high, looking, count = 0, 0, 0, 0
    for i in range(len(smooth)):
        if looking <= 0 and smooth[i] < smooth[low]:
            low = i
        if looking >= 0 and smooth[i] > smooth[high]:
            high = i
        if looking <= 0 and smooth[i] - smooth[low] >= swing:
            turns[count], kinds[count], count = low, -1, count + 1
            looking, high = 1, i
        elif looking >= 0 and smooth[high] - smooth[i] >= swing:
            turns[count], kinds[count], count = high, 1, count + 1
            looking, low = -1, i
    if looking != 0:
        turns[count], kinds[count], count = (high, 1, count + 1) if looking > 0 else (low, -1, count + 1)
    return count


@njit(cache=True)
def _cycles_of(smooth, least, divide, found):  # type: ignore[no-untyped-def]
    """Write left, peak, right and amplitude of the largest cycles to `found`, by time; returns their number."""
    n, most = len(smooth), len(found)
    turns, kinds = np.zeros(n + 2, np.int64), np.zeros(n + 2, np.int64)
    count = _turning_points(smooth, max(least, divide * (smooth.max() - smooth.min())), turns, kinds)
    kept = 0
    for c in range(count):
        if kinds[c] < 0:
            continue
        top = turns[c]
        left = turns[c - 1] if c > 0 else np.argmin(smooth[: top + 1])
        right = turns[c + 1] if c + 1 < count else top + np.argmin(smooth[top:])
        height = smooth[top] - 0.5 * (smooth[left] + smooth[right])
        if height < least:
            continue
        place = kept
        if kept == most:
            place = int(np.argmin(found[:, 3]))
            if found[place, 3] >= height:
                continue
            for later in range(place, most - 1):
                found[later] = found[later + 1]
            place = most - 1
        kept = min(kept + 1, most)
        floor_left, floor_right = smooth[left] + _BARE * height, smooth[right] + _BARE * height
        while left > 0 and smooth[left - 1] <= floor_left:
            left -= 1
        while right < n - 1 and smooth[right + 1] <= floor_right:
            right += 1
        found[place, 0], found[place, 1], found[place, 2], found[place, 3] = left, top, right, height
    return kept


@njit(parallel=True, cache=True)
def _all_cycles(smooth, steps, least, divide, out):  # type: ignore[no-untyped-def]
    for p in prange(len(smooth)):
        s = smooth[p]
        if np.isnan(s.sum()):
            continue
        found = np.zeros((out.shape[1], 4))
        for k in range(_cycles_of(s, least, divide, found)):
            left, peak, right = int(found[k, 0]), int(found[k, 1]), int(found[k, 2])
            rise, fall = peak, peak
            while rise > left and s[rise] > 0.5 * (s[peak] + s[left]):
                rise -= 1
            while fall < right and s[fall] > 0.5 * (s[peak] + s[right]):
                fall += 1
            o = out[p, k]
            o[0], o[1], o[2], o[3] = steps[left], steps[right], steps[rise], steps[fall]
            o[4], o[5], o[6] = min(s[left], s[right]), s[peak], found[k, 3]


def find_cycles(smooth: Float64Array, steps: Float64Array, least: float, divide: float, most: int) -> Cycles:
    """Find the cycles of every series, the largest ones if there are more than asked for.

    Peaks and valleys count where they are parted by a swing of at least `least` and of the share `divide` of
    the whole range. A cycle reaches from the valley before its peak to the valley after, and on from there as
    long as the series stays within a tenth of the amplitude of that valley: the bare ground that the fitted
    curve's base rests on, which two cycles share where they follow each other.
    The amplitude is taken over the mean of both valleys, so a cycle that the series' end cuts off counts half.

    Parameters
    ----------
    smooth : ndarray, shape (series, step), float64
        Without gaps; all NaN where nothing is known.
    steps : ndarray, shape (step,), float64
        Day numbers.
    least : float
        NDVI: a smaller amplitude is no cycle.
    divide : float
        0..1.
    most : int
        Cycles a series.
    """
    out = np.full((len(smooth), most, 7), np.nan)
    _all_cycles(np.ascontiguousarray(smooth, np.float64), steps, least, divide, out)
    return Cycles(*np.moveaxis(out, -1, 0))
