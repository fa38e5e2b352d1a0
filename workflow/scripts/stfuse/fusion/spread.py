"""How much an image varies: over all of it, and over the window around each pixel. Compiled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from stfuse.task import FloatArray, Task
from stfuse.threads import each

Moments = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]
SD = Literal["image", "window"]


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
    return _joined(map(_moments, parts))


def references_sd(pieces: Iterable[Task]) -> FloatArray:
    """`image_sd` of the reference images of a scene that comes in pieces."""
    return _joined(each(pieces, lambda task: _moments(task.fine.values[..., *task.core])))


def _moments(part: FloatArray) -> Moments:
    """Count, mean and sum of squared deviations from it, of each image."""
    seen = np.isfinite(part)
    n = seen.sum(axis=(2, 3))
    mean = np.divide(np.where(seen, part, 0).sum(axis=(2, 3), dtype=np.float64), np.maximum(n, 1))
    square = np.zeros(n.shape)
    for index in np.ndindex(*n.shape):  # one image at a time: the float64 copy stays small
        values = part[index][seen[index]]
        square[index] = np.square(values - mean[index], dtype=np.float64).sum()
    return n, mean, square


def _joined(parts: Iterable[Moments]) -> FloatArray:
    """Standard deviations from the moments of parts.

    Each part's deviations are from its own mean, so that nothing is lost where the spread is small.
    """
    count, mean, square = (np.zeros((), np.float64) for _ in range(3))
    for n, of_part, spread in parts:
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
    _window_sd(np.pad(values, window // 2, constant_values=np.float32(np.nan)), window, out)
    return out


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
