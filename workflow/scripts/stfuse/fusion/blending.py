"""STARFM's weighted mean over the similar pixels of a search window, compiled.

For any number of fine/coarse pairs; a method supplies the images and the rules.

Source: Gao et al. 2006 (IEEE TGRS 44:2207), sections II and III; where public codes differ, it is a rule.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from stfuse.fusion.blending_rules import Limit, Rules, numbers_of
from stfuse.task import FloatArray

Forms = tuple[bool, bool, bool, bool]
"""Logarithmic weights; T in the weights; one weight within the uncertainty; either filter is enough."""

# Sums may be reordered (that is what makes them vector instructions) and fused.
# `nnan` and `ninf` stay off.
_FAST = {"reassoc", "contract", "nsz"}

_LANES = 64
"""Compilers make 4 to 64 part sums of a float32 sum, a power of two. Which one a sample goes to depends on
its place in the window alone, because windows are never clipped but padded, and two windows that are
summed together lie a multiple of 64 samples apart: tiles give the bits of the whole."""

_ROWS = 128
"""Rows worked on at a time: with their surroundings they stay in a core's own cache."""

_FAR = np.float32(1e30)
"""In place of what was not observed. It is like nothing, and times a weight of 0 it is 0, as NaN is not."""


def inverse_distance(window: int, scale: float) -> FloatArray:
    """``1 / (1 + d / A)`` for each place of the window, shape (window, window); A = half the window if 0."""
    offset = np.arange(window) - window // 2
    distance = np.hypot(offset[:, None], offset[None, :])
    return (1.0 / (1.0 + distance / (scale or window / 2))).astype(np.float32)


