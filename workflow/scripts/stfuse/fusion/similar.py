"""Similar pixels: how much an image varies, and which pixels of a window are most like its centre. Compiled."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stfuse.task import FloatArray

SD = Literal["image", "window"]

# Pixels of a vector, which rows of a window are read in; neighbouring centres that are searched for at a time.
_LANES, _TURNS = 16, 16

_NONE = (0x7F7FFFFF << 32) | 0xFFFFFFFF
"""A key beyond that of any pixel: the bits of the largest finite float32, and the last rank."""


def image_sd(parts: Iterable[FloatArray]) -> FloatArray:
    """Standard deviation of each image over its observed pixels, 0 where none is.

    Parameters
    ----------
    parts : iterable of ndarray, shape (time, band, y, x), float32
        The images in pieces that cover them once; one piece for images that are whole.

    Returns
    -------
    ndarray, shape (time, band), float32
    """
    count, mean, square = (np.zeros((), np.float64) for _ in range(3))
    for part in parts:
        # Deviations from the piece's own mean, so that nothing is lost where the spread is small.
        seen = np.isfinite(part)
        n = seen.sum(axis=(2, 3))
        of_part = np.divide(np.where(seen, part, 0).sum(axis=(2, 3), dtype=np.float64), np.maximum(n, 1))
        spread = np.zeros(n.shape)
        for index in np.ndindex(*n.shape):  # one image at a time: the float64 copy stays small
            values = part[index][seen[index]]
            spread[index] = np.square(values - of_part[index], dtype=np.float64).sum()
        total = count + n
        step = of_part - mean
        # Chan et al. 1983: how sums of squares of two parts add up.
        square = square + spread + step**2 * count * n / np.maximum(total, 1)
        mean = mean + step * n / np.maximum(total, 1)
        count = total
    return np.sqrt(square / np.maximum(count, 1)).astype(np.float32)


def window_sd(values: FloatArray, window: int) -> FloatArray:
    """Standard deviation over the observed pixels of the window around each pixel.

    The window is clipped at the image's edge and divided by the number of pixels it has there.

    Parameters
    ----------
    values : ndarray, shape (y, x), float32
    window : int
        Odd width in pixels.

    Returns
    -------
    ndarray, shape (y, x), float32
        0 where nothing in the window is observed.
    """
    out = np.empty(values.shape, np.float32)
    _window_sd(pad(values[None], window // 2, np.nan)[0], window, out)
    return out


def pad(images: FloatArray, radius: int, value: float) -> FloatArray:
    """Images (pair, y, x) with `radius` pixels of `value` around, contiguous."""
    return np.pad(images, ((0, 0), (radius, radius), (radius, radius)), constant_values=np.float32(value))


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _window_sd(padded: FloatArray, window: int, out: FloatArray) -> None:
    """Columns first, then rows: 2 w additions a pixel, in an order that no tiling changes."""
    width = padded.shape[1]
    for y in range(out.shape[0]):
        count, first, second = np.zeros(width), np.zeros(width), np.zeros(width)
        for dy in range(window):
            for x in range(width):
                value = np.float64(padded[y + dy, x])
                if np.isfinite(value):
                    count[x] += 1
                    first[x] += value
                    second[x] += value * value
        for x in range(out.shape[1]):
            n, a, b = 0.0, 0.0, 0.0
            for dx in range(window):
                n += count[x + dx]
                a += first[x + dx]
                b += second[x + dx]
            out[y, x] = np.sqrt(max(b / n - (a / n) ** 2, 0.0)) if n > 0 else 0.0


@dataclass(frozen=True)
class Similar:
    """The similar pixels of a block of centres, the most similar first.

    Attributes
    ----------
    dy, dx : ndarray, shape (rows, columns, count), int16
        Where they lie, as offsets from their centre; undefined beyond `number`.
    unlikeness : ndarray, shape (rows, columns, count), float32
        Sum over the layers of weight * |difference|; undefined beyond `number`.
    number : ndarray, shape (rows, columns), int16
        How many there are, the centre among them; 0 where the centre is not observed or not asked for.
    """

    dy: NDArray[np.int16]
    dx: NDArray[np.int16]
    unlikeness: FloatArray
    number: NDArray[np.int16]


def search(
    images: FloatArray,
    tolerance: FloatArray,
    weight: FloatArray,
    window: int,
    count: int,
    edges: tuple[int, int, int, int],
    wanted: NDArray[np.bool_] | None = None,
) -> Similar:
    """Find the pixels of the window around each centre that are most like it.

    A pixel is similar if it differs from the centre by less than the tolerance in EVERY layer; the centre is
    similar to itself. Of the similar pixels those with the least weighted sum of differences are kept; of equally
    similar ones the nearer, then the first in reading order. The answer for a centre depends on its window alone.

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
        How many to keep, at least 1.
    edges : (top, bottom, left, right)
        The centres, as pixels of `images`. Go through a scene in blocks of rows: the answer is large.
    wanted : ndarray, shape (rows, columns), bool, optional
        Which of these centres are asked for.
    """
    radius = window // 2
    top, bottom, left, right = edges
    shape = (bottom - top, right - left)
    centres = images[:, top:bottom, left:right]
    asked = np.isfinite(centres).all(axis=0) & (True if wanted is None else wanted)
    # No sum of differences may be negative or NaN: its bits are sorted by.
    weight = np.fmin(np.fmax(np.asarray(weight, np.float32), 0), np.float32(1e30))
    full = np.broadcast_to(weight, images.shape)[:, top:bottom, left:right]
    rank, offsets = _ranks(window)
    dy, dx, unlikeness = (np.empty((*shape, count), kind) for kind in (np.int16, np.int16, np.float32))
    found = Similar(dy, dx, unlikeness, np.empty(shape, np.int16))
    _search(
        _surroundings(images, radius, edges),
        np.asarray(tolerance, np.float32),
        np.ascontiguousarray(full.transpose(1, 2, 0)),
        rank,
        offsets,
        asked,
        found.dy,
        found.dx,
        found.unlikeness,
        found.number,
    )
    return found


def _surroundings(images: FloatArray, radius: int, edges: tuple[int, int, int, int]) -> FloatArray:
    """The centres and `radius` pixels around, NaN outside the images; shape (y, layer, x): rows lie together.

    The rows end in up to `_LANES` more NaN, so that a window's row can be read in whole vectors.
    """
    top, bottom, left, right = edges
    spare = -(2 * radius + 1) % _LANES
    out = np.full((bottom - top + 2 * radius, len(images), right - left + 2 * radius + spare), np.nan, np.float32)
    rows = slice(max(top - radius, 0), min(bottom + radius, images.shape[1]))
    columns = slice(max(left - radius, 0), min(right + radius, images.shape[2]))
    y, x = rows.start - top + radius, columns.start - left + radius
    part = images[:, rows, columns].transpose(1, 0, 2)
    out[y : y + part.shape[0], :, x : x + part.shape[2]] = part
    return out


def _ranks(window: int) -> tuple[NDArray[np.int64], NDArray[np.int16]]:
    """Places of the window by distance, then reading order: the rank of each, and the offset (dy, dx) of each rank."""
    offset = np.arange(window) - window // 2
    places = np.stack([np.repeat(offset, window), np.tile(offset, window)], axis=1)
    order = np.argsort((places**2).sum(axis=1), kind="stable")
    rank = np.empty(window * window, np.int64)
    rank[order] = np.arange(window * window)
    return rank.reshape(window, window), places[order].astype(np.int16)


@njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def _search(
    padded: FloatArray,
    tolerance: FloatArray,
    weight: FloatArray,
    rank: NDArray[np.int64],
    offsets: NDArray[np.int16],
    asked: NDArray[np.bool_],
    dy: NDArray[np.int16],
    dx: NDArray[np.int16],
    unlikeness: FloatArray,
    number: NDArray[np.int16],
) -> None:
    """Neighbouring centres take turns on each row of the window, so that the row stays in the nearest memory."""
    window, count = rank.shape[0], dy.shape[2]
    radius = window // 2
    wide = (window + _LANES - 1) // _LANES * _LANES
    score = np.empty(wide, np.float32)
    bits = score.view(np.int32)  # of a float that is not negative: in the order of the floats
    # The worst first. Beyond the best there are places that nothing enters, to make up whole vectors.
    keys = np.empty((_TURNS, (count + _LANES - 1) // _LANES * _LANES + 1), np.int64)
    for y in range(asked.shape[0]):
        for first in range(0, asked.shape[1], _TURNS):
            last = min(first + _TURNS, asked.shape[1])
            keys[:, : count - 1], keys[:, count - 1], keys[:, count:] = _NONE, 0, -1  # 0: the centre
            for step in range(window):
                # From the centre outwards: the best are mostly near, and what follows is soon refused.
                row = radius + ((step + 1) // 2 if step % 2 else -(step // 2))
                for x in range(first, last):
                    if asked[y, x]:
                        _score(padded, y, x, row, radius, tolerance, weight, score, wide)
                        if row == radius:
                            score[radius] = np.inf  # the centre is in already
                        bound, hits = np.int32(keys[x - first, 0] >> 32), np.int32(0)
                        for i in range(wide):
                            hits += np.int32(bits[i] <= bound)
                        if hits > 0:
                            _keep(bits, bound, rank[row], keys[x - first])
            for x in range(first, last):
                n = 0
                for place in range(count - 1, -1, -1):
                    key = keys[x - first, place]
                    if key == _NONE or not asked[y, x]:
                        break
                    dy[y, x, n], dx[y, x, n] = offsets[key & 0xFFFFFFFF, 0], offsets[key & 0xFFFFFFFF, 1]
                    bits[0] = key >> 32
                    unlikeness[y, x, n] = score[0]
                    n += 1
                number[y, x] = n


@njit(inline="always")  # type: ignore[untyped-decorator]
def _score(
    padded: FloatArray,
    y: int,
    x: int,
    row: int,
    radius: int,
    tolerance: FloatArray,
    weight: FloatArray,
    score: FloatArray,
    wide: int,
) -> None:
    """Weighted sum of differences of one row of the window to its centre; infinite where not similar."""
    for layer in range(padded.shape[1]):
        centre, near, factor = padded[y + radius, layer, x + radius], tolerance[layer], weight[y, x, layer]
        values = padded[y + row, layer, x : x + wide]
        if layer == 0:
            for i in range(wide):
                difference = abs(values[i] - centre)
                score[i] = factor * difference if difference < near else np.float32(np.inf)
        else:
            for i in range(wide):
                difference = abs(values[i] - centre)
                score[i] = score[i] + factor * difference if difference < near else np.float32(np.inf)


@njit(inline="always")  # type: ignore[untyped-decorator]
def _keep(bits: NDArray[np.int32], bound: np.int32, rank: NDArray[np.int64], keys: NDArray[np.int64]) -> None:
    """Put the places of a row that are among the best in among the sorted keys.

    The bits of the score with the place's rank below them are one number, which sorts by unlikeness,
    distance and reading order.
    """
    for i in range(len(rank)):
        if bits[i] <= bound:
            key = (np.int64(bits[i]) << 32) | rank[i]
            if key < keys[0]:
                for n in range(len(keys) - 1):
                    keys[n] = max(min(keys[n], key), keys[n + 1])
                bound = np.int32(keys[0] >> 32)
