"""The main cycle of growth in a smooth series: where it starts, peaks and ends."""

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
    """The main cycle of every series; NaN where there is none.

    Attributes
    ----------
    first, last : ndarray, shape (series,)
        Days between which the cycle lies, the bare ground on both sides included.
    rise, fall : ndarray, shape (series,)
        Days at which the series stands half-way up and half-way down.
    bottom, top : ndarray, shape (series,)
        The lower valley and the peak.
    amplitude : ndarray, shape (series,)
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
def _largest(smooth, swing):  # type: ignore[no-untyped-def]
    """Find left, peak and right of the cycle of largest amplitude, and the amplitude; 0 where there is none."""
    n = len(smooth)
    turns, kinds = np.zeros(n + 2, np.int64), np.zeros(n + 2, np.int64)
    count = _turning_points(smooth, swing, turns, kinds)
    best, left, peak, right = 0.0, np.int64(0), np.int64(0), np.int64(0)
    for c in range(count):
        if kinds[c] < 0:
            continue
        top = turns[c]
        before = turns[c - 1] if c > 0 else np.argmin(smooth[: top + 1])
        after = turns[c + 1] if c + 1 < count else top + np.argmin(smooth[top:])
        height = smooth[top] - 0.5 * (smooth[before] + smooth[after])
        if height > best:
            best, left, peak, right = height, before, top, after
    floor_left, floor_right = smooth[left] + _BARE * best, smooth[right] + _BARE * best
    while best > 0 and left > 0 and smooth[left - 1] <= floor_left:
        left -= 1
    while best > 0 and right < n - 1 and smooth[right + 1] <= floor_right:
        right += 1
    return left, peak, right, best


@njit(parallel=True, cache=True)
def _all_cycles(smooth, steps, least, divide, out):  # type: ignore[no-untyped-def]
    for p in prange(len(smooth)):
        s = smooth[p]
        if np.isnan(s.sum()):
            continue
        left, peak, right, amplitude = _largest(s, max(least, divide * (s.max() - s.min())))
        if amplitude < least:
            continue
        rise, fall = peak, peak
        while rise > left and s[rise] > 0.5 * (s[peak] + s[left]):
            rise -= 1
        while fall < right and s[fall] > 0.5 * (s[peak] + s[right]):
            fall += 1
        out[p, 0], out[p, 1], out[p, 2], out[p, 3] = steps[left], steps[right], steps[rise], steps[fall]
        out[p, 4], out[p, 5], out[p, 6] = min(s[left], s[right]), s[peak], amplitude


def main_cycles(smooth: Float64Array, steps: Float64Array, least: float, divide: float) -> Cycles:
    """Find the cycle of largest amplitude in every series.

    Peaks and valleys count where they are parted by a swing of at least `least` and of the share `divide` of
    the whole range, so that cuts do not part a meadow's year while two crops of a year are parted. A cycle
    reaches from the valley before its peak to the valley after, and on from there as long as the series stays
    within a tenth of the amplitude of that valley: the bare ground that the fitted curve's base rests on.
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
    """
    out = np.full((len(smooth), 7), np.nan)
    _all_cycles(np.ascontiguousarray(smooth, np.float64), steps, least, divide, out)
    return Cycles(*out.T)
