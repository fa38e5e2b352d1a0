"""Which values of a series are hidden to be predicted, and how far from the next known value they lie."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stfuse.task import FloatArray

__all__ = ["GAP_CLASSES", "HIDDEN_SHARE", "days_to_kept", "gap_class", "hide"]

HIDDEN_SHARE: Final = 2 / 3
"""Share of the optical values that become labels (Rossberg and Schmitt 2024, section III)."""

GAP_CLASSES: Final = ("<5", "5-9", "10-14", "15-19", ">=20")
"""Classes of gap length in days (Rossberg and Schmitt 2024, Table III)."""

_BOUNDS: Final = (5.0, 10.0, 15.0, 20.0)


def hide(seen: NDArray[np.bool_], share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw the values of each series that are hidden.

    Parameters
    ----------
    seen : ndarray of bool, shape (time, ...)
        Where a value was observed.
    share : float
        Of the observed values of each series, 0..1; rounded to whole values, and one at least is kept.
    rng : Generator

    Returns
    -------
    ndarray of bool, shape of `seen`
        True where a value was observed and is hidden.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"The hidden share must lie in 0..1, found {share}.")
    count = seen.sum(axis=0)
    hidden = np.minimum(np.rint(share * count), np.maximum(count - 1, 0))
    # The observed values of a series in a random order: the first `hidden` of them go.
    order = np.argsort(np.where(seen, rng.random(seen.shape, np.float32), np.float32(2)), axis=0)
    rank = np.empty(seen.shape, np.int32)
    np.put_along_axis(rank, order, np.arange(len(seen), dtype=np.int32).reshape(-1, *[1] * (seen.ndim - 1)), axis=0)
    return np.asarray(seen & (rank < hidden))


def days_to_kept(kept: NDArray[np.bool_], days: NDArray[np.floating], wanted: NDArray[np.floating]) -> FloatArray:
    """Gap length of values: days to the nearest kept one, before or after (Rossberg and Schmitt 2024, section V-A).

    Parameters
    ----------
    kept : ndarray of bool, shape (time, ...)
        Values that a method is given.
    days : ndarray, shape (time,)
        Their days, ascending.
    wanted : ndarray, shape (target,)
        Days of the values asked for.

    Returns
    -------
    ndarray, shape (target, ...), float32
        0 where a value is kept on that very day; inf where a series keeps nothing.
    """
    # A pass each way over the kept values, so that the work grows with the dates and not with their square.
    none = np.full((1, *kept.shape[1:]), np.inf, np.float32)
    at = np.asarray(days, np.float32).reshape(-1, *[1] * (kept.ndim - 1))
    before = np.maximum.accumulate(np.concatenate([-none, np.where(kept, at, -none)]), axis=0)
    after = np.minimum.accumulate(np.concatenate([np.where(kept, at, none), none])[::-1], axis=0)[::-1]
    day = np.asarray(wanted, np.float32).reshape(-1, *[1] * (kept.ndim - 1))
    since = day - before[np.searchsorted(days, wanted, side="right")]
    until = after[np.searchsorted(days, wanted, side="left")] - day
    return np.asarray(np.minimum(since, until), np.float32)


def gap_class(days: NDArray[np.floating]) -> NDArray[np.int8]:
    """Index into `GAP_CLASSES` of gap lengths in days; -1 where there is none (NaN or inf)."""
    found = np.searchsorted(np.array(_BOUNDS), days, side="right").astype(np.int8)
    return np.asarray(np.where(np.isfinite(days), found, np.int8(-1)))
