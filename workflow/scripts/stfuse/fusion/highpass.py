"""High-pass modulation: a fine image carried to another date in proportion, and pairs joined by change."""

from __future__ import annotations

import numpy as np

from stfuse.fusion.conversion import window_means
from stfuse.task import FloatArray

__all__ = ["local_change", "modulate", "shares"]

LEAST_CHANGE = 1e-6
"""Less than this is rounding, and counts as no change at all."""


def modulate(fine: FloatArray, then: FloatArray, now: FloatArray, floor: float, limit: float) -> FloatArray:
    """A fine image brought to another date: ``now + (now / then) (fine - then)``, that is ``fine now / then``.

    Song et al. 2018 (JSTARS 11:821), their fusion model. Two guards, not in the paper: the ratio is held to
    1 / `limit` .. `limit`; and where `then` is nearly 0, or the two differ in sign (so can NDVI), a ratio says
    nothing, and the difference is added instead: ``fine + now - then``.

    Parameters
    ----------
    fine : ndarray, shape (..., y, x), float32
        Fine image of the reference date.
    then, now : ndarray, as `fine`
        Transitional images of the reference and of the target date: as sharp as each other.
    floor : float
        Below this magnitude of `then` the difference is added.
    limit : float
        Largest ratio, above 1.

    Returns
    -------
    ndarray, as `fine`
        NaN where any of the three is.
    """
    added = fine + now - then
    proportional = (np.abs(then) >= floor) & (then * now >= 0)
    ratio = np.clip(now / np.where(proportional, then, np.float32(1)), 1 / limit, limit)
    return np.asarray(np.where(proportional, fine * ratio, added), np.float32)


def local_change(then: FloatArray, now: FloatArray, window: int) -> FloatArray:
    """Size of the mean difference of two images over the window around each pixel, each band by itself.

    Parameters
    ----------
    then, now : ndarray, shape (band, y, x), float32
        NaN takes no part.
    window : int
        Width in pixels, odd.

    Returns
    -------
    ndarray, shape (band, y, x), float32
        NaN where no pixel of the window is known.
    """
    change, margin = now - then, window // 2
    out = np.empty_like(change)
    for band, image in enumerate(change):
        around = np.pad(image, margin, constant_values=np.float32(np.nan))
        seen = np.isfinite(around)
        mean, share = window_means(np.stack([np.where(seen, around, 0), seen]).astype(np.float32), seen, window)
        out[band] = np.where(share > 0, np.abs(mean), np.nan)
    return out


def shares(changes: FloatArray, threshold: float) -> FloatArray:
    """Weights of the pairs by how little has changed since each: inverse to the change, and their sum 1.

    Parameters
    ----------
    changes : ndarray, shape (pair, ..., y, x), float32
        Size of the change, at least 0; NaN = a pair that cannot be used there.
    threshold : float
        A pair whose change is larger than the least one by more than this has no weight.

    Returns
    -------
    ndarray, as `changes`
        A pair without any change takes all (or an equal part, if there are several). NaN where there is no pair.
    """
    change = np.where(np.isnan(changes), np.inf, np.where(changes < LEAST_CHANGE, 0, changes))
    least = change.min(axis=0)
    counts = np.isfinite(change) & (change <= least + threshold)
    weight = np.where(counts, np.divide(least, change, out=np.ones_like(change), where=change > least), 0)
    with np.errstate(invalid="ignore"):
        return np.asarray(weight / weight.sum(axis=0), np.float32)
