"""Similar pixels: which pixels of a window are most like its centre. Compiled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stfuse.task import FloatArray

# Pixels of a vector, which rows of a window are read in; rows of a window that are looked at in one go.
_LANES, _ROWS = 16, 16

_STEPS = np.float32(2e6)
"""Images are searched in steps of 5e-7: whole numbers, whose differences are exact. The scales of products in
reflectance (1e-4, 2.75e-5) are multiples, so that what differs equally in digital numbers does so here, and not in
the last bits, which would decide between pixels that are equally similar."""

_LEAST = np.float32(1e-5)
"""Unlikeness that nearness counts for where there is none (as in Zhu's codes of FSDAF)."""

_NONE = (0x7F7FFFFF << 32) | 0xFFFFFFFF
"""A key beyond that of any pixel: the bits of the largest finite float32, and the last rank."""


@dataclass(frozen=True)
class Similar:
    """The similar pixels of a block of centres, the most similar first.

    Attributes
    ----------
    dy, dx : ndarray, shape (rows, columns, count), int16
        Where they lie, as offsets from their centre; undefined beyond `number`. The count is at most the number of
        the window's pixels.
    unlikeness : ndarray, shape (rows, columns, count), float32
        Sum over the layers of weight * |difference|, whatever nearness did to the order; undefined beyond `number`.
    number : ndarray, shape (rows, columns), int32
        How many there are, the centre among them; 0 where the centre is not observed or not asked for.
    """

    dy: NDArray[np.int16]
    dx: NDArray[np.int16]
    unlikeness: FloatArray
    number: NDArray[np.int32]


def search(
    images: FloatArray,
    tolerance: FloatArray,
    weight: FloatArray,
    window: int,
    count: int,
    edges: tuple[int, int, int, int],
    wanted: NDArray[np.bool_] | None = None,
    nearness: float = 0.0,
) -> Similar:
    """Find the pixels of the window around each centre that are most like it.

    A pixel is similar if it differs from the centre by less than the tolerance in EVERY layer; the centre is
    similar to itself. Of the similar pixels those with the least weighted sum of differences are kept; of equally
    similar ones the nearer, then the first in reading order. The answer for a centre depends on its window alone.
    Images and differences count in steps of 5e-7, so that equal differences of quantised reflectance are equal.

    Parameters
    ----------
    images : ndarray, shape (layer, y, x), float32
        A pixel with NaN in any layer is neither candidate nor centre.
    tolerance : ndarray, shape (layer,), float32
        In units of the layer; infinite = the layer excludes nothing.
    weight : ndarray, broadcastable to (layer, y, x), float32
        Of the layer's difference in the order, taken at the centre. Held to 0..1e30; NaN is 0.
    window : int
        Odd width, fine pixels; cut at the image's edge.
    count : int
        How many to keep, at least 1; more than the window has pixels is all of them.
    edges : (top, bottom, left, right)
        The centres, as pixels of `images`. Go through a scene in blocks of rows: the answer is large.
    wanted : ndarray, shape (rows, columns), bool, optional
        Which of these centres are asked for.
    nearness : float
        The order is that of ``(unlikeness + 1e-5) (1 + nearness d / radius)`` at distance d, the radius being half
        the window; at 0, of unlikeness alone. Zhu's codes of FSDAF have 0.1.
    """
    radius, count = window // 2, min(count, window**2)
    top, bottom, left, right = edges
    shape = (bottom - top, right - left)
    centres = images[:, top:bottom, left:right]
    asked = np.isfinite(centres).all(axis=0) & (True if wanted is None else wanted)
    # No sum of differences may be negative or NaN: its bits are sorted by.
    weight = np.fmin(np.fmax(np.asarray(weight, np.float32), 0), np.float32(1e30))
    full = np.broadcast_to(weight, images.shape)[:, top:bottom, left:right]
    dy, dx, unlikeness = (np.empty((*shape, count), kind) for kind in (np.int16, np.int16, np.float32))
    found = Similar(dy, dx, unlikeness, np.zeros(shape, np.int32))
    padded, limits = _surroundings(images, radius, edges), np.asarray(tolerance, np.float32) * _STEPS
    weights = np.ascontiguousarray(full.transpose(1, 2, 0)) / _STEPS
    tables = (*_ranks(window), _parts(window), _distance_factor(window, nearness))
    _search(padded, limits, weights, *tables, asked, dy, dx, unlikeness, found.number)
    if nearness:
        _sum_up(padded, weights, radius, dy, dx, found.number, unlikeness)
    return found


def _surroundings(images: FloatArray, radius: int, edges: tuple[int, int, int, int]) -> FloatArray:
    """The centres and `radius` pixels around in `_STEPS`, NaN outside the images."""
    top, bottom, left, right = edges
    out = np.full((len(images), bottom - top + 2 * radius, right - left + 2 * radius), np.nan, np.float32)
    rows = slice(max(top - radius, 0), min(bottom + radius, images.shape[1]))
    columns = slice(max(left - radius, 0), min(right + radius, images.shape[2]))
    y, x = rows.start - top + radius, columns.start - left + radius
    part = images[:, rows, columns]
    out[:, y : y + part.shape[1], x : x + part.shape[2]] = np.rint(part * _STEPS)
    return out


def _ranks(window: int) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    """Places of the window by distance, then reading order: the rank of each, and the offset (dy, dx) of each rank."""
    offset = np.arange(window) - window // 2
    places = np.stack([np.repeat(offset, window), np.tile(offset, window)], axis=1)
    order = np.argsort((places**2).sum(axis=1), kind="stable")
    rank = np.empty(window * window, np.int64)
    rank[order] = np.arange(window * window)
    return rank.reshape(window, window), places[order].astype(np.int16)


def _distance_factor(window: int, nearness: float) -> FloatArray:
    """What unlikeness counts in each place of the window, its rows made up to whole vectors; none if nearness is 0."""
    if not nearness:
        return np.empty(0, np.float32)
    offset = np.arange(window) - window // 2
    out = np.ones((window, window + -window % _LANES), np.float32)
    out[:, :window] = 1 + nearness * np.hypot(offset[:, None], offset) / max(window // 2, 1)
    return out.ravel()


def _parts(window: int) -> NDArray[np.int64]:
    """First and last + 1 of the rows of a window that are looked at together, shape (part, 2).

    From the centre outwards: the best are mostly near, and what follows is soon refused.
    """
    middle = window // 2
    inner = range((middle - _ROWS // 2) % _ROWS, window, _ROWS)
    ends = np.unique([0, *inner, window])
    parts = np.stack([ends[:-1], ends[1:]], axis=1)
    return parts[np.argsort(np.abs(parts.mean(axis=1) - middle), kind="stable")]


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _search(
    padded: FloatArray,
    tolerance: FloatArray,
    weight: FloatArray,
    rank: NDArray[np.int64],
    offsets: NDArray[np.int16],
    parts: NDArray[np.int64],
    factor: FloatArray,
    asked: NDArray[np.bool_],
    dy: NDArray[np.int16],
    dx: NDArray[np.int16],
    unlikeness: FloatArray,
    number: NDArray[np.int32],
) -> None:
    """Column by column: the windows of one column's centres overlap, and lie together in the nearest memory."""
    window, count, layers = rank.shape[0], dy.shape[2], padded.shape[0]
    radius, wide = window // 2, (window + _LANES - 1) // _LANES * _LANES
    samples = np.full((layers, padded.shape[1] * wide), np.nan, np.float32)
    score, hits = np.empty(_ROWS * wide, np.float32), np.empty(wide, np.int64)
    bits = score.view(np.int32)  # of a float that is not negative: in the order of the floats
    keys = np.empty((count + _LANES - 1) // _LANES * _LANES, np.int64)  # best first, made up to whole vectors
    for x in range(asked.shape[1]):
        if not asked[:, x].any():
            continue
        _gather(padded, x, window, wide, samples)
        for y in range(asked.shape[0]):
            if not asked[y, x]:
                continue
            keys[0], keys[1:] = 0, _NONE  # 0: the centre
            centre = padded[:, y + radius, x + radius]
            for p in range(len(parts)):
                first, last = parts[p]
                _score(samples, (y + first) * wide, (last - first) * wide, centre, tolerance, weight[y, x], score)
                if first <= radius < last:
                    score[(radius - first) * wide + radius] = np.inf  # the centre is in already
                raised = factor[first * wide : last * wide]
                for i in range(len(raised)):
                    score[i] = (score[i] + _LEAST) * raised[i]
                for row in range(first, last):
                    here, bound = bits[(row - first) * wide :], np.int32(keys[count - 1] >> 32)
                    if _number_within(here, wide, bound) > 0:
                        _keep(here, bound, rank[row], keys, count, hits)
            for n in range(count):
                if keys[n] == _NONE:
                    break
                place = keys[n] & 0xFFFFFFFF
                dy[y, x, n], dx[y, x, n] = offsets[place, 0], offsets[place, 1]
                bits[0] = keys[n] >> 32
                unlikeness[y, x, n] = score[0]
                number[y, x] = n + 1


@njit(inline="always")  # type: ignore[untyped-decorator]
def _gather(padded: FloatArray, column: int, window: int, wide: int, samples: FloatArray) -> None:
    """The samples of one column's windows, so that those of one window are in one piece; NaN makes up `wide`."""
    for layer in range(padded.shape[0]):
        for i in range(padded.shape[1]):
            there, here = samples[layer, i * wide : i * wide + window], padded[layer, i, column : column + window]
            for j in range(window):
                there[j] = here[j]


@njit(inline="always")  # type: ignore[untyped-decorator]
def _score(
    samples: FloatArray,
    start: int,
    length: int,
    centre: FloatArray,
    tolerance: FloatArray,
    weight: FloatArray,
    score: FloatArray,
) -> None:
    """Weighted sums of differences of a part of a window to its centre; infinite where not similar."""
    for layer in range(len(samples)):
        own, near, factor = centre[layer], tolerance[layer], weight[layer]
        values, sums = samples[layer, start : start + length], score[:length]
        if layer == 0:
            for i in range(length):
                difference = abs(values[i] - own)
                sums[i] = factor * difference if difference < near else np.float32(np.inf)
        else:
            for i in range(length):
                difference = abs(values[i] - own)
                sums[i] = sums[i] + factor * difference if difference < near else np.float32(np.inf)


@njit(inline="always")  # type: ignore[untyped-decorator]
def _number_within(bits: NDArray[np.int32], wide: int, bound: np.int32) -> np.int32:
    """How many of a row's scores are among the best: counted to the end, as vectors."""
    number = np.int32(0)
    for i in range(wide):
        number += np.int32(bits[i] <= bound)
    return number


@njit(inline="always")  # type: ignore[untyped-decorator]
def _keep(
    bits: NDArray[np.int32],
    bound: np.int32,
    rank: NDArray[np.int64],
    keys: NDArray[np.int64],
    count: int,
    hits: NDArray[np.int64],
) -> None:
    """Put the places of a row that are among the best in among the sorted keys.

    The bits of the score with the place's rank below them are one number, which sorts by unlikeness,
    distance and reading order. `hits` is memory for the places of a row.
    """
    number = 0
    for i in range(len(rank)):  # without a branch, which nobody could foresee
        hits[number] = i
        number += bits[i] <= bound
    for hit in hits[:number]:
        key = (np.int64(bits[hit]) << 32) | rank[hit]
        if key < keys[count - 1]:
            before = np.int64(-1)
            for n in range(len(keys)):
                here = keys[n]
                keys[n] = max(before, min(here, key))
                before = here


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _sum_up(
    padded: FloatArray,
    weight: FloatArray,
    radius: int,
    dy: NDArray[np.int16],
    dx: NDArray[np.int16],
    number: NDArray[np.int32],
    unlikeness: FloatArray,
) -> None:
    """The unlikeness of what was found, where the order was another."""
    for y in range(number.shape[0]):
        for x in range(number.shape[1]):
            for n in range(number[y, x]):
                i, j, total = y + radius + dy[y, x, n], x + radius + dx[y, x, n], np.float32(0)
                for layer in range(len(padded)):
                    total += weight[y, x, layer] * abs(padded[layer, i, j] - padded[layer, y + radius, x + radius])
                unlikeness[y, x, n] = total
