"""What two images are compared by when one is laid on the other: gradient magnitudes, over windows, with masks.

Brightness differs between sensors and days, and between seasons even the sign of a field's contrast; edges stay.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stfuse.task import FloatArray

Real = NDArray[np.float64]
Flags = NDArray[np.bool_]

SIGMA = 1.0  # pixels; smoothing that keeps sub-pixel interpolation from sharpening or blurring the match
RIM = 2  # pixels beside missing ones, whose gradients are contaminated
MIN_PIXELS = 100
SIDE, CELLS = 256, 4
"""Of an image beyond (4 x 256)^2 pixels, the best window of 256 x 256 in each of 4 x 4 parts is compared: a million
pixels say all about one translation, and a tile of Landsat has thirteen."""
LEAST_DETAIL = 0.1  # of the best window's; below it lie water and clouds


@dataclass(frozen=True)
class Window:
    """A part of two images.

    Attributes
    ----------
    spline, fixed : ndarray, shape (y, x)
        Gradient magnitudes over all bands together: cubic spline coefficients of the image to be moved, and the other's
        values.
    moving_seen, fixed_seen : ndarray, shape (y, x), bool
        Where they can be trusted.
    """

    spline: Real
    fixed: Real
    moving_seen: Flags
    fixed_seen: Flags

    def moved(self, shift: Real) -> tuple[Real, Flags]:
        """The image moved by (down, right) pixels, and where it and the other are trusted, each of shape (y, x)."""
        values = ndimage.shift(self.spline, shift, order=3, mode="mirror", prefilter=False)
        trusted = ndimage.shift(self.moving_seen.astype(np.float32), shift, order=1, cval=0.0) > 0.999
        return values, np.asarray(trusted & self.fixed_seen)


def windows_of(moving: FloatArray, fixed: FloatArray) -> list[Window]:
    """The windows to compare two images by: one that is all of them, or several of a large image.

    Parameters
    ----------
    moving, fixed : ndarray, shape (band, y, x)
        The same bands on the same grid, NaN = not observed; such pixels and their neighbours take no part.
    """
    both: Flags = np.asarray(np.isfinite(moving).all(axis=0) & np.isfinite(fixed).all(axis=0))
    # Bands count alike, whatever their contrast; over all windows by one scale.
    scales = [[max(float(np.std(band[both])), 1e-6) if both.any() else 1.0 for band in i] for i in (moving, fixed)]
    found = []
    for rows, columns in _places(fixed, both):
        parts = moving[:, rows, columns], fixed[:, rows, columns]
        (first, seen), (second, known) = (_edges(p, s) for p, s in zip(parts, scales, strict=True))
        found.append(Window(ndimage.spline_filter(first, order=3, mode="mirror"), second, seen, known))
    return found


def _places(fixed: FloatArray, both: Flags) -> list[tuple[slice, slice]]:
    """Rows and columns of the windows: in each part of a large image the one that shows most detail in the clear."""
    height, width = both.shape
    if height * width <= (SIDE * CELLS) ** 2:
        return [(slice(0, height), slice(0, width))]
    places: list[tuple[float, tuple[slice, slice]]] = []
    for top, bottom in _cuts(height):
        for left, right in _cuts(width):
            starts = itertools.product(_starts(top, bottom), _starts(left, right))
            parts = [(slice(row, row + SIDE), slice(column, column + SIDE)) for row, column in starts]
            places.append(max(((_detail(fixed, both, part), part) for part in parts), key=_first))
    most = max(detail for detail, _ in places)
    return [part for detail, part in places if detail > LEAST_DETAIL * most]


def _detail(fixed: FloatArray, both: Flags, part: tuple[slice, slice]) -> float:
    """Contrast of the clear pixels of a window, times their share."""
    seen = both[part]
    return float(seen.mean() * fixed[0][part][seen].std()) if seen.any() else 0.0


def _first(pair: tuple[float, tuple[slice, slice]]) -> float:
    return pair[0]


def _cuts(length: int) -> list[tuple[int, int]]:
    """Beginnings and ends of the parts, each as long as a window or longer."""
    parts = max(1, min(CELLS, length // SIDE))
    edges = [round(i * length / parts) for i in range(parts + 1)]
    return list(itertools.pairwise(edges))


def _starts(first: int, end: int) -> list[int]:
    """Where the windows of a part begin, side by side; one where the image is no longer than a window."""
    return [*range(first, max(end - SIDE, first) + 1, SIDE)]


def _edges(image: FloatArray, scales: Sequence[float]) -> tuple[Real, Flags]:
    """Gradient magnitude over all bands together, shape (y, x), and where it can be trusted."""
    seen: Flags = np.asarray(np.isfinite(image).all(axis=0))
    total = np.zeros(seen.shape)
    for band, scale in zip(image, scales, strict=True):
        total += _gradient(band.astype(np.float64), seen) ** 2 / scale**2
    # Beside the image's edge nothing contaminates but a one-sided kernel: of it only the outermost pixels are left out.
    trusted = ~ndimage.binary_dilation(~seen, iterations=RIM)
    trusted[[0, -1]] = trusted[:, [0, -1]] = False
    return np.sqrt(total), trusted


def _gradient(band: Real, seen: Flags) -> Real:
    """Gradient magnitude of a smoothed band, missing pixels filled from their neighbours (normalised convolution)."""
    weight = ndimage.gaussian_filter(seen.astype(np.float64), SIGMA, mode="nearest")
    smooth = ndimage.gaussian_filter(np.where(seen, band, 0.0), SIGMA, mode="nearest") / np.maximum(weight, 1e-6)
    smooth = np.where(weight > 1e-3, smooth, smooth[seen].mean() if seen.any() else 0.0)
    down, right = np.gradient(smooth)
    return np.asarray(np.hypot(down, right))


def match(windows: Sequence[Window], shift: Real) -> float:
    """Correlation coefficient of the moved edges and the fixed ones, 0 where there is nothing to correlate."""
    pairs = []
    for window in windows:
        moved, both = window.moved(shift)
        pairs.append((moved[both], window.fixed[both]))
    return _correlation(pairs)


def _correlation(pairs: Sequence[tuple[Real, Real]]) -> float:
    first, second = (np.concatenate(part) for part in zip(*pairs, strict=True))
    if len(first) < MIN_PIXELS // 2 or not np.std(first) > 0 or not np.std(second) > 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def best_whole(windows: Sequence[Window], reach: int) -> Real:
    """The whole-pixel translation (down, right) of the best match within `reach` pixels: slices, no interpolation."""
    steps = [(dy, dx) for dy in range(-reach, reach + 1) for dx in range(-reach, reach + 1)]
    # Zero first: of equal matches the smallest shift wins.
    steps.sort(key=_length)
    values = [ndimage.shift(w.spline, 0, order=3, mode="mirror", prefilter=False) for w in windows]
    matches = [_correlation([_overlap(w, v, step) for w, v in zip(windows, values, strict=True)]) for step in steps]
    return np.array(steps[int(np.argmax(matches))], float)


def _length(step: tuple[int, int]) -> float:
    return math.hypot(*step)


def _overlap(window: Window, values: Real, step: tuple[int, int]) -> tuple[Real, Real]:
    """Trusted pixels of the image moved by whole pixels and of the other."""
    height, width = values.shape
    (down, right), there, here = step, [], []
    for move, length in ((down, height), (right, width)):
        here.append(slice(max(move, 0), length + min(move, 0)))
        there.append(slice(max(-move, 0), length + min(-move, 0)))
    both = window.moving_seen[tuple(there)] & window.fixed_seen[tuple(here)]
    return values[tuple(there)][both], window.fixed[tuple(here)][both]
