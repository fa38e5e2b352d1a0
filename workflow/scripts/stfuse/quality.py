"""Images that stand out of their season: haze and cloud that a mask missed over most of a site."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 3  # images on either side
MIN_EXCESS = 0.03  # reflectance in blue


def standing_out(brightness: NDArray[np.float64]) -> NDArray[np.float64]:
    """By how much each image is brighter than its neighbours in time, beyond what their own spread explains.

    A one-sided Hampel test: above the neighbours' median by more than three of their median absolute deviations
    and by at least 0.03, repeated without those that stood out. Snow and a harvest last, haze does not.

    Parameters
    ----------
    brightness : ndarray, shape (time,)
        Median blue reflectance of the clear pixels in order of time, NaN = none.

    Returns
    -------
    ndarray, shape (time,)
        Reflectance above the neighbours' median, 0 where the image does not stand out.
    """
    excess = np.zeros(len(brightness))
    while True:
        found = _one_round(brightness, excess)
        if (found == excess).all():
            return excess
        excess = found


def _one_round(brightness: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
    """Test every image against neighbours that did not stand out before: two hazy days must not excuse one another."""
    excess = before.copy()
    for i in np.flatnonzero(np.isfinite(brightness) & (before == 0)):
        calm = np.flatnonzero(np.isfinite(brightness) & (before == 0))
        beside = np.r_[calm[calm < i][-NEIGHBOURS:], calm[calm > i][:NEIGHBOURS]]
        if len(beside) < NEIGHBOURS:
            continue
        centre = np.median(brightness[beside])
        spread = 1.4826 * np.median(np.abs(brightness[beside] - centre))
        if brightness[i] - centre > max(3 * spread, MIN_EXCESS):
            excess[i] = brightness[i] - centre
    return excess
