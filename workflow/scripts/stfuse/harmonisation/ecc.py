"""Enhanced correlation of two images: the translation of the best correlation by Gauss-Newton steps.

Evangelidis & Psarakis (2008, IEEE TPAMI 30, 1858-1865) for a pure translation with free gain and offset.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from stfuse.harmonisation.edges import MIN_PIXELS, SIGMA, Real, Window

STEPS = 30


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
    error = math.inf
    for _ in range(STEPS):
        step, error = gauss_newton(windows, shift)
        if not math.isfinite(error):
            break
        shift = shift + np.clip(step, -0.5, 0.5)
        if np.abs(shift).max() > max_shift + 1:
            return shift, math.inf
        if np.abs(step).max() < 1e-3:
            break
    return shift, error


def gauss_newton(windows: Sequence[Window], shift: Real) -> tuple[Real, float]:
    """One step for ``moved = gain * fixed + offset``, and the standard error of the translation's length in pixels.

    The error is that of least squares. Smoothing makes neighbours alike: about 4 pi sigma^2 pixels carry one
    independent residual.
    """
    normal, right_side, squares, count = np.zeros((4, 4)), np.zeros(4), 0.0, 0
    for window in windows:
        moved, both = window.moved(shift)
        down, right = (np.asarray(slope, np.float64)[both] for slope in np.gradient(moved))
        # Moving the image by +d changes a pixel by -d * slope.
        design = np.stack([window.fixed[both], np.ones(len(down)), down, right])
        target = moved[both]
        normal += design @ design.T
        right_side += design @ target
        squares += float(target @ target)
        count += len(target)
    if count < MIN_PIXELS // 2 or np.linalg.cond(normal) > 1e14:
        return np.zeros(2), math.inf
    solution = np.linalg.solve(normal, right_side)
    variance = max(squares - float(solution @ right_side), 0.0) / max(count - 4, 1)
    covariance = np.linalg.inv(normal) * variance * 4 * math.pi * SIGMA**2
    return np.asarray(solution[2:], np.float64), float(np.sqrt(covariance[2, 2] + covariance[3, 3]))
