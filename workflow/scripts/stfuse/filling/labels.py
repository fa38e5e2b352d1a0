"""What a recurrent network is told of NDVI and of the day of the year (Rossberg and Schmitt 2024, section III)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stfuse.task import FloatArray

__all__ = ["LEAST", "YEAR", "doy_features", "from_label", "to_label"]

LEAST: Final = 0.2
SPAN: Final = 0.6
"""Labels lie in 0.2..0.8, where the sigmoid is nearly a straight line."""

YEAR: Final = 365.25


def to_label(ndvi: NDArray[np.floating]) -> FloatArray:
    """What a sigmoid is to say for an NDVI: 0.2 + 0.6 (y + 1) / 2, the NDVI clipped to -1..1; NaN stays.

    Returns
    -------
    ndarray, shape of `ndvi`, float32
        0.2..0.8.
    """
    return np.asarray(LEAST + SPAN * (np.clip(ndvi, -1, 1) + 1) / 2, np.float32)


def from_label(label: NDArray[np.floating]) -> FloatArray:
    """The NDVI that a sigmoid has said: the inverse of `to_label`, clipped to -1..1.

    Parameters
    ----------
    label : ndarray
        0..1: a sigmoid may leave the range of the labels.
    """
    return np.asarray(np.clip(2 * (label - LEAST) / SPAN - 1, -1, 1), np.float32)


def doy_features(dates: NDArray[np.datetime64]) -> FloatArray:
    """Sine and cosine of the day of the year, so that December lies beside January.

    Parameters
    ----------
    dates : ndarray of datetime64[D], shape (time,)

    Returns
    -------
    ndarray, shape (time, 2), float32
        Of 2 pi DOY / 365.25, the first of January being 1.
    """
    days = dates.astype("datetime64[D]")
    doy = (days - days.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.float64) + 1
    turn = 2 * np.pi * doy / YEAR
    return np.stack([np.sin(turn), np.cos(turn)], axis=-1).astype(np.float32)
