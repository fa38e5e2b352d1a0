"""Enhanced correlation of two images: the translation of the best correlation by Gauss-Newton steps.

Evangelidis & Psarakis (2008, IEEE TPAMI 30, 1858-1865) for a pure translation with free gain and offset. Its
standard error is a sandwich of spatially correlated scores (Conley 1999, Journal of Econometrics 92, 1-45).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from stfuse.harmonisation.edges import MIN_PIXELS, Real, Window

STEPS = 30
REACH = 2.0  # pixels, the smoothing of scores: what lies within some twice as far is taken to be alike
FLOOR = 0.01
"""Pixels by which noiseless images still miss: area means of a moved land are not quite moved area means."""


def by_ecc(windows: Sequence[Window], start: Real, max_shift: float) -> tuple[Real, float]:
    """The translation (down, right) in pixels from a start, and its standard error.

    Parameters
    ----------
    windows : sequence of Window
    start : ndarray, shape (2,)
    max_shift : float
        Pixels; given up where the steps lead further than one beyond.

    Returns
    -------
    shift : ndarray, shape (2,)
    error : float
        Infinite where the windows do not tell.
    """
    shift = start.copy()
    for _ in range(STEPS):
        step = gauss_newton(windows, shift)
        if step is None:
            return shift, math.inf
        shift = shift + np.clip(step, -0.5, 0.5)
        if np.abs(shift).max() > max_shift + 1:
            return shift, math.inf
        if np.abs(step).max() < 1e-3:
            break
    return shift, math.hypot(standard_error(windows, shift), FLOOR)


def gauss_newton(windows: Sequence[Window], shift: Real) -> Real | None:
    """One step for ``moved = gain * fixed + offset``, pixels down and right; None where the windows do not tell."""
    normal, right_side, count = np.zeros((4, 4)), np.zeros(4), 0
    for window in windows:
        moved, both = window.moved(shift)
        # Moving the image by +d changes a pixel by -d * slope.
        design = _design(window.fixed, moved)[:, both]
        normal += design @ design.T
        right_side += design @ moved[both]
        count += int(both.sum())
    if count < MIN_PIXELS // 2 or np.linalg.cond(normal) > 1e14:
        return None
    return np.asarray(np.linalg.solve(normal, right_side)[2:], np.float64)


def standard_error(windows: Sequence[Window], shift: Real) -> float:
    """Standard error of the length of the best translation, pixels; infinite where the windows do not tell.

    At the best translation the residuals ``moved - gain * fixed - offset`` have no part along the slopes; how far
    chance moves that point is the spread of the sum of slope times residual, over how steeply the sum changes.
    Residuals are alike over smoothed noise and over whole fields that changed, so the spread counts products of
    neighbours, by Gaussian weights. Slopes are the fixed image's, for a residual times its own slope only adds up
    to zero at length; the steepness is of both images' slopes together, which what only one shows does not raise.
    """
    gain, offset = _line(windows, shift)
    steepness, spread = np.zeros((4, 4)), np.zeros((4, 4))
    for window in windows:
        moved, both = window.moved(shift)
        known = _design(window.fixed, gain * window.fixed) * both
        steepness += np.einsum("iyx,jyx->ij", known, _design(window.fixed, moved) * both)
        scores = known * np.where(both, moved - gain * window.fixed - offset, 0.0)
        spread += _spread(scores)
    if not np.isfinite(steepness).all() or np.linalg.cond(steepness) > 1e14:
        return math.inf
    inverse = np.linalg.inv((steepness + steepness.T) / 2)
    covariance = inverse @ spread @ inverse
    return float(np.sqrt(covariance[2, 2] + covariance[3, 3]))


def _line(windows: Sequence[Window], shift: Real) -> tuple[float, float]:
    """Gain and offset of the moved image over the fixed one."""
    pairs = [(window.fixed[both], moved[both]) for window in windows for moved, both in [window.moved(shift)]]
    fixed, moved = (np.concatenate(part) for part in zip(*pairs, strict=True))
    design = np.stack([fixed, np.ones(len(fixed))], axis=1)
    gain, offset = np.linalg.lstsq(design, moved, rcond=None)[0]
    return float(gain), float(offset)


def _design(fixed: Real, sloping: Real) -> Real:
    """What a pixel changes by with gain, offset and translation (down, right), shape (4, y, x)."""
    return np.stack([fixed, np.ones(fixed.shape), *np.gradient(sloping)])


def _spread(scores: Real) -> Real:
    """Covariance of the sums of some scores, shape (n, y, x), of which neighbours are alike; shape (n, n)."""
    # Smoothed twice over by one Gaussian is smoothed once by the wider one: products of neighbours weighted by it.
    rim = math.ceil(4 * REACH)
    room = np.pad(scores, ((0, 0), (rim, rim), (rim, rim)))
    smooth = ndimage.gaussian_filter(room, (0, REACH, REACH), mode="constant")
    return np.asarray(np.einsum("iyx,jyx->ij", smooth, smooth) * 4 * math.pi * REACH**2)
