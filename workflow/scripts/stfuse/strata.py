"""Where an image is smooth and where it has edges: the strata that scores are split by (Michel)."""

from __future__ import annotations

import numpy as np

from stfuse.metrics import Image, Mask
from stfuse.structure import gradient

STRATA = ("all", "low", "high")
"""Every scored pixel, the smoother half of them, the quarter with the strongest gradient."""

_GOLDEN = (5**0.5 - 1) / 2


def gradient_strata(reference: Image, valid: Mask) -> dict[str, Mask]:
    """Split the valid pixels by how steep the reference is there.

    Steepness is the Sobel gradient magnitude of the reference, averaged over bands (magnitudes,
    not images: red falls where the infrared rises, and their edges would cancel). One split
    serves every band of the image. ``low`` is the pixels up to the median, ``high`` those from the
    75 % quantile on; ties are broken by rank, so that the shares are exact.

    Parameters
    ----------
    reference : ndarray, shape (band, y, x)
    valid : ndarray of bool, shape (y, x)
        The pixels to be scored.

    Returns
    -------
    dict of str to ndarray of bool, shape (y, x)
        ``all`` equals `valid`. Pixels without a whole 3x3 neighbourhood are in no other stratum.
    """
    steepness = np.mean([gradient(band) for band in reference], axis=0)
    where = np.flatnonzero(valid & np.isfinite(steepness))
    # Equals spread evenly over the image (multiples of the golden ratio, modulo 1) rather than from the top row down.
    tie_break = np.modf(_GOLDEN * np.arange(where.size))[0]
    by_rank = where[np.lexsort((tie_break, steepness.ravel()[where]))]
    strata = {"all": valid.copy()}
    for name, members in (
        ("low", by_rank[: (where.size + 1) // 2]),
        ("high", by_rank[where.size - (where.size + 3) // 4 :]),
    ):
        mask = np.zeros(valid.shape, dtype=np.bool_)
        mask.flat[members] = True
        strata[name] = mask
    return strata
