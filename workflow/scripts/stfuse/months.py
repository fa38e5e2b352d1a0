"""Trials weighted so that they lie in the year as what they stand for: clouds choose their months, trials theirs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]

REACH = 0.5
"""Months in which a trial's say about another month falls to a third: a limb of a season lasts one or two."""

_APART = np.abs((np.arange(12)[:, None] - np.arange(12) + 6) % 12 - 6)
_SAY = np.exp(-_APART / REACH)


def month_of(dates: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Month of each date, 0..11."""
    return np.asarray(dates.astype("datetime64[M]").astype(np.int64) % 12)


def month_weights(trials: NDArray[np.number], wanted: NDArray[np.number]) -> Float64Array:
    """What a trial of each month counts, so that together they stand for the months that are wanted.

    Importance weighting: each wanted case is handed out among the trials, those of its own month first. Where that
    month has none, as under a monsoon, the months beside it speak for it.

    Parameters
    ----------
    trials, wanted : ndarray, shape (..., 12)
        How many trials, and how many cases they stand for, fall into each month.

    Returns
    -------
    ndarray, shape (..., 12), float64
        Their sum over all trials is that of `wanted`; 0 where there is no trial.
    """
    said = trials @ _SAY
    share = np.divide(wanted, said, out=np.zeros(np.shape(said)), where=said > 0)
    return np.where(trials > 0, share @ _SAY, 0.0)
