"""What the names of bands say about their values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stfuse.task import FloatArray

BACKSCATTER = frozenset({"vv", "vh", "hh", "hv"})
"""Bands in decibels: any number is valid, and integers of 1e-4 would not hold them."""


def valid_range(band: str) -> tuple[float, float]:
    """Physical limits of a band: reflectance 0..1.2, NDVI -1..1, none for backscatter in dB.

    Reflectance may pass 1: bright slopes do after normalisation to nadir and level ground.
    """
    if band in BACKSCATTER:
        return -np.inf, np.inf
    return (-1.0, 1.0) if band == "ndvi" else (0.0, 1.2)


def clip_to_valid(values: FloatArray, bands: Sequence[str]) -> FloatArray:
    """Hold each band to its physical limits; NaN stays.

    Parameters
    ----------
    values : ndarray, shape (..., band, y, x), float32
    bands : sequence of str
        STAC common names or ``ndvi``.
    """
    low, high = (np.array(side, np.float32)[:, None, None] for side in zip(*map(valid_range, bands), strict=True))
    return np.clip(values, low, high)