def _padded_distance(rules: Rules) -> FloatArray:
    """`inverse_distance` in a frame of zeros whose width divides or is a multiple of `_LANES`.

    ``apart = _LANES / width`` rows, at least one, are put before: from there on the frame is for one window,
    from its first row on for the window `apart` rows lower (see `_LANES`).
    """
    width = 16 if rules.window <= 16 else 32 if rules.window <= 32 else -(-rules.window // _LANES) * _LANES
    apart = max(_LANES // width, 1)
    rows = -(-(rules.window + apart) // apart) * apart
    frame = np.zeros((apart + rows, width), np.float32)
    frame[apart : apart + rules.window, : rules.window] = inverse_distance(rules.window, rules.distance_scale)
    return frame


def blend(
    fine: FloatArray,
    coarse: FloatArray,
    now: FloatArray,
    tolerance: FloatArray,
    rules: Rules,
    edges: tuple[int, int, int, int] | None = None,
    limit: Limit = "smallest",
) -> FloatArray:
    """Predict one band from one or more pairs by STARFM (Gao et al. 2006, equations 4 to 16).

    Parameters
    ----------
    fine : ndarray, shape (pair, y, x), float32
        Fine images F_k at the base dates; reflectance, NaN = not observed.
    coarse : ndarray, shape (pair, y, x), float32
        Coarse images C_k at the base dates on the fine grid.
    now : ndarray, shape (y, x), float32
        Coarse image C_0 at the target date on the fine grid.
    tolerance : ndarray, broadcastable to (pair, y, x), float32
        Largest difference of a similar pixel to the centre, see `tolerances`.
    edges : (top, bottom, left, right), optional
        The pixels to predict; all of them by default.
    limit : {"smallest", "largest", "own"}
        Of several pairs' differences at the centre, the one that samples are filtered by (equations 15 and 16).

    Returns
    -------
    ndarray, shape (y, x), float32
        NaN where no pair is observed in all three images, and beyond the edges.
    """
    top, bottom, left, right = edges or (0, now.shape[0], 0, now.shape[1])
    fine, coarse, now = (np.ascontiguousarray(image, dtype=np.float32) for image in (fine, coarse, now))
    # Contiguous, as all others: for another layout the kernel would be compiled anew, and might sum otherwise.
    core = np.empty((bottom - top, right - left), np.float32)
    _blend(
        fine,
        coarse,
        now,
        np.ascontiguousarray(np.broadcast_to(np.asarray(tolerance, np.float32), fine.shape)),
        _padded_distance(rules),
        rules.window,
        (top, left),
        numbers_of(rules),
        (rules.weight == "log", rules.temporal_weight, rules.max_weight, not rules.strict),
        (limit == "largest", limit == "own"),
        core,
    )
    if rules.copy_on_zero_diff:
        _copy_equal(core, *(image[..., top:bottom, left:right] for image in (fine, coarse, now)))
    around = (top, now.shape[0] - bottom), (left, now.shape[1] - right)
    return np.pad(core, around, constant_values=np.float32(np.nan))


def _copy_equal(out: FloatArray, fine: FloatArray, coarse: FloatArray, now: FloatArray) -> None:
    """Gao et al. 2006, equations 13 and 14: no spectral difference -> C_0, no temporal difference -> F_k."""
    known = np.isfinite(fine + (now - coarse))
    alike, still = known & (fine == coarse), known & (coarse == now)
    np.copyto(out, now, where=alike.any(axis=0))
    count = still.sum(axis=0)
    unchanged = np.where(still, fine, np.float32(0)).sum(axis=0, dtype=np.float32) / np.maximum(count, 1)
    np.copyto(out, unchanged.astype(np.float32), where=count > 0)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _fill(
    planes: FloatArray,
    fine: FloatArray,
    coarse: FloatArray,
    now: FloatArray,
    top: int,
    left: int,
    numbers: FloatArray,
    forms: Forms,
) -> None:
    """Planes (4, y, x) of one pair from that corner on: F_k, S_k, C_0 - C_k, and 1 / combined difference.

    The last is without the distance, and negative where the distance does not count (`max_weight`).
    """
    epsilon, scale, uncertainty = numbers[2], numbers[3], numbers[4]
    log, temporal, alike, _ = forms
    one, two = np.float32(1), np.float32(2)
    zero = np.log(two) if log else epsilon
    largest = one / (zero * zero if temporal else zero)
    planes[:3] = _FAR
    planes[3] = 0
    for i in range(max(-top, 0), min(planes.shape[1], now.shape[0] - top)):
        for j in range(max(-left, 0), min(planes.shape[2], now.shape[1] - left)):
            f, c = fine[top + i, left + j], coarse[top + i, left + j]
            change = now[top + i, left + j] - c
            if not np.isfinite(f + change):
                continue
            s, t = abs(f - c), abs(change)
            part_s = np.log(scale * s + two) if log else s + epsilon
            part_t = np.log(scale * t + two) if log else t + epsilon
            quality = one / (part_s * part_t if temporal else part_s)
            if alike and (s / epsilon + one) * (t / epsilon + one if temporal else one) < uncertainty:
                quality = -largest
            planes[0, i, j], planes[1, i, j], planes[2, i, j], planes[3, i, j] = f, s, change, quality


@njit(nogil=True, fastmath=_FAST, cache=True)  # type: ignore[untyped-decorator]
def _sums(
    samples: FloatArray,
    start: int,
    distance: FloatArray,
    apart: int,
    upper: FloatArray,
    lower: FloatArray,
    forms: Forms,
) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Weighted forecasts less the centre's own, and weights, over two windows `apart` samples from each other.

    The two look at each sample while it is at hand. One loop without a branch or a temporary.
    """
    count = distance.size - apart
    fine, spectral = samples[0][start : start + count], samples[1][start : start + count]
    change, quality = samples[2][start : start + count], samples[3][start : start + count]
    near_1, near_2 = distance[apart:], distance[:count]
    fine_1, most_1, most_s1, most_t1, change_1 = upper[0], upper[1], upper[2], upper[3], upper[4]
    fine_2, most_2, most_s2, most_t2, change_2 = lower[0], lower[1], lower[2], lower[3], lower[4]
    _, _, alike, either = forms
    total_1, total_2, weights_1, weights_2 = np.float32(0), np.float32(0), np.float32(0), np.float32(0)
    for i in range(count):
        s, c, q = spectral[i], change[i], quality[i]
        d1, d2, t = fine[i] - fine_1, fine[i] - fine_2, abs(c)
        if either:
            ok1 = (abs(d1) < most_1) & ((s < most_s1) | (t < most_t1))
            ok2 = (abs(d2) < most_2) & ((s < most_s2) | (t < most_t2))
        else:
            ok1 = (abs(d1) < most_1) & (s < most_s1) & (t < most_t1)
            ok2 = (abs(d2) < most_2) & (s < most_s2) & (t < most_t2)
        w1, w2 = q * near_1[i], q * near_2[i]
        if alike:
            w1, w2 = -q if w1 < 0 else w1, -q if w2 < 0 else w2
        w1, w2 = w1 if ok1 else np.float32(0), w2 if ok2 else np.float32(0)
        weights_1 += w1
        weights_2 += w2
        # Differences, so that equal forecasts are returned without rounding.
        total_1 += w1 * (d1 + (c - change_1))
        total_2 += w2 * (d2 + (c - change_2))
    return total_1, weights_1, total_2, weights_2


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _centres(
    planes: FloatArray,
    tolerance: FloatArray,
    rows: int,
    column: int,
    radius: int,
    numbers: FloatArray,
    limit: tuple[bool, bool],
    out: FloatArray,
) -> None:
    """What the samples of each window of a column are held against, shape (pair, row, 5).

    F_k, the tolerance, the limits of the spectral and the temporal filter (see `blend`), C_0 - C_k.
    """
    largest, own = limit
    out[:] = 0
    for y in range(rows):
        i, j = y + radius, column + radius
        most_s = most_t = np.float32(0) if largest else _FAR
        for k in range(planes.shape[0]):
            s, t = planes[k, 1, i, j], abs(planes[k, 2, i, j])
            if not largest:
                most_s, most_t = min(most_s, s), min(most_t, t)
            elif s < _FAR:  # observed
                most_s, most_t = max(most_s, s), max(most_t, t)
        for k in range(planes.shape[0]):
            if own:
                most_s, most_t = planes[k, 1, i, j], abs(planes[k, 2, i, j])
            out[k, y, 0], out[k, y, 1] = planes[k, 0, i, j], tolerance[k, y, column]
            out[k, y, 2], out[k, y, 3] = most_s + numbers[0], most_t + numbers[1]
            out[k, y, 4] = planes[k, 2, i, j]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _finish(centres: FloatArray, sums: FloatArray, y: int) -> np.float32:
    """One prediction: the mean of the pairs' own forecasts, and on it the weighted mean of the differences to it."""
    own, count = np.float32(0), np.float32(0)
    for k in range(centres.shape[0]):
        if centres[k, y, 0] < _FAR:
            own += centres[k, y, 0] + centres[k, y, 4]
            count += np.float32(1)
    if count == 0:
        return np.float32(np.nan)
    own /= count
    total, weights = np.float32(0), np.float32(0)
    for k in range(centres.shape[0]):
        if sums[k, y, 1] > 0:
            total += sums[k, y, 0] + sums[k, y, 1] * (centres[k, y, 0] + centres[k, y, 4] - own)
            weights += sums[k, y, 1]
    return own + total / weights if weights > 0 else own


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _gather(planes: FloatArray, column: int, rows: int, width: int, samples: FloatArray) -> None:
    """The samples of one column's windows, `width` of them a row, so that each window lies in one piece."""
    for p in range(planes.shape[0]):
        for i in range(rows):
            there, here = samples[p, i * width : (i + 1) * width], planes[p, i, column : column + width]
            for j in range(width):  # through views of known length this is a copy of vectors
                there[j] = here[j]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _blend(
    fine: FloatArray,
    coarse: FloatArray,
    now: FloatArray,
    tolerance: FloatArray,
    frame: FloatArray,
    window: int,
    corner: tuple[int, int],
    numbers: FloatArray,
    forms: Forms,
    limit: tuple[bool, bool],
    out: FloatArray,
) -> None:
    """Predict `out`, whose first pixel is `corner` of the images, in blocks of rows, column by column."""
    pairs, height, width, radius = fine.shape[0], frame.shape[0], frame.shape[1], window // 2
    apart, distance = max(_LANES // width, 1), frame.ravel()
    planes = np.empty((pairs, 4, _ROWS + height, out.shape[1] + width), np.float32)
    samples = np.empty((4, planes.shape[2] * width), np.float32)
    centres, sums = np.empty((pairs, _ROWS, 5), np.float32), np.empty((pairs, _ROWS, 2), np.float32)
    for top in range(0, out.shape[0], _ROWS):
        rows = min(_ROWS, out.shape[0] - top)
        y0, x0 = corner[0] + top, corner[1]
        for k in range(pairs):
            _fill(planes[k], fine[k], coarse[k], now, y0 - radius, x0 - radius, numbers, forms)
        for x in range(out.shape[1]):
            _centres(planes, tolerance[:, y0:, x0:], rows, x, radius, numbers, limit, centres)
            for k in range(pairs):
                _gather(planes[k], x, rows + height, width, samples)
                for y in range(rows):
                    if y // apart % 2 == 0:
                        low = y + apart
                        sums[k, y, 0], sums[k, y, 1], sums[k, low, 0], sums[k, low, 1] = _sums(
                            samples, y * width, distance, apart * width, centres[k, y], centres[k, low], forms
                        )
            for y in range(rows):
                out[top + y, x] = _finish(centres, sums, y)
