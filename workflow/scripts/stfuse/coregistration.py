"""One global translation of an image onto a reference, and whether to believe it.

Gradient magnitudes are compared, because brightness differs between sensors and days while edges stay. The translation
maximises their correlation by the iterations of Evangelidis & Psarakis (2008, IEEE TPAMI 30, 1858-1865) for a pure
translation with free gain and offset, from the best whole-pixel start.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from stfuse.task import FloatArray

Real = NDArray[np.float64]

MAX_SHIFT = 2.0  # coarse pixels; larger ones are mistakes, not geometry
MIN_PIXELS = 100
MIN_MATCH = 0.3  # correlation of gradient magnitudes below which edges do not correspond
SIGMA = 1.0  # pixels; smoothing that keeps sub-pixel interpolation from sharpening or blurring the match
RIM = 2  # pixels beside missing ones, whose gradients are contaminated


@dataclass(frozen=True)
class Match:
    """How an image lies on its reference.

    Attributes
    ----------
    x, y : float
        Pixels by which the image must be moved right and down; 0 where the match was not accepted.
    accepted : bool
    before, after : float
        Correlation of the gradient magnitudes unmoved, and moved by the best translation found.
    error : float
        Standard error of the translation in pixels.
    reason : str
        Why it was not accepted.
    """

    x: float
    y: float
    accepted: bool
    before: float
    after: float
    error: float
    reason: str


def find_shift(moving: FloatArray, fixed: FloatArray, max_shift: float = MAX_SHIFT) -> Match:
    """Find the translation of `moving` onto `fixed`.

    Accepted if the match rises, is one at all, and the shift is below `max_shift` and above twice its own standard
    error: on few pixels a shift that cannot be told from zero does harm more often than good.

    Parameters
    ----------
    moving, fixed : ndarray, shape (band, y, x)
        The same bands on the same grid, NaN = not observed; such pixels and their neighbours take no part.
    max_shift : float
        Pixels.
    """
    edges, seen = _edges(moving, fixed)
    if seen[0].sum() < MIN_PIXELS or (seen[0] & seen[1]).sum() < MIN_PIXELS:
        return Match(0.0, 0.0, False, math.nan, math.nan, math.nan, f"fewer than {MIN_PIXELS} common clear pixels")
    start = _best_whole(edges, seen, math.ceil(max_shift))
    shift, error = _refine(edges, seen, start, max_shift)
    before = _match(*_sample(edges, seen, np.zeros(2)))
    after = _match(*_sample(edges, seen, shift))
    length = float(np.hypot(*shift))
    if not after > before:
        reason = "the match does not rise"
    elif after < MIN_MATCH:
        reason = f"the edges do not correspond ({after:.2f})"
    elif length >= max_shift:
        reason = f"shift of {length:.2f} pixels is too large"
    elif not length > 2 * error:
        reason = f"shift of {length:.2f} pixels is below twice its error ({error:.2f})"
    else:
        return Match(float(shift[1]), float(shift[0]), True, before, after, error, "")
    return Match(0.0, 0.0, False, before, after, error, reason)


def _edges(moving: FloatArray, fixed: FloatArray) -> tuple[tuple[Real, Real], tuple[Any, Any]]:
    """Gradient magnitude of both images over all bands together, shape (y, x), and where it can be trusted."""
    together = np.isfinite(moving).all(axis=0) & np.isfinite(fixed).all(axis=0)
    images, masks = [], []
    for image in (moving, fixed):
        seen: NDArray[np.bool_] = np.asarray(np.isfinite(image).all(axis=0))
        total = np.zeros(seen.shape)
        for band in image.astype(np.float64):
            spread = float(np.std(band[together])) if together.any() else 1.0
            # Bands count alike, whatever their contrast.
            total += _gradient(band, seen) ** 2 / max(spread, 1e-6) ** 2
        images.append(np.sqrt(total))
        # A frame of trusted pixels at the image's edge stays: there nothing contaminates but a one-sided kernel.
        masks.append(~ndimage.binary_dilation(~seen, iterations=RIM) & _inner(seen.shape))
    return (images[0], images[1]), (masks[0], masks[1])


def _inner(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    inner = np.zeros(shape, bool)
    inner[1:-1, 1:-1] = True
    return inner


def _gradient(band: Real, seen: NDArray[np.bool_]) -> Real:
    """Gradient magnitude of a smoothed band, missing pixels filled from their neighbours (normalised convolution)."""
    weight = ndimage.gaussian_filter(seen.astype(np.float64), SIGMA, mode="nearest")
    smooth = ndimage.gaussian_filter(np.where(seen, band, 0.0), SIGMA, mode="nearest") / np.maximum(weight, 1e-6)
    smooth = np.where(weight > 1e-3, smooth, smooth[seen].mean() if seen.any() else 0.0)
    down, right = np.gradient(smooth)
    return np.asarray(np.hypot(down, right))


def _sample(edges: tuple[Real, Real], seen: tuple[Any, Any], shift: Real) -> tuple[Real, Real]:
    """Pixels of moved `moving` and of `fixed` where both are trusted, each of shape (n,)."""
    moved = ndimage.shift(edges[0], shift, order=3, mode="nearest")
    trusted = ndimage.shift(seen[0].astype(np.float64), shift, order=1, cval=0.0) > 0.999
    both = trusted & seen[1]
    return moved[both], edges[1][both]


def _match(moved: Real, fixed: Real) -> float:
    """Correlation coefficient, 0 where there is nothing to correlate."""
    if len(moved) < MIN_PIXELS // 2 or not np.std(moved) > 0 or not np.std(fixed) > 0:
        return 0.0
    return float(np.corrcoef(moved, fixed)[0, 1])


def _best_whole(edges: tuple[Real, Real], seen: tuple[Any, Any], reach: int) -> Real:
    steps = [np.array((dy, dx), float) for dy in range(-reach, reach + 1) for dx in range(-reach, reach + 1)]
    # Zero first: of equal matches the smallest shift wins.
    steps.sort(key=lambda step: float(np.hypot(*step)))
    matches = [_match(*_sample(edges, seen, step)) for step in steps]
    return steps[int(np.argmax(matches))]


def _refine(edges: tuple[Real, Real], seen: tuple[Any, Any], start: Real, max_shift: float) -> tuple[Real, float]:
    """Gauss-Newton for moved = gain * fixed + offset, and the standard error of the translation (pixels)."""
    shift, error = start.copy(), math.inf
    for _ in range(30):
        moved = ndimage.shift(edges[0], shift, order=3, mode="nearest")
        trusted = ndimage.shift(seen[0].astype(np.float64), shift, order=1, cval=0.0) > 0.999
        both = trusted & seen[1]
        if both.sum() < MIN_PIXELS // 2 or np.abs(shift).max() > max_shift + 1:
            return shift, math.inf
        down, right = (np.asarray(slope, np.float64) for slope in np.gradient(moved))
        # Moving the image by +d changes a pixel by -d * slope.
        design = np.column_stack([edges[1][both], np.ones(int(both.sum())), down[both], right[both]])
        solution, residual, rank, _ = np.linalg.lstsq(design, moved[both], rcond=None)
        if rank < 4:
            return shift, math.inf
        step = solution[2:]
        shift = shift + np.clip(step, -0.5, 0.5)
        error = _standard_error(design, residual)
        if np.abs(step).max() < 1e-3:
            break
    return shift, error


def _standard_error(design: Real, residual: Real) -> float:
    """Of the translation's length, from the least-squares covariance.

    Smoothing makes neighbours alike: about 4 pi sigma^2 pixels carry one independent residual.
    """
    count = len(design)
    alike = 4 * math.pi * SIGMA**2
    variance = float(residual[0]) / max(count - 4, 1) if len(residual) else 0.0
    covariance = np.linalg.inv(design.T @ design) * variance * alike
    return float(np.sqrt(covariance[2, 2] + covariance[3, 3]))
